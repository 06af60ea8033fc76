"""Advice about sagas: a compensation that no failure leads to."""

from typing import Any

import pytest

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.saga_advice import advise_on_sagas

HTTP = {"url": "/x"}


@pytest.mark.parametrize(
    ("first", "second", "warned"),
    [
        (None, None, False),
        ("fail", None, False),
        ("fail", "compensate", False),
        ("fail", "fail", True),
        ("continue", "fail", True),
    ],
)
def test_a_compensation_that_no_failure_leads_to(first: Any, second: Any, warned: bool) -> None:  # noqa: FBT001 - a column
    tasks: list[Any] = [
        {"id": "a", "http": HTTP, "compensate": {"http": HTTP}, "on_failure": first},
        {"id": "b", "http": HTTP, "on_failure": second},
    ]
    definition = ActivityDefinition.model_validate(
        {"id": "d", "trigger": {"manual": {}}, "rules": [{"id": "r", "tasks": tasks}]}
    )
    places = [path for path, _ in advise_on_sagas(definition)]
    assert places == ([("rules", 0, "tasks", 0, "compensate")] if warned else [])


def test_rules_without_compensations_are_left_alone() -> None:
    tasks = [{"id": "a", "http": HTTP, "on_failure": "fail"}]
    definition = ActivityDefinition.model_validate(
        {"id": "d", "trigger": {"manual": {}}, "rules": [{"id": "r", "tasks": tasks}]}
    )
    assert list(advise_on_sagas(definition)) == []
