"""What every queue of runs keeps."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from tests.contract.stores import (
    AT,
    ID,
    LEASE,
    SECOND,
    BoomError,
    Stores,
    definition,
    event,
    member,
    record,
    record_batch,
    spec,
)

from activity_core.core import ids
from activity_core.core.definition.flow_control import DEFAULT_PRIORITY
from activity_core.core.errors import RejectedError
from activity_core.core.flow.group import Group
from activity_core.core.rules.task_spec import TaskKind, TaskRole
from activity_core.core.run.composition import compose
from activity_core.core.run.run import Execution, PendingRun, RunFailure, RunStatus
from activity_core.core.run.task import NewTask, TaskResult, TaskStatus
from activity_core.ports.reading import Query
from activity_core.ports.run_queue import ManualRequest, OpenRun, Submission

REQUEST = ManualRequest(ID, 1, "m.request-1", {"reason": "a test\0"}, "ann")


async def fail(stores: Stores, run_id: str, *, at=AT) -> None:
    failure = RunFailure("context_unavailable", "no answer")
    assert await stores.run_ledger.close(run_id, RunStatus.FAILED, failure, at, [])


async def test_a_manual_request_is_decided_once(stores: Stores):
    await stores.publish(definition())
    first = await stores.run_queue.submit(REQUEST, AT)
    assert first == Submission(ids.run_id(stores.tenant, ID, "m.request-1"), created=True)
    again = await stores.run_queue.submit(REQUEST, AT + SECOND)
    assert again == Submission(first.run_id, created=False)
    assert await stores.run_queue.depth() == 1
    run = await stores.reading.run(first.run_id)
    assert (run["trigger"], run["input"]) == ("manual", {"reason": "a test\0"})
    assert (run["version_used"], run["fired_at"]) == (1, "2026-01-01T12:00:00Z")
    [decision] = (await stores.reading.decisions(Query())).items
    assert (decision["outcome"], decision["run_id"]) == ("fired", first.run_id)
    assert "ann" in str(decision["reason"])


async def test_rival_requests_are_one(stores: Stores):
    await stores.publish(definition())
    answers = await asyncio.gather(*(stores.run_queue.submit(REQUEST, AT) for _ in range(3)))
    assert sorted(answer.created for answer in answers) == [False, False, True]
    assert len(await stores.compose()) == 1


async def test_a_request_for_an_unknown_version_is_rejected(stores: Stores):
    await stores.publish(definition("other"))
    with pytest.raises(RejectedError):
        await stores.run_queue.submit(REQUEST, AT)
    assert await stores.run_queue.depth() == 0


async def test_composing_leases_what_was_pending(stores: Stores):
    run_ids = await stores.fire(event("a"), event("b"))
    executions = await stores.compose()
    assert [execution.runs for execution in executions] == [(run_id,) for run_id in run_ids]
    assert await stores.compose() == []
    assert await stores.run_queue.depth() == 2  # no workflow has them yet
    assert await stores.run_queue.overdue(9, at=AT + LEASE - SECOND, lease=LEASE) == []
    run = await stores.reading.run(run_ids[0])
    assert (run["workflow_id"], run["status"]) == (executions[0].workflow_id, "pending")


async def test_composing_sees_the_oldest_pending_runs(stores: Stores):
    run_ids = await stores.fire(*(event(str(n)) for n in range(3)))
    seen: list[PendingRun] = []

    def composer(pending: Sequence[PendingRun]) -> list[Execution]:
        seen.extend(pending)
        return [Execution("x" * 32, "workflow-x", tuple(run.run_id for run in pending))]

    executions = await stores.run_queue.compose(2, composer, at=AT, lease=LEASE)
    occurrence = ids.occurrence_of_event("/shop", "0")
    size = len(event("0").to_bytes())
    assert seen[0] == PendingRun(run_ids[0], ID, 1, occurrence, 1, DEFAULT_PRIORITY, size)
    assert [run.run_id for run in seen] == run_ids[:2]
    assert executions == [Execution("x" * 32, "workflow-x", tuple(run_ids[:2]))]


async def test_a_composer_that_fails_changes_nothing(stores: Stores):
    await stores.fire(event())

    def composer(pending: Sequence[PendingRun]) -> list[Execution]:
        raise BoomError

    with pytest.raises(BoomError):
        await stores.run_queue.compose(9, composer, at=AT, lease=LEASE)
    assert len(await stores.compose()) == 1


async def test_composing_side_by_side_takes_each_run_once(stores: Stores):
    run_ids = await stores.fire(*(event(str(n)) for n in range(20)))
    parts = await asyncio.gather(*(stores.compose() for _ in range(3)))
    composed = [run_id for part in parts for execution in part for run_id in execution.runs]
    assert sorted(composed) == sorted(run_ids)


async def test_a_run_that_was_cancelled_while_pending_is_not_composed(stores: Stores):
    a, b = await stores.fire(event("a"), event("b"))
    assert await stores.run_ledger.close(a, RunStatus.CANCELLED, None, AT, [])
    assert [execution.runs for execution in await stores.compose()] == [(b,)]
    assert await stores.run_queue.depth() == 1


async def test_a_lease_that_ran_out_is_leased_again(stores: Stores):
    await stores.fire(event("a"), event("b"))
    [execution] = await stores.compose(together=True)
    again = await stores.run_queue.overdue(9, at=AT + LEASE, lease=LEASE)
    assert [(each.execution_id, each.workflow_id) for each in again] == [
        (execution.execution_id, execution.workflow_id)
    ]
    assert again[0].runs == tuple(sorted(execution.runs))
    assert await stores.run_queue.overdue(9, at=AT + LEASE, lease=LEASE) == []
    later = await stores.run_queue.overdue(9, at=AT + 2 * LEASE, lease=LEASE)
    assert len(later) == 1


async def test_overdue_keeps_the_limit_and_rivals_get_different_ones(stores: Stores):
    await stores.fire(*(event(str(n)) for n in range(10)))
    await stores.compose()
    rivals = [stores.run_queue.overdue(4, at=AT + LEASE, lease=LEASE) for _ in range(3)]
    parts = await asyncio.gather(*rivals)
    found = [execution.execution_id for part in parts for execution in part]
    assert len(found) == len(set(found)) <= 10
    assert all(len(part) <= 4 for part in parts)


async def test_what_is_started_needs_no_lease(stores: Stores):
    await stores.fire(event())
    [execution] = await stores.compose()
    await stores.run_queue.mark_started([execution.execution_id])
    await stores.run_queue.mark_started([execution.execution_id])
    assert await stores.run_queue.overdue(9, at=AT + LEASE, lease=LEASE) == []
    assert await stores.run_queue.depth() == 1


async def test_what_a_workflow_claimed_needs_no_lease(stores: Stores):
    await stores.fire(event())
    [execution] = await stores.compose()
    async with stores.run_ledger.open(execution.execution_id, AT):
        pass
    assert await stores.run_queue.overdue(9, at=AT + LEASE, lease=LEASE) == []
    assert await stores.run_queue.depth() == 0


async def test_open_runs_are_the_started_ones_longest_ago_first(stores: Stores):
    b = (await stores.execution(event("b"), at=AT)).runs[0]
    a = (await stores.execution(event("a"), at=AT + SECOND)).runs[0]
    await stores.fire(event("never composed"), at=AT)
    leased = (await stores.fire(event("leased"), at=AT))[0]
    await stores.compose()
    found = await stores.run_queue.open_runs(9, untouched_since=AT + 9 * SECOND)
    assert [run.run_id for run in found] == [b, a]
    workflow = ids.workflow_id(ID, ids.occurrence_of_event("/shop", "b"))
    assert found[0] == OpenRun(b, ID, workflow, RunStatus.PENDING)
    assert leased not in {run.run_id for run in found}
    assert len(await stores.run_queue.open_runs(1, untouched_since=AT + 9 * SECOND)) == 1


async def test_touched_runs_are_left_alone_for_a_while(stores: Stores):
    run_id = (await stores.execution()).runs[0]
    await stores.run_queue.touch([run_id], AT + 60 * SECOND)
    assert await stores.run_queue.open_runs(9, untouched_since=AT + 59 * SECOND) == []
    assert len(await stores.run_queue.open_runs(9, untouched_since=AT + 61 * SECOND)) == 1


async def test_claimed_runs_are_audited_and_closed_ones_are_not(stores: Stores):
    execution = await stores.execution(event("a"), event("b"))
    async with stores.run_ledger.open(execution.execution_id, AT):
        pass
    await stores.run_ledger.close(execution.runs[0], RunStatus.COMPLETED, None, AT, [])
    [left] = await stores.run_queue.open_runs(9, untouched_since=AT + SECOND)
    assert (left.run_id, left.status) == (execution.runs[1], RunStatus.RUNNING)
    assert left.workflow_id == execution.workflow_id


async def test_restart_makes_the_execution_overdue(stores: Stores):
    execution = await stores.execution()
    await stores.run_queue.restart(execution.runs[0], AT + SECOND)
    again = await stores.run_queue.overdue(9, at=AT + SECOND, lease=LEASE)
    assert again == [execution]


async def test_a_closed_run_is_not_restarted(stores: Stores):
    execution = await stores.execution()
    await stores.run_ledger.close(execution.runs[0], RunStatus.CANCELLED, None, AT, [])
    await stores.run_queue.restart(execution.runs[0], AT)
    assert await stores.run_queue.overdue(9, at=AT + SECOND, lease=LEASE) == []


async def test_retry_reopens_a_failed_run_as_the_next_attempt(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs
    await fail(stores, run_id)
    pending = await stores.retry(run_id, AT + SECOND)
    occurrence = ids.occurrence_of_event("/shop", "1")
    assert pending == PendingRun(run_id, ID, 1, occurrence, 2)
    run = await stores.reading.run(run_id)
    assert (run["status"], run["attempt"], run["failure"]) == ("pending", 2, None)
    assert run["finished_at"] is None
    [again] = await stores.compose()
    assert again.execution_id != execution.execution_id
    assert again.workflow_id == ids.workflow_id(ID, occurrence, 2)
    async with stores.run_ledger.open(execution.execution_id, AT) as old:
        assert list(old.runs) == []
    async with stores.run_ledger.open(again.execution_id, AT) as new:
        assert [(run.run_id, run.attempt, run.recorded) for run in new.runs] == [(run_id, 2, True)]


async def test_between_retry_and_start_no_execution_has_the_run(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs
    await fail(stores, run_id)
    await stores.retry(run_id, AT + 60 * SECOND)
    async with stores.run_ledger.open(execution.execution_id, AT) as old:
        assert list(old.runs) == []
    assert await stores.run_queue.open_runs(9, untouched_since=AT + 99 * SECOND) == []
    assert await stores.run_queue.depth() == 1
    [again] = await stores.compose()
    await stores.run_queue.mark_started([again.execution_id])
    assert await stores.run_queue.open_runs(9, untouched_since=AT + 59 * SECOND) == []
    assert len(await stores.run_queue.open_runs(9, untouched_since=AT + 61 * SECOND)) == 1


async def test_retry_reopens_what_failed_or_was_skipped_and_keeps_what_is_done(stores: Stores):
    run_id = stores.run_id(event())
    specs = {name: spec(run_id, name) for name in ("done", "failed", "skipped", "open")}
    await stores.recorded(*specs.values())
    for name, status in (
        ("done", TaskStatus.COMPLETED),
        ("failed", TaskStatus.FAILED),
        ("skipped", TaskStatus.SKIPPED),
    ):
        result = TaskResult(status, status, error="broken")
        await stores.task_ledger.finish(specs[name].task_id, result, AT, [])
    await fail(stores, run_id)
    await stores.retry(run_id, AT)
    tasks = {name: await stores.task_ledger.get(each.task_id) for name, each in specs.items()}
    assert {name: task.status for name, task in tasks.items()} == {
        "done": TaskStatus.COMPLETED,
        "failed": TaskStatus.PENDING,
        "skipped": TaskStatus.PENDING,
        "open": TaskStatus.READY,
    }
    assert tasks["failed"].result is None
    assert tasks["done"].result is not None


async def test_retry_decides_a_run_without_tasks_anew(stores: Stores):
    execution = await stores.execution()
    [run_id] = execution.runs
    await stores.run_ledger.keep_gathered(run_id, "invoices", [1])
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        failure = RunFailure("context_unavailable", "no answer")
        await opened.record([record(opened.runs[0], RunStatus.FAILED, failure=failure)], AT)
    await stores.retry(run_id, AT)
    [again] = await stores.compose()
    async with stores.run_ledger.open(again.execution_id, AT) as opened:
        [run] = opened.runs
        assert (run.recorded, run.attempt, dict(run.gathered)) == (False, 2, {})
        task = NewTask(spec(run_id), TaskStatus.READY)
        await opened.record([record(run, tasks=[task])], AT)
    told = await stores.reading.run(run_id)
    assert (told["status"], told["tasks_spawned"]) == ("completed", [task.spec.task_id])


async def test_signals_wait_until_they_are_dropped(stores: Stores):
    run_id = stores.run_id(event())
    specs = [spec(run_id, name) for name in ("a", "b")]
    execution = await stores.recorded(*specs)
    for each in specs:
        done = TaskResult(TaskStatus.COMPLETED, "done")
        await stores.task_ledger.finish(each.task_id, done, AT, [], ring=True)
    signals = await stores.run_queue.take_signals(9)
    assert [signal.workflow_id for signal in signals] == [execution.workflow_id] * 2
    assert await stores.run_queue.take_signals(1) == signals[:1]
    await stores.run_queue.drop_signals([signals[0].position])
    await stores.run_queue.drop_signals([signals[0].position])
    assert await stores.run_queue.take_signals(9) == signals[1:]


async def fire_by_priority(stores: Stores, *priorities: int) -> list[str]:
    """Pending runs for one event each, in this order."""
    await stores.publish(definition())
    events = [event(str(number)) for number in range(len(priorities))]
    await stores.accept(*events)
    async with stores.inbox.take(99) as batch:
        groups = [
            Group((replace(member(each), priority=priority),))
            for each, priority in zip(batch.events, priorities, strict=True)
        ]
        await record_batch(batch, *((ID, group) for group in groups))
    return [stores.run_id(each) for each in events]


async def take_turns(stores: Stores, limit: int, *, at: datetime = AT) -> list[PendingRun]:
    """The runs that are composed, one execution each, as the composer sees them."""
    seen: list[PendingRun] = []

    def composer(pending: Sequence[PendingRun]) -> list[Execution]:
        seen.extend(pending)
        return compose(pending, may_share=lambda _: False, max_runs=1)

    await stores.run_queue.compose(limit, composer, at=at, lease=LEASE)
    return seen


async def test_the_most_urgent_go_first_then_the_oldest(stores: Stores):
    run_ids = await fire_by_priority(stores, 5, 3, 1, 3, 1)
    in_turn = [run_ids[place] for place in (2, 4, 1, 3, 0)]
    first = await take_turns(stores, 3)
    rest = await take_turns(stores, 99)
    assert [run.run_id for run in (*first, *rest)] == in_turn
    assert [run.priority for run in (*first, *rest)] == [1, 1, 3, 3, 5]


async def test_a_request_has_the_middle_priority(stores: Stores):
    run_ids = await fire_by_priority(stores, 4, 2)
    request = await stores.run_queue.submit(REQUEST, AT)
    turns = await take_turns(stores, 99)
    assert [run.run_id for run in turns] == [run_ids[1], request.run_id, run_ids[0]]


async def test_a_retry_is_as_urgent_as_the_run_was(stores: Stores):
    urgent, _ = await fire_by_priority(stores, 1, 2)
    await take_turns(stores, 1)
    await fail(stores, urgent)
    assert (await stores.retry(urgent, AT)).priority == 1
    assert [(run.priority, run.attempt) for run in await take_turns(stores, 99)] == [(1, 2), (2, 1)]


async def test_what_is_overdue_is_as_urgent_as_it_was_composed(stores: Stores):
    await fire_by_priority(stores, 4, 2)
    apart = await stores.compose()
    assert [execution.priority for execution in apart] == [2, 4]
    assert apart[0].definitions == (ID,)
    assert await stores.run_queue.overdue(9, at=AT + LEASE, lease=LEASE) == apart


async def test_a_shared_execution_is_as_urgent_as_its_most_urgent_run(stores: Stores):
    await fire_by_priority(stores, 4, 2, 5)
    await stores.compose(together=True)
    [again] = await stores.run_queue.overdue(9, at=AT + LEASE, lease=LEASE)
    assert (again.priority, again.definitions) == (2, (ID,))


async def test_the_composer_knows_how_much_a_run_is_for(stores: Stores):
    small, large = event("small"), event("large", data={"text": "x" * 500})
    await stores.fire(small, large)
    await stores.run_queue.submit(replace(REQUEST, input={"reason": "y"}), AT)
    turns = await take_turns(stores, 99)
    bodies = [len(small.to_bytes()), len(large.to_bytes())]
    assert [run.size for run in turns] == [*bodies, len('{"reason":"y"}')]


def told(run_id: str, number: int) -> NewTask:
    """A notification about a task that is recorded with its run."""
    about = ids.task_id(run_id, "all", "look", 0)
    words = spec(run_id, f"look/notify/{number}/created-0", kind=TaskKind.EMIT, wait=False)
    role = replace(words, role=TaskRole.NOTIFICATION, about=about, late=True)
    return NewTask(role, TaskStatus.READY)


async def test_notifications_wait_for_workflows_of_their_own(stores: Stores):
    execution = await stores.execution()
    [run_id] = execution.runs
    notes = [told(run_id, number) for number in range(3)]
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        [run] = opened.runs
        new = NewTask(spec(run_id), TaskStatus.READY)
        both = replace(record(run, tasks=[new]), notifications=notes)
        await opened.record([both], AT)
    waiting = await stores.run_queue.take_tasks(9)
    assert [task.task_id for task in waiting] == [each.spec.task_id for each in notes]
    first = waiting[0]
    assert (first.definition_id, first.version, first.rule) == (ID, 1, "all")
    assert first.spec_id == "look/notify/0/created-0"
    assert await stores.run_queue.take_tasks(2) == waiting[:2]
    stored = await stores.task_ledger.get(first.task_id)
    assert (stored.role, stored.late, stored.status) == ("notification", True, TaskStatus.READY)
    assert (stored.ready_at, stored.about) == (AT, ids.task_id(run_id, "all", "look", 0))

    await stores.run_queue.drop_tasks([first.position, waiting[2].position])
    assert await stores.run_queue.take_tasks(9) == [waiting[1]]
    await stores.run_queue.drop_tasks([first.position, waiting[1].position])
    assert await stores.run_queue.take_tasks(9) == []
