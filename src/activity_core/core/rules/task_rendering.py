"""Task rendering: a template's rendered words become a task spec that can be stored.

In: `rules`, per template and item. Out: specs whose texts fit their columns and whose inputs are
bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activity_core.core import ids
from activity_core.core.definition.definition import Rule
from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.expression.condition import without_nul
from activity_core.core.expression.template import as_text
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.rules.patience import patience_of
from activity_core.core.rules.task_spec import TaskKind, TaskSpec
from activity_core.core.run.errors import LimitExceededError

MAX_TITLE = 500
MAX_PRINCIPAL = 200
"""Characters of the name of a person or a group."""


@dataclass(slots=True)
class Rendering:
    """Makes the specs of one run; `bytes_left` is what their inputs may still take."""

    run_id: str
    bytes_left: int

    def spec(
        self,
        rule: Rule,
        template: TaskTemplate,
        item: int,
        words: Any,
        spawned: Mapping[str, bool],
    ) -> TaskSpec:
        """One task of one item.

        Args:
            rule: where it comes from.
            template: what it is made of.
            item: index in the loop.
            words: `rule_plan.templated`, rendered.
            spawned: which templates make a task for this item.

        Raises:
            LimitExceededError: inputs of the run, or a name, are too long.
        """
        inputs = self._bounded(_inputs(template, words))
        human = template.human_
        title = words.get("title") or inputs.get("title") or template.id
        assign: dict[str, Any] = words["human"]["assign"] if human else {"user": "", "groups": ()}
        return TaskSpec(
            task_id=self._task_id(rule, template.id, item),
            rule=rule.id,
            spec_id=template.id,
            item=item,
            kind=TaskKind(template.kind),
            title=_cut(as_text(title)),
            inputs=inputs,
            needs=tuple(
                self._task_id(rule, need, item) for need in _needs(rule, template, spawned)
            ),
            queue=template.queue,
            patience=patience_of(template),
            assignee=_principal(assign["user"]) or None,
            groups=tuple(filter(None, map(_principal, assign["groups"]))),
            wait=human.wait if human else False,
            human=human,
            join=template.join,
            on_failure=rule.on_failure(template),
            parallel=rule.parallel,
            undo=template.compensate is not None,
        )

    def _task_id(self, rule: Rule, spec_id: str, item: int) -> str:
        return ids.task_id(self.run_id, rule.id, spec_id, item)

    def _bounded(self, inputs: dict[str, JsonValue]) -> dict[str, JsonValue]:
        body = canonical_json(inputs)
        self.bytes_left -= len(body)
        if self.bytes_left < 0:
            raise LimitExceededError(
                f"the inputs of all tasks together are {-self.bytes_left} bytes too long",
                hint="hand over ids instead of whole rows",
            )
        if rb"\u0000" in body:
            clean: dict[str, JsonValue] = without_nul(inputs)
            return clean
        return inputs


def _inputs(template: TaskTemplate, words: Any) -> dict[str, JsonValue]:
    part = words[template.kind]
    if http := template.http_:
        return {
            "connection": http.connection,
            "method": http.method,
            "url": as_text(part["url"]),
            "headers": {name: as_text(value) for name, value in part["headers"].items()},
            "json": part["json"],
        }
    if python := template.python_:
        return {"plugin": python.plugin, "args": part["args"]}
    if emit := template.emit_:
        return {
            "type": emit.type,
            "subject": as_text(part["subject"]) or None,
            "data": part["data"],
        }
    return {
        "title": as_text(part["title"]),
        "description": as_text(part["description"]),
        "form": template.human_.form if template.human_ else None,
    }


def _needs(rule: Rule, template: TaskTemplate, spawned: Mapping[str, bool]) -> list[str]:
    """Ids of the templates that it waits for.

    In place of one that makes no task stand those which that one needs: leaving out the middle of
    a chain must not let its end begin too early.
    """
    needs_of = {other.id: other.needs for other in rule.tasks}
    found: dict[str, None] = {}
    open_ = list(template.needs)
    seen = set(open_)
    while open_:
        need = open_.pop(0)
        if spawned[need]:
            found[need] = None
        else:
            more = [other for other in needs_of[need] if other not in seen]
            seen.update(more)
            open_ += more
    return list(found)


def _cut(title: str) -> str:
    title = title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…"
    return title.replace("\x00", "\ufffd")


def _principal(value: JsonValue) -> str:
    name = as_text(value).replace("\x00", "\ufffd")
    if len(name) > MAX_PRINCIPAL:
        raise LimitExceededError(
            f"the name of a person or group has {len(name)} characters, over {MAX_PRINCIPAL}"
        )
    return name
