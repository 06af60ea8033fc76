"""Composition: every pending run in exactly one execution, together only what may be."""

from hypothesis import given
from hypothesis import strategies as st

from activity_core.core import ids
from activity_core.core.run.composition import MOST_BYTES, compose
from activity_core.core.run.run import PendingRun


def pending(
    number: int, attempt: int = 1, definition: str = "d", priority: int = 3, size: int = 0
) -> PendingRun:
    key = f"m.{number}"
    run_id = ids.run_id("main", definition, key)
    return PendingRun(run_id, definition, 1, key, attempt, priority, size)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=60),
    st.integers(1, 20),
)
def test_every_run_once_and_within_the_bound(kinds: list[tuple[bool, int]], max_runs: int):
    runs = [pending(number, attempt) for number, (_, attempt) in enumerate(kinds)]
    fused = {run.run_id for run, (is_fused, _) in zip(runs, kinds, strict=True) if is_fused}
    executions = compose(runs, may_share=lambda run: run.run_id in fused, max_runs=max_runs)
    members = [run_id for execution in executions for run_id in execution.runs]
    assert sorted(members) == sorted(run.run_id for run in runs)
    assert all(1 <= len(execution.runs) <= max_runs for execution in executions)
    assert len({execution.workflow_id for execution in executions}) == len(executions)
    attempts = {run.run_id: run.attempt for run in runs}
    for execution in executions:
        if len(execution.runs) > 1:
            assert all(run in fused and attempts[run] == 1 for run in execution.runs)


def test_what_is_alone_keeps_the_workflow_id_of_its_occurrence():
    [first] = compose([pending(1)], may_share=lambda _: True, max_runs=50)
    assert first.workflow_id == "activity-d-m.1"
    [retried] = compose([pending(1, attempt=2)], may_share=lambda _: True, max_runs=50)
    assert retried.workflow_id == "activity-d-m.1-r1"
    assert retried.execution_id != first.execution_id


def test_the_same_members_make_the_same_execution():
    runs = [pending(1), pending(2)]
    [once] = compose(runs, may_share=lambda _: True, max_runs=50)
    [again] = compose(runs, may_share=lambda _: True, max_runs=50)
    assert once == again
    assert once.workflow_id == f"activity-batch-{once.execution_id}"


def test_runs_of_several_definitions_share():
    runs = [pending(n, definition=name) for n, name in enumerate(["b", "a", "b"])]
    [execution] = compose(runs, may_share=lambda _: True, max_runs=50)
    assert execution.runs == tuple(run.run_id for run in runs)
    assert execution.definitions == ("a", "b")


@given(st.lists(st.integers(0, MOST_BYTES + 1), max_size=30))
def test_bytes_are_bounded_but_for_one_that_is_larger_by_itself(sizes: list[int]):
    runs = [pending(number, size=size) for number, size in enumerate(sizes)]
    executions = compose(runs, may_share=lambda _: True, max_runs=50)
    members = [run_id for execution in executions for run_id in execution.runs]
    assert members == [run.run_id for run in runs]
    size_of = {run.run_id: run.size for run in runs}
    sums = [sum(size_of[run_id] for run_id in execution.runs) for execution in executions]
    for execution, total in zip(executions, sums, strict=True):
        assert total <= MOST_BYTES or len(execution.runs) == 1
    for total, following in zip(sums, executions[1:], strict=False):
        assert total + size_of[following.runs[0]] > MOST_BYTES


def test_the_urgent_go_first_whether_they_share_or_not():
    order = [("shares", 1), ("alone", 1), ("shares", 2), ("alone", 5)]
    runs = [
        pending(number, definition=name, priority=priority)
        for number, (name, priority) in enumerate(order)
    ]
    executions = compose(runs, may_share=lambda run: run.definition_id == "shares", max_runs=50)
    assert [execution.priority for execution in executions] == [1, 1, 5]
    assert [len(execution.runs) for execution in executions] == [2, 1, 1]
