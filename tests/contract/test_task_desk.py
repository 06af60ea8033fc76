"""What every desk of human tasks keeps."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.stores import (
    AT,
    SECOND,
    BoomError,
    Stores,
    announcement,
    event,
    record,
    spec,
)

from activity_core.core.errors import NotFoundError
from activity_core.core.human.log import TIME, Action, LogEntry
from activity_core.core.rules.task_spec import TaskKind, TaskRole, TaskSpec
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import NewTask, TaskClock, TaskInstance, TaskResult, TaskStatus

DONE = TaskResult(TaskStatus.COMPLETED, "done", {"call": "again\0"}, comment="ü\0", by="ann")
CLAIM = LogEntry(Action.CLAIMED, AT + SECOND, "ann", "key")


async def one(stores: Stores, **how: object) -> TaskSpec:
    each = spec(stores.run_id(event()), groups=("a", "b"), **how)  # type: ignore[arg-type]
    await stores.recorded(each)
    return each


def completed(task: TaskInstance) -> TaskInstance:
    return replace(
        task,
        status=TaskStatus.COMPLETED,
        result=DONE,
        clock=replace(task.clock, wake_at=None),
        revision=task.revision + 1,
    )


async def complete(stores: Stores, task_id: str) -> None:
    async with stores.task_desk.open(task_id) as opened:
        entry = LogEntry(Action.COMPLETED, AT, "ann")
        await opened.write(completed(opened.task), entry, [announcement(f"e-{task_id}")])


async def test_it_opens_a_task_with_its_group(stores: Stores):
    run_id = stores.run_id(event())
    mine = [spec(run_id, name) for name in ("a", "b")]
    other = spec(run_id, "a", item=1)
    rule = replace(spec(run_id, "c"), task_id="task-x", rule="another")
    await stores.recorded(*mine, other, rule)
    async with stores.task_desk.open(mine[1].task_id) as opened:
        assert opened.task == await stores.task_ledger.get(mine[1].task_id)
        ids = sorted(each.task_id for each in mine)
        assert [each.task_id for each in opened.group] == ids
        assert opened.task in opened.group
        assert opened.task.run_attempt == 1


async def test_unknown_tasks_are_not_found(stores: Stores):
    with pytest.raises(NotFoundError):
        async with stores.task_desk.open("task-unknown\0"):
            pass
    with pytest.raises(NotFoundError):
        await stores.task_desk.log("task-unknown")


async def test_what_is_written_is_what_is_there(stores: Stores):
    task_id = (await one(stores)).task_id
    clock = TaskClock(AT, AT + SECOND, AT + 2 * SECOND, step=3)
    async with stores.task_desk.open(task_id) as opened:
        task = replace(
            opened.task,
            status=TaskStatus.CLAIMED,
            claimed_by="ann",
            assignee="bob",
            groups=("c",),
            clock=clock,
            revision=7,
        )
        await opened.write(task, CLAIM, [announcement("e1")])
    stored = await stores.task_ledger.get(task_id)
    assert replace(stored, groups=tuple(stored.groups), needs=()) == replace(task, needs=())
    assert list(await stores.task_desk.log(task_id)) == [CLAIM]
    assert await stores.outgoing() == ["e1"]
    assert await stores.run_queue.take_signals(9) == []


async def test_what_ends_it_is_kept_and_its_run_is_woken_once(stores: Stores):
    task_id = (await one(stores)).task_id
    await complete(stores, task_id)
    async with stores.task_desk.open(task_id) as opened:
        assert opened.task.result is not None
        assert (opened.task.result.outcome, opened.task.result.outputs) == ("done", DONE.outputs)
        assert (opened.task.result.by, opened.task.revision) == ("ann", 1)
        said = LogEntry(Action.COMMENTED, AT + SECOND, "bob", comment="well\0")
        await opened.write(replace(opened.task, revision=2), said, [])
    told = await stores.reading.task(task_id)
    assert (told["status"], told["finished_at"]) == ("completed", "2026-01-01T12:00:00Z")
    assert len(await stores.run_queue.take_signals(9)) == 1
    assert await stores.outgoing() == [f"e-{task_id}"]
    log = await stores.task_desk.log(task_id)
    assert [each.action for each in log] == [Action.COMPLETED, Action.COMMENTED]


async def test_nobody_wakes_a_run_that_is_over(stores: Stores):
    task_id = (await one(stores)).task_id
    await stores.run_ledger.close(stores.run_id(event()), RunStatus.COMPLETED, None, AT, [])
    await complete(stores, task_id)
    assert await stores.run_queue.take_signals(9) == []


async def test_lines_stay_in_their_order_with_all_they_say(stores: Stores):
    task_id = (await one(stores)).task_id
    lines = [
        LogEntry(Action.DELEGATED, AT, "ann", "key", "c", {"assignee": None, "groups": ["ü"]}),
        LogEntry(Action.REMINDED, AT - SECOND, TIME),
        CLAIM,
    ]
    for entry in lines:
        async with stores.task_desk.open(task_id) as opened:
            status = TaskStatus.CLAIMED if entry is CLAIM else TaskStatus.READY
            by = "ann" if entry is CLAIM else None
            await opened.write(replace(opened.task, status=status, claimed_by=by), entry, [])
    assert list(await stores.task_desk.log(task_id)) == lines


async def test_the_newest_lines_are_read(stores: Stores):
    task_id = (await one(stores)).task_id
    for number in range(4):
        async with stores.task_desk.open(task_id) as opened:
            await opened.write(opened.task, LogEntry(Action.COMMENTED, AT, str(number)), [])
    assert [each.by for each in await stores.task_desk.log(task_id, 2)] == ["2", "3"]
    assert [each.by for each in await stores.task_desk.log(task_id, 1)] == ["3"]
    assert len(await stores.task_desk.log(task_id)) == 4


async def test_nothing_is_kept_of_what_went_wrong(stores: Stores):
    task_id = (await one(stores)).task_id
    before = await stores.task_ledger.get(task_id)
    added = notification(before)

    async def fail() -> None:
        async with stores.task_desk.open(task_id) as opened:
            task = completed(opened.task)
            await opened.write(task, CLAIM, [announcement("e1")], added=[added])
            raise BoomError

    with pytest.raises(BoomError):
        await fail()
    assert await stores.task_ledger.get(task_id) == before
    assert list(await stores.task_desk.log(task_id)) == []
    assert await stores.outgoing() == []
    with pytest.raises(NotFoundError):
        await stores.task_ledger.get(added.spec.task_id)


async def test_one_at_a_time(stores: Stores):
    task_id = (await one(stores)).task_id
    seen: list[int] = []

    async def claim() -> None:
        async with stores.task_desk.open(task_id) as opened:
            seen.append(opened.task.revision)
            await asyncio.sleep(0)
            task = replace(opened.task, revision=opened.task.revision + 1)
            await opened.write(task, replace(CLAIM, by=str(len(seen))), [])

    await asyncio.gather(*(claim() for _ in range(4)))
    assert seen == [0, 1, 2, 3]
    assert [each.by for each in await stores.task_desk.log(task_id)] == ["1", "2", "3", "4"]


async def test_the_whole_group_waits_while_one_is_open(stores: Stores):
    """Who did the one is known for certain when somebody wants to do the other."""
    run_id = stores.run_id(event())
    first, second = spec(run_id, "a"), spec(run_id, "b")
    await stores.recorded(first, second)
    both = asyncio.Barrier(2)

    async def complete_unless(task_id: str, other: str) -> bool:
        await both.wait()
        async with stores.task_desk.open(task_id) as opened:
            if any(each.task_id == other and each.result for each in opened.group):
                return False
            await opened.write(completed(opened.task), CLAIM, [])
            return True

    found = await asyncio.gather(
        complete_unless(first.task_id, second.task_id),
        complete_unless(second.task_id, first.task_id),
    )
    assert sorted(found) == [False, True]


async def test_added_tasks_are_recorded_once(stores: Stores):
    task_id = (await one(stores)).task_id
    for _ in range(2):
        async with stores.task_desk.open(task_id) as opened:
            added = notification(opened.task)
            await opened.write(
                opened.task, replace(CLAIM, action=Action.REMINDED), [], added=[added]
            )
    task = await stores.task_ledger.get(added.spec.task_id)
    assert (task.role, task.about, task.late) == (TaskRole.NOTIFICATION, task_id, True)
    assert (task.status, task.kind, task.run_id) == (
        TaskStatus.READY,
        TaskKind.HTTP,
        stores.run_id(event()),
    )


async def test_due_is_whose_time_has_come_the_longest_waiting_first(stores: Stores):
    run_id = stores.run_id(event())
    specs = [spec(run_id, name) for name in ("never", "later", "now", "long", "over")]
    after = (None, timedelta(seconds=1), timedelta(0), timedelta(seconds=-9), timedelta(0))
    execution = await stores.execution()
    new = [
        NewTask(each, TaskStatus.READY, TaskClock(wake_at=None if wait is None else AT + wait))
        for each, wait in zip(specs, after, strict=True)
    ]
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        await opened.record([record(opened.runs[0], RunStatus.RUNNING, tasks=new)], AT)
    await stores.task_ledger.finish(specs[4].task_id, DONE, AT, [])
    assert list(await stores.task_desk.due(9, AT)) == [specs[3].task_id, specs[2].task_id]
    assert list(await stores.task_desk.due(1, AT)) == [specs[3].task_id]
    await complete(stores, specs[3].task_id)
    assert list(await stores.task_desk.due(9, AT)) == [specs[2].task_id]


async def test_what_is_put_off_lets_others_go_first(stores: Stores):
    run_id = stores.run_id(event())
    first, second = (spec(run_id, name) for name in ("a", "b"))
    execution = await stores.execution()
    new = [
        NewTask(first, TaskStatus.READY, TaskClock(wake_at=AT)),
        NewTask(second, TaskStatus.READY, TaskClock(wake_at=AT + SECOND)),
    ]
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        await opened.record([record(opened.runs[0], RunStatus.RUNNING, tasks=new)], AT)
    now, later = AT + SECOND, AT + 9 * SECOND
    await stores.task_desk.put_off(first.task_id, AT - SECOND, later)
    await stores.task_desk.put_off("task-unknown\0", now, later)
    assert list(await stores.task_desk.due(1, now)) == [first.task_id]
    await stores.task_desk.put_off(first.task_id, now, later)
    assert list(await stores.task_desk.due(1, now)) == [second.task_id]
    assert list(await stores.task_desk.due(9, later)) == [second.task_id, first.task_id]
    task = await stores.task_ledger.get(first.task_id)
    assert (task.clock.wake_at, task.revision) == (later, 0)
    # It is over: nothing wakes it again.
    await complete(stores, first.task_id)
    await stores.task_desk.put_off(first.task_id, later, later)
    assert list(await stores.task_desk.due(9, later)) == [second.task_id]


def notification(task: TaskInstance) -> NewTask:
    return NewTask(
        replace(
            spec(task.run_id, "look/notify/0/completed-1", kind=TaskKind.HTTP),
            role=TaskRole.NOTIFICATION,
            about=task.task_id,
            late=True,
        ),
        TaskStatus.READY,
    )
