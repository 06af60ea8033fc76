"""The words of human tasks: what people read, and who may do it, now and when time hands it over.

Part of `task_words`. Out: inputs, and names of people and groups that fit their columns.
"""

from dataclasses import dataclass
from typing import Any

from activity_core.core.definition.human_task import Assignment, HumanTask
from activity_core.core.expression.template import as_text
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import LimitExceededError

MAX_PRINCIPAL = 200
"""Characters of the name of a person or a group."""


@dataclass(frozen=True, slots=True)
class People:
    """Who may do a task."""

    assignee: str | None = None
    groups: tuple[str, ...] = ()


def human_words(human: HumanTask) -> dict[str, Any]:
    """The parts that may hold `${…}`."""
    return {
        "title": human.title,
        "description": human.description,
        "assign": _of_people(human.assign),
        "reassign": [{"to": _of_people(step.to)} for step in human.reassign],
        "escalate": [{"to": _of_people(step.to)} for step in human.escalate],
    }


def human_inputs(human: HumanTask, part: Any) -> dict[str, JsonValue]:
    """What the inbox shows; `reassign` and `escalate` say to whom, if there are any.

    Raises:
        LimitExceededError: a name is too long.
    """
    inputs: dict[str, JsonValue] = {
        "title": as_text(part["title"]),
        "description": as_text(part["description"]),
        "form": human.form,
        "outcomes": list(human.outcomes),
    }
    for key in ("reassign", "escalate"):
        if part[key]:
            inputs[key] = [_handover(step["to"]) for step in part[key]]
    return inputs


def people_of(words: Any) -> People:
    """Who may do it; nobody in particular unless it is a human task.

    Raises:
        LimitExceededError: a name is too long.
    """
    if "human" not in words:
        return People()
    assign = words["human"]["assign"]
    groups = tuple(filter(None, map(_principal, assign["groups"])))
    return People(_principal(assign["user"]) or None, groups)


def _of_people(assign: Assignment) -> dict[str, Any]:
    return {"user": assign.user, "groups": list(assign.all_groups)}


def _handover(assign: Any) -> JsonValue:
    groups: list[JsonValue] = [name for name in map(_principal, assign["groups"]) if name]
    return {"user": _principal(assign["user"]) or None, "groups": groups}


def _principal(value: JsonValue) -> str:
    name = as_text(value).replace("\x00", "\ufffd")
    if len(name) > MAX_PRINCIPAL:
        raise LimitExceededError(
            f"the name of a person or group has {len(name)} characters, over {MAX_PRINCIPAL}"
        )
    return name
