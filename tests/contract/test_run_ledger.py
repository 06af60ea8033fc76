"""What every ledger of runs keeps."""

import asyncio

import pytest
from tests.contract.stores import (
    AT,
    ID,
    SECOND,
    BoomError,
    Stores,
    announcement,
    event,
    record,
    spec,
)

from activity_core.core import ids
from activity_core.core.errors import NotFoundError
from activity_core.core.rules.occurrence import TriggerKind
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.run.task import NewTask, TaskClock, TaskResult, TaskStatus
from activity_core.ports.reading import Query

SLOT = "2026-01-01T12:00:00Z"


async def status(stores: Stores, run_id: str) -> str:
    return str((await stores.reading.run(run_id))["status"])


async def test_opening_claims_the_runs_of_the_execution(stores: Stores):
    execution = await stores.execution(event("a", data={"n": 1}), event("b"))
    await stores.fire(event("of another"))
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        runs = list(opened.runs)
    assert [run.run_id for run in runs] == sorted(execution.runs)
    by_id = {run.run_id: run for run in runs}
    run = by_id[stores.run_id(event("a"))]
    assert (run.definition_id, run.version, run.attempt) == (ID, 1, 1)
    assert (run.status, run.recorded, dict(run.gathered)) == (RunStatus.RUNNING, False, {})
    assert run.occurrence.event == event("a", data={"n": 1})
    assert run.occurrence.key == ids.occurrence_of_event("/shop", "a")
    assert run.occurrence.trigger is TriggerKind.EVENT
    told = await stores.reading.run(run.run_id)
    assert (told["status"], told["started_at"]) == ("running", SLOT)


async def test_opening_again_finds_the_same_and_keeps_the_first_start(stores: Stores):
    execution = await stores.execution()
    for at in (AT, AT + SECOND):
        async with stores.run_ledger.open(execution.execution_id, at) as opened:
            assert [run.run_id for run in opened.runs] == list(execution.runs)
    assert (await stores.reading.run(execution.runs[0]))["started_at"] == SLOT


async def test_only_some_of_the_runs(stores: Stores):
    execution = await stores.execution(event("a"), event("b"))
    wanted = stores.run_id(event("b"))
    async with stores.run_ledger.open(execution.execution_id, AT, only=[wanted]) as opened:
        assert [run.run_id for run in opened.runs] == [wanted]
    assert await status(stores, wanted) == "running"
    assert await status(stores, stores.run_id(event("a"))) == "pending"


async def test_no_such_execution(stores: Stores):
    with pytest.raises(NotFoundError):
        async with stores.run_ledger.open("x" * 32, AT):
            pass


async def test_closed_runs_are_not_among_them(stores: Stores):
    execution = await stores.execution(event("a"), event("b"))
    cancelled = stores.run_id(event("a"))
    assert await stores.run_ledger.close(cancelled, RunStatus.CANCELLED, None, AT, [])
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        assert [run.run_id for run in opened.runs] == [stores.run_id(event("b"))]
    assert await status(stores, cancelled) == "cancelled"


async def test_recording_writes_run_tasks_and_announcements(stores: Stores):
    execution = await stores.execution()
    [run_id] = execution.runs
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        tasks = [NewTask(spec(run_id), TaskStatus.READY, TaskClock(due_at=AT + SECOND))]
        news = [announcement("e1", run_id), announcement("e2", run_id)]
        new = record(opened.runs[0], tasks=tasks, announcements=news, snapshot=b'{"n":"\\u0000"}')
        await opened.record([new], AT + SECOND)
    run = await stores.reading.run(run_id)
    assert run["started_at"] == SLOT
    assert (run["status"], run["finished_at"]) == ("completed", "2026-01-01T12:00:01Z")
    assert (run["context_snapshot"], run["context_hash"]) == ({"n": "\0"}, "ab" * 32)
    assert run["rules"] == [{"rule": "all", "evaluated": 1, "matched": 1, "tasks": 1}]
    task = await stores.task_ledger.get(tasks[0].spec.task_id)
    assert (task.run_id, task.definition_id, task.version) == (run_id, ID, 1)
    assert (task.status, task.clock.due_at) == (TaskStatus.READY, AT + SECOND)
    assert await stores.outgoing() == ["e1", "e2"]


@pytest.mark.parametrize(
    ("status", "outcome"), [(TaskStatus.COMPLETED, "done"), (TaskStatus.SKIPPED, "skipped")]
)
async def test_a_task_may_be_over_when_it_is_recorded(
    stores: Stores, status: TaskStatus, outcome: str
):
    each = spec(stores.run_id(event()), kind=TaskKind.EMIT)
    await stores.recorded(each, status=status)
    task = await stores.task_ledger.get(each.task_id)
    assert (task.status, task.result) == (status, TaskResult(status, outcome))
    assert (await stores.reading.task(each.task_id))["finished_at"] == SLOT


async def test_several_runs_are_recorded_at_once(stores: Stores):
    execution = await stores.execution(*(event(str(n)) for n in range(5)))
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        await opened.record(
            [
                record(
                    run,
                    tasks=[NewTask(spec(run.run_id, item=n), TaskStatus.READY) for n in (0, 1)],
                    announcements=[announcement(f"{run.run_id}-{n}", run.run_id) for n in (0, 1)],
                )
                for run in opened.runs
            ],
            AT,
        )
    assert len((await stores.reading.tasks(Query())).items) == 10
    assert await stores.outbox.depth() == 10


async def test_what_is_recorded_stays_recorded(stores: Stores):
    execution = await stores.recorded()
    async with stores.run_ledger.open(execution.execution_id, AT + SECOND) as opened:
        [run] = opened.runs
        assert (run.recorded, run.status) == (True, RunStatus.RUNNING)


async def test_a_recorded_and_finished_run_is_not_opened_again(stores: Stores):
    execution = await stores.execution()
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        await opened.record([record(opened.runs[0])], AT)
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        assert list(opened.runs) == []


async def test_a_failed_run_says_why(stores: Stores):
    execution = await stores.execution()
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        failure = RunFailure("context_unavailable", "no answer\0")
        await opened.record([record(opened.runs[0], RunStatus.FAILED, failure=failure)], AT)
    run = await stores.reading.run(execution.runs[0])
    assert run["status"] == "failed"
    told = run["failure"]
    assert isinstance(told, dict)
    assert told["code"] == "context_unavailable"
    assert str(told["message"]).startswith("no answer")


async def test_an_exception_rolls_everything_back(stores: Stores):
    execution = await stores.execution()
    [run_id] = execution.runs

    async def fail() -> None:
        async with stores.run_ledger.open(execution.execution_id, AT) as opened:
            new = NewTask(spec(run_id), TaskStatus.READY)
            news = [announcement("e1", run_id)]
            await opened.record([record(opened.runs[0], tasks=[new], announcements=news)], AT)
            raise BoomError

    with pytest.raises(BoomError):
        await fail()
    assert await status(stores, run_id) == "pending"
    assert await stores.outbox.depth() == 0
    assert (await stores.reading.run(run_id))["tasks"] == []
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        assert [run.recorded for run in opened.runs] == [False]


async def test_two_at_once_record_once(stores: Stores):
    execution = await stores.execution()

    async def step() -> int:
        async with stores.run_ledger.open(execution.execution_id, AT) as opened:
            fresh = [run for run in opened.runs if not run.recorded]
            await opened.record(
                [record(run, announcements=[announcement("e1", run.run_id)]) for run in fresh], AT
            )
            return len(fresh)

    assert sorted(await asyncio.gather(step(), step())) == [0, 1]
    assert await stores.outbox.depth() == 1


async def test_the_first_answer_of_a_source_stays(stores: Stores):
    execution = await stores.execution()
    [run_id] = execution.runs
    await stores.run_ledger.keep_gathered(run_id, "invoices", [{"id": "a\0"}])
    await stores.run_ledger.keep_gathered(run_id, "invoices", [])
    await stores.run_ledger.keep_gathered(run_id, "nothing", None)
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        assert opened.runs[0].gathered == {"invoices": [{"id": "a\0"}], "nothing": None}


async def test_closing_happens_once(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs
    news = [announcement("e1", run_id)]
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, news)
    failure = RunFailure("lost", "the workflow is gone")
    later = [announcement("e2", run_id)]
    assert not await stores.run_ledger.close(run_id, RunStatus.FAILED, failure, AT, later)
    run = await stores.reading.run(run_id)
    assert (run["status"], run["failure"], run["finished_at"]) == ("completed", None, SLOT)
    assert await stores.outgoing() == ["e1"]
    [task] = (await stores.reading.tasks(Query())).items
    assert task["status"] == "ready"


async def test_a_run_that_was_cancelled_while_pending_never_started(stores: Stores):
    [run_id] = await stores.fire(event())
    assert await stores.run_ledger.close(run_id, RunStatus.CANCELLED, None, AT, [])
    run = await stores.reading.run(run_id)
    assert (run["status"], run["started_at"], run["finished_at"]) == ("cancelled", None, SLOT)


async def test_nothing_to_close(stores: Stores):
    assert not await stores.run_ledger.close("run-unknown", RunStatus.CANCELLED, None, AT, [])


async def test_rivals_close_once(stores: Stores):
    [run_id] = (await stores.recorded()).runs

    async def close(event_id: str) -> bool:
        news = [announcement(event_id, run_id)]
        return await stores.run_ledger.close(run_id, RunStatus.CANCELLED, None, AT, news)

    assert sorted(await asyncio.gather(close("e1"), close("e2"))) == [False, True]
    assert await stores.outbox.depth() == 1
