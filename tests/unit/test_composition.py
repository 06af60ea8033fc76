"""Composition: every pending run in exactly one execution, together only what may be."""

from hypothesis import given
from hypothesis import strategies as st

from activity_core.core import ids
from activity_core.core.run.composition import compose
from activity_core.core.run.run import PendingRun


def pending(number: int, attempt: int = 1) -> PendingRun:
    key = f"m.{number}"
    return PendingRun(ids.run_id("main", "d", key), "d", 1, key, attempt)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=60),
    st.integers(1, 20),
)
def test_every_run_once_and_within_the_bound(kinds: list[tuple[bool, int]], max_runs: int):
    runs = [pending(number, attempt) for number, (_, attempt) in enumerate(kinds)]
    fused = {run.run_id for run, (is_fused, _) in zip(runs, kinds, strict=True) if is_fused}
    executions = compose(runs, is_fused=lambda run: run.run_id in fused, max_runs=max_runs)
    members = [run_id for execution in executions for run_id in execution.runs]
    assert sorted(members) == sorted(run.run_id for run in runs)
    assert all(1 <= len(execution.runs) <= max_runs for execution in executions)
    assert len({execution.workflow_id for execution in executions}) == len(executions)
    attempts = {run.run_id: run.attempt for run in runs}
    for execution in executions:
        if len(execution.runs) > 1:
            assert all(run in fused and attempts[run] == 1 for run in execution.runs)


def test_what_is_alone_keeps_the_workflow_id_of_its_occurrence():
    [first] = compose([pending(1)], is_fused=lambda _: True, max_runs=50)
    assert first.workflow_id == "activity-d-m.1"
    [retried] = compose([pending(1, attempt=2)], is_fused=lambda _: True, max_runs=50)
    assert retried.workflow_id == "activity-d-m.1-r1"
    assert retried.execution_id != first.execution_id


def test_the_same_members_make_the_same_execution():
    runs = [pending(1), pending(2)]
    [once] = compose(runs, is_fused=lambda _: True, max_runs=50)
    [again] = compose(runs, is_fused=lambda _: True, max_runs=50)
    assert once == again
    assert once.workflow_id == f"activity-batch-{once.execution_id}"
