"""Compensation: exactly what is completed is undone, in reverse order; how runs end after it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.rules.task_spec import TaskKind, TaskRole
from activity_core.core.run.closing import ending_of
from activity_core.core.run.compensation import (
    compensations,
    given_up,
    help_with,
    left_to_undo,
)
from activity_core.core.run.run import COMPENSATE, RunFailure, RunStatus
from activity_core.core.run.tally import Tally
from activity_core.core.run.task import FINAL, NewTask, TaskInstance, TaskResult, TaskStatus

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = "run-1"


def definition(names: list[str], **changes: Any) -> ActivityDefinition:
    """One rule: a chain of http tasks, each with its compensation but the last."""
    tasks = [
        {
            "id": name,
            "http": {"url": "http://127.0.0.1/do"},
            "needs": names[max(at - 1, 0) : at],
            "compensate": {"http": {"url": "http://127.0.0.1/undo"}, "queue": f"undo-{name}"},
        }
        for at, name in enumerate(names)
    ]
    del tasks[-1]["compensate"]
    rules = [{"id": "order", "tasks": tasks}]
    raw = {"id": "saga", "trigger": {"manual": {}}, "rules": rules} | changes
    return ActivityDefinition.model_validate(raw)


def task(name: str, status: TaskStatus, ended: int = 0, **changes: Any) -> TaskInstance:
    result = TaskResult(status, str(status)) if status in FINAL else None
    each = TaskInstance(
        task_id=f"task-{name}",
        run_id=RUN,
        definition_id="saga",
        version=1,
        rule="order",
        spec_id=name,
        item=0,
        kind=TaskKind.HTTP,
        title=name.title(),
        status=status,
        inputs={},
        undo=True,
        result=result,
        finished_at=AT + timedelta(seconds=ended) if result else None,
    )
    return replace(each, **changes)


def recorded(new: NewTask) -> TaskInstance:
    spec = new.spec
    return task(
        spec.spec_id, new.status, task_id=spec.task_id, role=spec.role, about=spec.about, undo=False
    )


NAMES = ["a", "b", "c", "d", "last"]
OUTCOMES = st.lists(
    st.tuples(st.sampled_from(sorted(TaskStatus)), st.integers(0, 3)), min_size=5, max_size=5
)


@given(OUTCOMES)
def test_exactly_the_completed_ones_are_undone_in_reverse_order(
    outcomes: list[tuple[TaskStatus, int]],
) -> None:
    model = definition(NAMES)
    group = [
        task(name, status, ended, undo=name != "last")
        for name, (status, ended) in zip(NAMES, outcomes, strict=True)
    ]
    new = compensations(model, group)
    done = {TaskStatus.COMPLETED, TaskStatus.COMPENSATED}
    wanted = [each for each in group if each.status in done and each.spec_id != "last"]
    assert {each.spec.about for each in new} == {each.task_id for each in wanted}
    assert {each.status for each in new} <= {TaskStatus.PENDING}
    there = [*group, *map(recorded, new)]
    assert {each.spec.task_id for each in compensations(model, there)} == {
        each.spec.task_id for each in new
    }
    order = [left.about for left in left_to_undo(model, there)]
    place = {name: at for at, name in enumerate(NAMES)}
    in_order = sorted(wanted, key=lambda each: (each.finished_at, place[each.spec_id]))
    assert order == [each.task_id for each in reversed(in_order)]
    assert {each.task_id for each in given_up(there)} == {
        each.task_id for each in group if each.status not in FINAL
    }


def test_a_compensation_is_late_and_has_policies_of_its_own() -> None:
    [new] = compensations(definition(["a", "z"]), [task("a", TaskStatus.COMPLETED)])
    spec = new.spec
    assert (spec.spec_id, spec.role, spec.late) == ("a/compensate", TaskRole.COMPENSATION, True)
    assert (spec.kind, spec.queue, spec.inputs) == (TaskKind.HTTP, "undo-a", {})


@pytest.mark.parametrize(("owner", "group"), [("billing", "billing"), (None, "operators")])
def test_whoever_owns_it_is_asked_for_help(owner: str | None, group: str) -> None:
    model = definition(["pay", "z"], owner=owner)
    undone = task("pay", TaskStatus.COMPLETED, title="Take the money")
    refund = recorded(compensations(model, [undone])[0])
    failed = TaskResult(TaskStatus.FAILED, "failed", error="it answered 500")
    new = help_with(model, replace(refund, status=failed.status, result=failed), undone)
    spec = new.spec
    assert (new.status, spec.kind, spec.role) == (TaskStatus.READY, TaskKind.HUMAN, TaskRole.HELP)
    assert (spec.spec_id, spec.about) == ("pay/compensate/help", refund.task_id)
    assert spec.groups == (group,)
    assert "Take the money" in spec.title
    assert "it answered 500" in str(spec.inputs["description"])


def tally(
    name: str, status: TaskStatus, outcome: str = "", *, role: TaskRole = TaskRole.TASK, **how: Any
) -> Tally:
    given_: dict[str, Any] = {"undone": False, "count": 1, "some": [f"task-{name}"]} | how
    return Tally("order", name, role, status, outcome or str(status), **given_)


FAILED, EXPIRED = TaskStatus.FAILED, TaskStatus.EXPIRED
UNDONE = tally("a", TaskStatus.COMPENSATED, undone=True)
GIVEN_UP = tally("a/compensate", FAILED, role=TaskRole.COMPENSATION, undone=True)


@pytest.mark.parametrize(
    ("tallies", "stop", "status", "code"),
    [
        ([], "", RunStatus.COMPLETED, None),
        ([], COMPENSATE, RunStatus.CANCELLED, None),
        ([tally("b", FAILED)], "", RunStatus.FAILED, "task_failed"),
        ([tally("b", EXPIRED, "expired")], "", RunStatus.FAILED, "task_failed"),
        ([tally("b", EXPIRED, "rejected")], "", RunStatus.COMPLETED, None),
        ([tally("b", FAILED, undone=True), UNDONE], "", RunStatus.COMPENSATED, None),
        ([tally("b", FAILED), UNDONE], "", RunStatus.FAILED, "task_failed"),
        ([tally("b", FAILED, undone=True), GIVEN_UP], "", RunStatus.FAILED, "compensation_failed"),
        ([tally("b", FAILED), GIVEN_UP, UNDONE], "", RunStatus.FAILED, "compensation_failed"),
        ([UNDONE], COMPENSATE, RunStatus.COMPENSATED, None),
        ([GIVEN_UP], COMPENSATE, RunStatus.FAILED, "compensation_failed"),
    ],
)
def test_a_run_ends_by_what_became_of_its_tasks(
    tallies: list[Tally], stop: str, status: RunStatus, code: str | None
) -> None:
    found, failure = ending_of(definition(["a", "b"]), tallies, stop)
    assert (found, failure.code if failure else None) == (status, code)


def test_a_run_does_without_what_may_fail() -> None:
    raw = definition(["a", "b"]).model_dump(by_alias=True, exclude_defaults=True, mode="json")
    raw["rules"][0]["tasks"][1]["on_failure"] = "continue"
    lenient = ActivityDefinition.model_validate(raw)
    assert ending_of(lenient, [tally("b", FAILED)], "") == (RunStatus.COMPLETED, None)
    assert ending_of(lenient, [tally("a", FAILED)], "")[0] is RunStatus.FAILED


def test_a_failure_names_a_few_and_counts_the_rest() -> None:
    some = ["task-1", "task-2", "task-3"]
    tallies = [tally("a", FAILED, count=9_000, some=some), tally("b", FAILED)]
    _, failure = ending_of(definition(["a", "b"]), tallies, "")
    assert failure == RunFailure(
        "task_failed", "not successful: task-1, task-2, task-3 and 8998 more"
    )
