"""The run part as a whole: real Temporal server, worker and services; twins as stores."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Worker
from tests.core_stage import CoreStage
from tests.temporal_server import eventually, temporal_client

from activity_core.adapters.system_clock import SystemClock
from activity_core.adapters.temporal.engine import TemporalEngine
from activity_core.adapters.temporal.scheduler import TemporalScheduler
from activity_core.core import ids
from activity_core.core.errors import UnavailableError
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.run import Execution, RunStatus
from activity_core.core.run.task import TaskResult, TaskStatus
from activity_core.ports.engine import WorkflowState
from activity_core.services.reconciler import Reconciler
from activity_core.workflows.worker import workers

HUMAN = """
id: ask
trigger: {manual: , interval: {every: 1s}}
rules: [{id: r, tasks: [{id: call, human: {title: "Call ${slot}"}}]}]
"""
GRAPH = """
id: graph
trigger: {manual: }
context: {there: {http: {url: "http://127.0.0.1/"}}}
rules:
  - id: r
    tasks:
      - id: post
        http: {url: "http://127.0.0.1/${context.there}"}
        retry: {max_attempts: 2, backoff: 10ms..10ms}
        queue: slow-tq
      - {id: check, needs: [post], human: {title: Check}}
      - {id: tell, needs: [check], emit: {type: a.told}}
"""
SAGA = """
id: saga
trigger: {manual: }
rules:
  - id: r
    for_each: '["a", "b"]'
    as: what
    tasks:
      - id: order
        http: {url: "http://127.0.0.1/order/${what}"}
        compensate: {http: {url: "http://127.0.0.1/cancel/${what}/${tasks.order.outcome}"}}
      - id: pay
        needs: [order]
        http: {url: "http://127.0.0.1/pay/${what}"}
        compensate: {http: {url: "http://127.0.0.1/refund/${what}"}}
      - {id: agree, needs: [pay], human: {title: Agree}}
      - id: send
        needs: [agree]
        http: {url: "http://127.0.0.1/send/${what}"}
        retry: {max_attempts: 1}
"""
MANY = """
id: many
trigger: {manual: }
context: {rows: {static: [ROWS]}}
rules:
  - id: r
    for_each: context.rows
    as: row
    parallel: 50
    tasks: [{id: t, http: {url: "http://127.0.0.1/${row}"}}]
"""
COUNTER = itertools.count()
FUSED = [
    "WORKFLOW_EXECUTION_STARTED",
    "WORKFLOW_TASK_SCHEDULED",
    "WORKFLOW_TASK_STARTED",
    "WORKFLOW_TASK_COMPLETED",
    "MARKER_RECORDED",
    "WORKFLOW_EXECUTION_COMPLETED",
]


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


class Whole(CoreStage):
    """A deployment of its own: workflow ids do not meet because stores are named by tenant."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self.queue_name = f"runs-{next(COUNTER)}"
        self.engine = TemporalEngine(client, self.queue_name)

    def workers(self, *extra: str) -> AbstractAsyncContextManager[Worker]:
        return workers(self.client, self.steps, self.queue_name, extra)

    async def begin(self, text: str, definition_id: str, *requests: str) -> Execution:
        """Runs in one execution, started."""
        await self.apply(text)
        # The queue's name keeps workflow ids of different tests apart on the shared server.
        await self.submit(definition_id, *(f"{self.queue_name}-{name}" for name in requests))
        (execution,) = await self.compose()
        await self.engine.start(execution)
        return execution

    async def result(self, execution: Execution) -> dict[str, int]:
        async with asyncio.timeout(30):
            handle = self.client.get_workflow_handle(execution.workflow_id)
            counts: dict[str, int] = (await handle.result())["counts"]
            return counts

    async def history(self, execution: Execution) -> WorkflowHistory:
        return await self.client.get_workflow_handle(execution.workflow_id).fetch_history()

    def ready(self, run_id: str, template: str) -> list[str]:
        """Ids of tasks that people can do, in order of their items."""
        rows = [row.task for row in self.state.tables.tasks.values() if row.task.run_id == run_id]
        here = [task for task in rows if task.spec_id == template]
        found = sorted(here, key=lambda task: task.item)
        return [task.task_id for task in found if task.status is TaskStatus.READY]

    async def until(self, template: str, status: TaskStatus, run_id: str) -> str:
        """The id of a task once it has a status."""

        async def there() -> bool:
            row = self.tasks_of(run_id).get(template)
            return row is not None and row.task.status is status

        await eventually(there)
        return self.tasks_of(run_id)[template].task.task_id


def kinds(history: WorkflowHistory) -> list[str]:
    return [
        EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events
    ]


@pytest.mark.parametrize("requests", [["one"], [f"n{n}" for n in range(50)]])
async def test_fused_runs_take_one_local_activity_in_one_workflow_task(
    client: Client, requests: list[str]
) -> None:
    whole = Whole(client)
    async with whole.workers():
        execution = await whole.begin(HUMAN, "ask", *requests)
        assert await whole.result(execution) == {"completed": len(requests)}
    history = await whole.history(execution)
    assert kinds(history) == FUSED
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.workflow_task_timeout.seconds == 4
    assert started.eager_execution_accepted
    assert b"Call" not in history.to_json().encode()


@pytest.mark.parametrize("count", [1, 3])
async def test_a_workflow_tells_how_urgent_it_is_and_for_whom_it_is_shared(
    client: Client, count: int
) -> None:
    whole = Whole(client)
    await whole.apply(HUMAN)
    await whole.submit("ask", *(f"{whole.queue_name}-{number}" for number in range(count)))
    [execution] = await whole.compose()
    await whole.engine.start(replace(execution, priority=1))
    found = await client.get_workflow_handle(execution.workflow_id).describe()
    assert found.raw_info.priority.priority_key == 1
    assert await found.memo() == ({"definitions": ["ask"]} if count > 1 else {})
    assert await found.static_summary() == ("3 runs of ask" if count > 1 else None)


async def test_a_started_execution_is_not_started_again(client: Client) -> None:
    whole = Whole(client)
    async with whole.workers():
        execution = await whole.begin(HUMAN, "ask", "one")
        await whole.result(execution)
        await whole.engine.start(execution)
        assert await whole.engine.state(execution.workflow_id) is WorkflowState.COMPLETED
        assert not await whole.engine.signal(execution.workflow_id)
    (run,) = whole.state.tables.runs.values()
    assert whole.said(run.run_id) == ["run.started", "task.created", "run.completed"]


async def test_sources_workers_people_and_events_in_one_run(client: Client) -> None:
    whole = Whole(client)
    whole.source.answers["there"] = "x"
    whole.http.failures.before(TaskFailedError("later"))
    async with whole.workers("slow-tq"):
        execution = await whole.begin(GRAPH, "graph", "one")
        run_id = execution.runs[0]
        check = await whole.until("check", TaskStatus.READY, run_id)
        await whole.tasks.finish(
            check, TaskResult(TaskStatus.COMPLETED, "done"), whole.clock.now(), [], ring=True
        )
        (signal,) = await whole.queue.take_signals(10)
        assert signal.workflow_id == execution.workflow_id
        assert await whole.engine.signal(signal.workflow_id)
        assert await whole.result(execution) == {"completed": 1}
    assert whole.said(run_id) == [
        "run.started",
        *["task.created"] * 3,
        "task.completed",
        "a.told",
        "task.completed",
        "run.completed",
    ]
    assert len(whole.http.performed) == 2
    assert whole.http.performed[0].inputs["url"] == "http://127.0.0.1/x"


async def test_a_saga_that_fails_is_undone_and_the_others_are_not(client: Client) -> None:
    whole = Whole(client)
    async with whole.workers():
        execution = await whole.begin(SAGA, "saga", "one")
        run_id = execution.runs[0]

        async def paid() -> bool:
            return len(whole.ready(run_id, "agree")) == 2

        await eventually(paid)
        [first, second] = whole.ready(run_id, "agree")
        result = TaskResult(TaskStatus.COMPLETED, "done")
        await whole.tasks.finish(first, result, whole.clock.now(), [], ring=True)
        await whole.engine.signal(execution.workflow_id)

        async def sent() -> bool:
            return any("/send/" in str(task.inputs["url"]) for task in whole.http.performed)

        await eventually(sent)
        whole.http.failures.before(TaskFailedError("sold out", retryable=False))
        await whole.tasks.finish(second, result, whole.clock.now(), [], ring=True)
        await whole.engine.signal(execution.workflow_id)
        assert await whole.result(execution) == {"compensated": 1}
    urls = [
        str(task.inputs["url"]).removeprefix("http://127.0.0.1/") for task in whole.http.performed
    ]
    failed = urls[-3].removeprefix("send/")
    assert urls[-3:] == [f"send/{failed}", f"refund/{failed}", f"cancel/{failed}/done"]
    assert whole.run(run_id).status is RunStatus.COMPENSATED


async def test_a_run_of_many_tasks_is_carried_out_in_windows(client: Client) -> None:
    whole = Whole(client)
    text = MANY.replace("ROWS", ", ".join(str(number) for number in range(500)))
    async with whole.workers():
        execution = await whole.begin(text, "many", "one")
        assert await whole.result(execution) == {"completed": 1}
    urls = [str(task.inputs["url"]) for task in whole.http.performed]
    assert len(urls) == len(set(urls)) == 500
    found = kinds(await whole.history(execution))
    assert found.count("MARKER_RECORDED") >= 4  # three windows and the end


async def test_another_worker_goes_on_where_one_stopped(client: Client) -> None:
    whole = Whole(client)
    whole.source.answers["there"] = "x"
    async with whole.workers("slow-tq"):
        execution = await whole.begin(GRAPH, "graph", "one")
        check = await whole.until("check", TaskStatus.READY, execution.runs[0])
    await whole.tasks.finish(check, TaskResult(TaskStatus.COMPLETED, "ok"), whole.clock.now(), [])
    await whole.engine.signal(execution.workflow_id)
    async with whole.workers("slow-tq"):
        assert await whole.result(execution) == {"completed": 1}


async def test_a_source_without_an_answer_fails_the_run_and_completes_the_workflow(
    client: Client,
) -> None:
    whole = Whole(client)
    quick = GRAPH.replace('/"}', '/"}, retry: {max_attempts: 2, backoff: 10ms..10ms}', 1)
    async with whole.workers():
        execution = await whole.begin(quick, "graph", "one")
        assert await whole.result(execution) == {"failed": 1}
    run = whole.run(execution.runs[0])
    assert run.status is RunStatus.FAILED
    assert run.failure is not None
    assert run.failure.code == "context_unavailable"
    assert len(whole.source.requests) >= 2


async def test_an_outage_of_the_store_is_outlived(client: Client) -> None:
    whole = Whole(client)
    local = HUMAN.replace("rules:", "context: {rows: {sql: {connection: db, query: q}}}\nrules:")
    database = 'kind: connection\nid: db\nsql: {url: "env:DB", local: true}\n---\n'
    whole.source.answers["rows"] = []
    whole.source.failures.before(*(UnavailableError("away") for _ in range(5)))
    async with whole.workers():
        execution = await whole.begin(database + local, "ask", "one")
        assert await whole.result(execution) == {"completed": 1}
    found = kinds(await whole.history(execution))
    assert "TIMER_FIRED" in found  # it did not hold on to its workflow task
    assert "WORKFLOW_TASK_TIMED_OUT" not in found


async def test_an_execution_that_nobody_committed_fails_its_workflow(client: Client) -> None:
    whole = Whole(client)
    lost = Execution("lost", f"activity-lost-{whole.queue_name}", ("run-1",))

    async def over() -> bool:
        return await whole.engine.state(lost.workflow_id) is not WorkflowState.RUNNING

    async with whole.workers():
        await whole.engine.start(lost)
        await eventually(over)
    assert await whole.engine.state(lost.workflow_id) is WorkflowState.FAILED
    assert await whole.engine.state("activity-never-there") is WorkflowState.ABSENT


async def test_slots_come_from_the_schedule_once_each(client: Client) -> None:
    whole = Whole(client)
    scheduler = TemporalScheduler(client, whole.queue_name)
    reconciler = Reconciler(whole.store, whole.slots, scheduler, whole.clock, repair=True)

    async def two_runs() -> bool:
        whole.clock.advance(SystemClock().now() - whole.clock.now())
        runs = whole.state.tables.runs.values()
        return len(runs) >= 2

    whole.clock.advance(SystemClock().now() - whole.clock.now())
    await whole.apply(HUMAN)
    async with whole.workers():
        assert (await reconciler.reconcile()).created == (ids.schedule_id("ask"),)
        await eventually(two_runs)
        await scheduler.delete(ids.schedule_id("ask"))
    runs = list(whole.state.tables.runs.values())
    slots = [run.occurrence.scheduled_for for run in runs]
    assert len(set(slots)) == len(slots)
    assert all(slot and abs(slot - SystemClock().now()) < timedelta(seconds=30) for slot in slots)
