"""The runner over in-memory stores: what is recorded, what is said, and what is left."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import pytest
from tests.core_stage import CoreStage

from activity_core.adapters.memory.run_ledger import MemoryRunLedger
from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.core.errors import RejectedError, UnavailableError
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import ContextUnavailableError
from activity_core.core.run.progress import ProgressState, TaskEnd, TaskStates
from activity_core.core.run.run import RunFailure, RunRecord, RunStatus
from activity_core.core.run.task import TaskResult, TaskStatus
from activity_core.ports.context_source import SourceRequest
from activity_core.ports.doorbell import Topic
from activity_core.ports.run_ledger import OpenExecution
from activity_core.services import run_recorder

ONCE = MemoryAttempt()

HUMAN = """
id: ask
trigger: {manual: }
rules:
  - id: r
    tasks:
      - id: call
        human: {title: "Call ${input.name}", due: P2D}
"""
EMIT = """
id: tell
trigger: {manual: }
rules:
  - id: r
    tasks:
      - {id: later, needs: [told], emit: {type: b.told, data: 2}}
      - {id: told, emit: {type: a.told, subject: x, data: {n: 1}}}
"""
GRAPH = """
id: graph
trigger: {manual: }
rules:
  - id: r
    tasks:
      - {id: post, http: {url: "http://127.0.0.1/"}, retry: {max_attempts: 2}, queue: slow-tq}
      - {id: check, needs: [post], human: {title: Check}}
      - {id: tell, needs: [check], emit: {type: a.told}}
      - {id: look, human: {title: Look}}
"""
SOURCES = """
id: ask-around
trigger: {manual: }
context:
  here: {static: 1}
  there: {http: {url: "http://127.0.0.1/"}}
rules:
  - id: r
    when: context.there == 2
    tasks: [{id: t, human: {title: "${context.here} ${context.there}"}}]
"""
LOCAL = """
kind: connection
id: db
sql: {url: "env:DB", local: true}
---
id: query
trigger: {manual: }
context:
  rows: {sql: {connection: db, query: "select 1 as n"}}
rules:
  - id: r
    for_each: context.rows
    as: row
    tasks: [{id: t, human: {title: "${row.n}"}}]
"""


@pytest.fixture
def stage() -> CoreStage:
    return CoreStage()


async def begin(stage: CoreStage, text: str, definition_id: str, **options: object) -> str:
    """Submit one run and compose it; returns its id."""
    await stage.apply(text)
    (run_id,) = await stage.submit(definition_id, "one", data={"name": "Ann"})
    return run_id


async def execution_of(stage: CoreStage) -> str:
    (execution,) = await stage.compose()
    return execution.execution_id


async def test_people_keep_nothing_open_unless_awaited(stage: CoreStage) -> None:
    run_id = await begin(stage, HUMAN, "ask")
    progress = await stage.runner.advance(await execution_of(stage))
    assert progress.state is ProgressState.DONE
    assert progress.counts == {"completed": 1}
    run, task = stage.run(run_id), stage.tasks_of(run_id)["call"].task
    assert (run.status, run.failure) == (RunStatus.COMPLETED, None)
    assert run.snapshot is not None
    assert b'"name":"Ann"' in run.snapshot
    assert (task.title, task.status) == ("Call Ann", TaskStatus.READY)
    assert task.clock.due_at is not None
    assert (task.clock.due_at - stage.clock.now()).days == 2
    assert stage.said(run_id) == ["run.started", "task.created", "run.completed"]
    assert stage.doorbell.rings[Topic.RELAY] > 0


async def test_events_are_emitted_with_the_record_in_order_of_need(stage: CoreStage) -> None:
    run_id = await begin(stage, EMIT, "tell")
    await stage.runner.advance(await execution_of(stage))
    assert stage.said(run_id) == [
        "run.started",
        "task.created",
        "a.told",
        "task.completed",
        "task.created",
        "b.told",
        "task.completed",
        "run.completed",
    ]
    assert {row.task.status for row in stage.tasks_of(run_id).values()} == {TaskStatus.COMPLETED}


async def test_a_repeated_step_answers_what_is_stored(stage: CoreStage) -> None:
    run_id = await begin(stage, GRAPH, "graph")
    execution = await execution_of(stage)
    first = await stage.runner.advance(execution)
    said = stage.said(run_id)
    again = await stage.runner.advance(execution)
    assert stage.said(run_id) == said
    assert first.state is again.state is ProgressState.PERFORM
    assert sorted(first.tasks, key=lambda step: step.task_id) == sorted(
        again.tasks, key=lambda step: step.task_id
    )


async def test_what_is_left_says_who_waits_for_whom(stage: CoreStage) -> None:
    run_id = await begin(stage, GRAPH, "graph")
    progress = await stage.runner.advance(await execution_of(stage))
    tasks = {name: row.task.task_id for name, row in stage.tasks_of(run_id).items()}
    steps = {step.task_id: step for step in progress.tasks}
    assert steps.keys() == {tasks["post"], tasks["check"], tasks["tell"]}  # nobody awaits `look`
    post, check, tell = steps[tasks["post"]], steps[tasks["check"]], steps[tasks["tell"]]
    assert (post.queue, post.patience.attempts, post.needs) == ("slow-tq", 2, [])
    assert (check.by_person, check.awaited, check.hidden) == (True, True, True)
    assert (check.needs, tell.needs) == ([post.task_id], [check.task_id])


async def test_a_graph_to_its_end(stage: CoreStage) -> None:
    run_id = await begin(stage, GRAPH, "graph")
    execution = await execution_of(stage)
    await stage.runner.advance(execution)
    tasks = {name: row.task.task_id for name, row in stage.tasks_of(run_id).items()}
    stage.http.outputs["post"] = {"status": 200}
    done = TaskEnd("completed", "done")
    for _ in range(2):  # its worker died before it could say so
        assert await stage.performer.perform(tasks["post"], ONCE) == done
    await stage.presenter.make_ready([tasks["check"]], 1)
    result = TaskResult(TaskStatus.COMPLETED, "done")
    await stage.tasks.finish(tasks["check"], result, stage.clock.now(), [])
    states = await stage.presenter.states(run_id, [tasks["check"], tasks["tell"]])
    assert states == TaskStates({tasks["check"]: done})
    await stage.performer.perform(tasks["tell"], ONCE)
    progress = await stage.runner.close(execution, run_id)
    assert (progress.state, progress.counts) == (ProgressState.DONE, {"completed": 1})
    assert stage.run(run_id).status is RunStatus.COMPLETED
    assert len(stage.http.performed) == 1
    assert stage.said(run_id)[-4:] == [
        "task.completed",
        "a.told",
        "task.completed",
        "run.completed",
    ]


async def test_a_failed_task_skips_what_needs_it_and_fails_the_run(stage: CoreStage) -> None:
    run_id = await begin(stage, GRAPH, "graph")
    execution = await execution_of(stage)
    await stage.runner.advance(execution)
    tasks = {name: row.task.task_id for name, row in stage.tasks_of(run_id).items()}
    await stage.performer.fail(tasks["post"], 1, "no")
    await stage.performer.fail(tasks["post"], 1, "no")
    progress = await stage.runner.close(execution, run_id)
    statuses = {name: row.task.status for name, row in stage.tasks_of(run_id).items()}
    assert statuses == {
        "post": TaskStatus.FAILED,
        "check": TaskStatus.SKIPPED,
        "tell": TaskStatus.SKIPPED,
        "look": TaskStatus.READY,
    }
    assert progress.counts == {"failed": 1}
    assert stage.run(run_id).failure == RunFailure(
        "task_failed", f"not successful: {tasks['post']}"
    )
    assert stage.said(run_id).count("task.failed") == 1
    assert stage.said(run_id)[-3:] == ["task.cancelled", "task.cancelled", "run.failed"]


async def test_an_operators_retry_does_what_is_left_and_says_so_anew(stage: CoreStage) -> None:
    run_id = await begin(stage, GRAPH, "graph")
    execution = await execution_of(stage)
    await stage.runner.advance(execution)
    tasks = {name: row.task.task_id for name, row in stage.tasks_of(run_id).items()}
    await stage.performer.perform(tasks["post"], ONCE)
    await stage.presenter.make_ready([tasks["check"]], 1)
    cancelled = TaskResult(TaskStatus.FAILED, "failed")
    await stage.tasks.finish(tasks["check"], cancelled, stage.clock.now(), [])
    await stage.runner.close(execution, run_id)
    await stage.retry(run_id)
    (second,) = await stage.compose()
    assert second.workflow_id.endswith("-r1")
    progress = await stage.runner.advance(second.execution_id)
    assert progress.attempt == 2
    steps = {step.task_id: step for step in progress.tasks}
    assert steps[tasks["check"]].needs == []  # done in the first attempt
    assert steps[tasks["check"]].hidden
    assert tasks["post"] not in steps
    await stage.performer.fail(tasks["check"], progress.attempt, "again")
    await stage.runner.close(second.execution_id, run_id)
    assert stage.said(run_id).count("run.failed") == 2


async def test_remote_sources_are_asked_for_first(stage: CoreStage) -> None:
    run_id = await begin(stage, SOURCES, "ask-around")
    execution = await execution_of(stage)
    progress = await stage.runner.advance(execution)
    assert (progress.state, progress.run_id) == (ProgressState.GATHER, run_id)
    assert [step.name for step in progress.sources] == ["there"]
    assert stage.said(run_id) == []
    stage.source.answers["there"] = 2
    await stage.runner.gather(execution, run_id, "there")
    await stage.runner.gather(execution, run_id, "there")
    assert len(stage.source.requests) == 1  # the first answer stays
    assert (await stage.runner.advance(execution)).counts == {"completed": 1}
    assert stage.tasks_of(run_id)["t"].task.title == "1 2"


async def test_a_source_without_an_answer_fails_the_run(stage: CoreStage) -> None:
    run_id = await begin(stage, SOURCES, "ask-around")
    execution = await execution_of(stage)
    await stage.runner.advance(execution)
    with pytest.raises(ContextUnavailableError):
        await stage.runner.gather(execution, run_id, "there")
    failure = RunFailure("context_unavailable", "no answer")
    assert (await stage.runner.fail(execution, run_id, failure)).counts == {"failed": 1}
    assert (await stage.runner.fail(execution, run_id, failure)).counts == {}
    assert stage.run(run_id).failure == failure
    assert stage.said(run_id) == ["run.started", "run.failed"]


async def test_a_run_that_failed_before_it_decided_is_decided_anew(stage: CoreStage) -> None:
    run_id = await begin(stage, SOURCES, "ask-around")
    execution = await execution_of(stage)
    await stage.runner.fail(execution, run_id, RunFailure("context_unavailable", "no answer"))
    await stage.retry(run_id)
    stage.source.answers["there"] = 2
    second = await execution_of(stage)
    assert (await stage.runner.advance(second)).state is ProgressState.GATHER
    await stage.runner.gather(second, run_id, "there")
    assert (await stage.runner.advance(second)).counts == {"completed": 1}
    assert stage.said(run_id).count("run.started") == 2


async def test_a_local_source_is_read_at_once(stage: CoreStage) -> None:
    run_id = await begin(stage, LOCAL, "query")
    stage.source.answers["rows"] = [{"n": 1}, {"n": 2}]
    assert (await stage.runner.advance(await execution_of(stage))).counts == {"completed": 1}
    assert stage.tasks_of(run_id).keys() == {"t", "t1"}


async def test_a_local_source_that_does_not_answer_gets_its_own_retries(stage: CoreStage) -> None:
    await begin(stage, LOCAL, "query")
    progress = await stage.runner.advance(await execution_of(stage))
    assert progress.state is ProgressState.GATHER
    assert progress.sources[0].patience.attempts == 3


@pytest.mark.parametrize(
    ("when", "code"),
    [("input.missing == 1", "expression_failed"), ("input.name", "expression_failed")],
)
async def test_an_expression_that_fails_fails_the_run(
    stage: CoreStage, when: str, code: str
) -> None:
    run_id = await begin(stage, HUMAN.replace("- id: r\n", f"- id: r\n    when: {when}\n"), "ask")
    assert (await stage.runner.advance(await execution_of(stage))).counts == {"failed": 1}
    failure, snapshot = stage.run(run_id).failure, stage.run(run_id).snapshot
    assert failure is not None
    assert failure.code == code
    assert snapshot is not None
    assert b"Ann" in snapshot  # what it was decided on is kept


@dataclass
class Refusing:
    """A ledger that cannot hold some runs: refused when the transaction ends, like the real one."""

    inner: MemoryRunLedger
    bad: frozenset[str]
    opened: int = 0
    stubborn: bool = False

    def open(
        self, execution_id: str, at: datetime, *, only: Sequence[str] | None = None
    ) -> AbstractAsyncContextManager[OpenExecution]:
        return self._open(execution_id, at, only)

    @asynccontextmanager
    async def _open(
        self, execution_id: str, at: datetime, only: Sequence[str] | None
    ) -> AsyncIterator[OpenExecution]:
        self.opened += 1
        async with self.inner.open(execution_id, at, only=only) as execution:
            keep = execution.record
            written: list[RunRecord] = []

            async def record(records: Sequence[RunRecord], at: datetime) -> None:
                written.extend(records)
                await keep(records, at)

            execution.record = record  # type: ignore[method-assign]
            yield execution
            if any(
                each.run_id in self.bad and (self.stubborn or each.failure is None)
                for each in written
            ):
                raise RejectedError("a title with a NUL")

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


async def test_a_refused_run_fails_alone(stage: CoreStage) -> None:
    await stage.apply(HUMAN)
    runs = await stage.submit("ask", *(f"n{n}" for n in range(16)), data={"name": "Ann"})
    ledger = Refusing(MemoryRunLedger(stage.state), frozenset({runs[5]}))
    stage.ledger = ledger  # type: ignore[assignment]
    progress = await stage.runner.advance(await execution_of(stage))
    assert progress.counts == {"completed": 15, "failed": 1}
    failure = stage.run(runs[5]).failure
    assert failure is not None
    assert failure.code == "store_rejected"
    assert ledger.opened <= 1 + 2 * 5 + 1
    assert stage.said(runs[5]) == ["run.started", "run.failed"]
    assert stage.said(runs[6]) == ["run.started", "task.created", "run.completed"]


async def test_what_is_refused_even_as_failed_is_an_error(stage: CoreStage) -> None:
    run_id = await begin(stage, HUMAN, "ask")
    ledger = Refusing(MemoryRunLedger(stage.state), frozenset({run_id}), stubborn=True)
    stage.ledger = ledger  # type: ignore[assignment]
    with pytest.raises(RejectedError):
        await stage.runner.advance(await execution_of(stage))


async def test_shared_runs_that_take_too_long_get_transactions_of_their_own(
    stage: CoreStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_recorder, "SHARED_SECONDS", 0.01)
    await stage.apply(LOCAL)
    runs = await stage.submit("query", "a", "b", "c")
    answer, hanging = stage.source.fetch, iter([True])

    async def fetch(request: SourceRequest) -> JsonValue:
        if next(hanging, False):
            await asyncio.Event().wait()
        return await answer(request)

    stage.source.answers["rows"] = []
    monkeypatch.setattr(stage.source, "fetch", fetch)
    execution = await execution_of(stage)
    assert (await stage.runner.advance(execution)).counts == {"completed": 3}
    assert {stage.run(run).status for run in runs} == {RunStatus.COMPLETED}


async def test_an_outage_is_nobodys_failure(stage: CoreStage) -> None:
    run_id = await begin(stage, LOCAL, "query")
    stage.source.failures.before(UnavailableError("away"))
    stage.source.answers["rows"] = []
    execution = await execution_of(stage)
    with pytest.raises(UnavailableError):
        await stage.runner.advance(execution)
    assert stage.run(run_id).failure is None
    assert (await stage.runner.advance(execution)).counts == {"completed": 1}


async def test_a_surprise_fails_one_run_only(stage: CoreStage) -> None:
    await stage.apply(LOCAL)
    await stage.submit("query", "a", "b")
    stage.source.failures.before(ValueError("a bug"))
    stage.source.answers["rows"] = []
    counts = (await stage.runner.advance(await execution_of(stage))).counts
    assert counts == {"completed": 1, "failed": 1}
