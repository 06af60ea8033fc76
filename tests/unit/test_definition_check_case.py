"""The definition check of lifecycles: what ongoing definitions need, and others must not say."""

from typing import Any

import pytest

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.check import check_definition

ONGOING: dict[str, Any] = {
    "lifecycle": "ongoing",
    "correlation": "event.data.order",
    "trigger": {"event": {"type": "order.*", "dedupe_key": "event.id"}},
    "state": {"initial": {"paid": False}, "update": "{'paid': event.type == 'order.paid'}"},
    "timers": {"late": {"after": "P3D", "since": "opened"}},
    "ends_when": "state.paid && timer == ''",
    "migrate": "newest",
}


def check(rule: Any = None, **more: Any) -> Any:
    tasks = [{"id": "t", "when": "state.paid", "human": {"title": "${timer} ${state.paid}"}}]
    definition = ActivityDefinition.model_validate(
        {"id": "d", "rules": [{"id": "r", "tasks": tasks, **(rule or {})}], **more}
    )
    return [(".".join(map(str, path)), text) for path, text in check_definition(definition)]


def test_a_right_one() -> None:
    assert (
        check(**ONGOING, rule={"when": "timer == 'late' || event.type == 'x' || state.paid"}) == []
    )


@pytest.mark.parametrize(
    ("changed", "path", "message"),
    [
        ({"correlation": None}, "lifecycle", "`ongoing` needs `correlation`"),
        ({"correlation": "state.x"}, "correlation", "unknown variable state"),
        ({"state": {"update": "1 + 1"}}, "state.update", "must be a map, is int"),
        ({"state": {"update": "context.x"}}, "state.update", "unknown variable context"),
        ({"state": {"initial": {"x": "y" * 70_000}}}, "state.initial", "over the limit of 65536"),
        ({"ends_when": "size(state)"}, "ends_when", "must be true or false"),
        ({"ends_when": "tasks.t.outcome == ''"}, "ends_when", "unknown variable tasks"),
        (
            {"trigger": {"event": {"type": "a"}, "manual": {}}},
            "trigger.manual",
            "an `event` trigger and no other",
        ),
        (
            {"trigger": {"interval": {"every": "1h"}}},
            "trigger.interval",
            "an `event` trigger and no other",
        ),
        *(
            (
                {"trigger": {"event": {"type": "a", key: value}}},
                f"trigger.event.{key}",
                "does not go with `lifecycle: ongoing`",
            )
            for key, value in (
                ("batch", {"max_wait": "1s"}),
                ("debounce", {"quiet": "1s"}),
                ("throttle", {"limit": 1, "per": "1s"}),
                ("order", {}),
                ("concurrency", {}),
            )
        ),
        (
            {"rule": {"for_each": "state.items", "as": "timer"}},
            "rules.0.as",
            "`timer` is a reserved name here",
        ),
    ],
)
def test_mistakes(changed: Any, path: str, message: str) -> None:
    ((found, text),) = check(**(ONGOING | changed))
    assert found == path
    assert message in text


def test_what_belongs_to_ongoing_definitions() -> None:
    more = {key: value for key, value in ONGOING.items() if key != "lifecycle"}
    found = check(**more, rule={"tasks": [{"id": "t", "human": {"title": "T"}}]})
    assert [path for path, _ in found] == ["correlation", "state", "timers", "ends_when", "migrate"]


def test_rules_of_others_see_no_state() -> None:
    found = check(trigger={"manual": {}})
    assert [path for path, _ in found] == [
        "rules.0.tasks.0.when",
        "rules.0.tasks.0.human.title",
        "rules.0.tasks.0.human.title",
    ]
