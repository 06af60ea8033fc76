"""The starter: committed first, then started; what was not confirmed is started again."""

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import UnavailableError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.errors import StartRefusedError
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import TaskStatus
from activity_core.ports.engine import Purpose, WorkflowState
from activity_core.ports.run_queue import Signal, SignalKind
from activity_core.services.registry import Registry
from activity_core.services.start_refusal import StartRefusal
from activity_core.services.starter import LEASE, Starter

DEFINITIONS = """
id: fused
trigger: {event: {type: order.*}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: fused-too
trigger: {event: {type: invoice.*}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: for-itself
coalesce: false
trigger: {event: {type: single.*}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: waits
trigger: {event: {type: held.*}}
rules: [{id: r, tasks: [{id: t, human: {title: T, wait: true}}]}]
---
id: tells
trigger: {event: {type: told.*}}
rules:
  - id: r
    tasks:
      - id: t
        human:
          title: T
          notify:
            - on: [created]
              queue: elsewhere
              retry: {max_attempts: 2}
              emit: {type: told}
            - on: [completed]
              emit: {type: done}
"""


class Scene:
    def __init__(self) -> None:
        self.system = MemorySystem()
        self.engine = self.system.engine
        self.starter = self.another()

    def another(self, max_runs: int = 3) -> Starter:
        system = self.system
        return Starter(
            system.run_queue,
            system.registry_store,
            system.engine,
            system.clock,
            refusal=system.start_refusal,
            max_runs_per_execution=max_runs,
        )

    async def fire(self, type_: str, count: int) -> None:
        system = self.system
        envelopes = [
            EventEnvelope(id=str(number), source=f"/{type_}", type=type_) for number in range(count)
        ]
        await system.ingest.accept(envelopes, "http")
        await system.router().step()

    def leased(self) -> int:
        rows = self.system.state.tables.executions.values()
        return sum(row.lease_until is not None for row in rows)


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    system = scene.system
    registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
    await registry.apply(parse_definitions(DEFINITIONS, file="t"), "ann")
    return scene


async def test_runs_that_need_nothing_share_up_to_a_bound(scene: Scene):
    await scene.fire("order.created", 7)
    assert await scene.starter.step() is True
    assert sorted(len(execution.runs) for execution in scene.engine.started.values()) == [1, 3, 3]
    assert scene.leased() == 0
    assert await scene.starter.step() is False


async def test_runs_of_different_definitions_share(scene: Scene):
    await scene.fire("order.created", 1)
    await scene.fire("invoice.created", 1)
    await scene.starter.step()
    [execution] = scene.engine.started.values()
    assert execution.definitions == ("fused", "fused-too")


async def test_a_run_that_comes_alone_is_started_at_once_under_its_own_id(scene: Scene):
    await scene.fire("order.created", 1)
    assert await scene.starter.step() is True
    [workflow_id] = scene.engine.started
    assert workflow_id.startswith("activity-fused-e.")


async def test_a_definition_may_want_workflows_of_its_own(scene: Scene):
    await scene.fire("single.one", 3)
    await scene.starter.step()
    assert [len(execution.runs) for execution in scene.engine.started.values()] == [1, 1, 1]


async def test_runs_that_wait_are_alone(scene: Scene):
    await scene.fire("held.one", 3)
    await scene.starter.step()
    assert [len(execution.runs) for execution in scene.engine.started.values()] == [1, 1, 1]


async def test_what_was_not_started_is_started_after_its_lease(scene: Scene):
    await scene.fire("order.created", 1)
    scene.engine.failures.before(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await scene.starter.step()
    assert scene.leased() == 1
    other = scene.another()
    assert await other.step() is False
    scene.system.clock.advance(LEASE)
    assert await other.step() is True
    assert len(scene.engine.started) == 1
    assert scene.leased() == 0


async def test_an_answer_that_was_lost_starts_nothing_twice(scene: Scene):
    await scene.fire("order.created", 1)
    scene.engine.failures.after(UnavailableError("lost"))
    with pytest.raises(UnavailableError):
        await scene.starter.step()
    before = dict(scene.engine.started)
    scene.system.clock.advance(LEASE)
    await scene.another().step()
    assert scene.engine.started == before
    assert scene.leased() == 0


async def test_one_failure_does_not_keep_the_others_from_starting(scene: Scene):
    await scene.fire("held.one", 3)
    scene.engine.failures.before(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await scene.starter.step()
    assert len(scene.engine.started) == 2
    assert scene.leased() == 1


async def test_what_can_never_be_started_fails_and_is_buried_beside_the_others(scene: Scene):
    await scene.fire("held.one", 2)
    scene.engine.failures.before(StartRefusedError("no such queue"))
    await scene.starter.step()
    assert len(scene.engine.started) == 1
    tables = scene.system.state.tables
    [failed] = [run for run in tables.runs.values() if run.status is RunStatus.FAILED]
    [letter] = tables.dead_letters.values()
    assert (letter.via, letter.code, letter.run_id) == ("starter", "start_refused", failed.run_id)
    assert failed.failure is not None
    assert failed.failure.code == "start_refused"
    assert scene.leased() == 0
    scene.system.clock.advance(LEASE * 2)
    await scene.starter.step()
    assert len(scene.engine.started) == 1


async def test_a_bug_is_not_hidden_by_an_outage(scene: Scene):
    await scene.fire("held.one", 2)
    scene.engine.failures.before(UnavailableError("away"), ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        await scene.starter.step()


async def test_doorbells_are_delivered_and_those_of_the_gone_dropped(scene: Scene):
    await scene.fire("held.one", 1)
    await scene.starter.step()
    [workflow_id] = scene.engine.started
    async with scene.system.state.transaction() as tables:
        tables.pending_signals[1] = Signal(1, workflow_id)
        tables.pending_signals[2] = Signal(2, "gone")
    assert await scene.starter.step() is True
    assert scene.engine.signals == [workflow_id]
    assert await scene.system.run_queue.take_signals(10) == []


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (SignalKind.CANCEL, WorkflowState.CANCELLED),
        (SignalKind.TERMINATE, WorkflowState.TERMINATED),
    ],
)
async def test_workflows_of_displaced_runs_are_ended(
    scene: Scene, kind: SignalKind, state: WorkflowState
):
    await scene.fire("held.one", 1)
    await scene.starter.step()
    [workflow_id] = scene.engine.started
    async with scene.system.state.transaction() as tables:
        tables.pending_signals[1] = Signal(1, workflow_id, kind)
        tables.pending_signals[2] = Signal(2, "gone", kind)
    assert await scene.starter.step() is True
    assert scene.engine.states[workflow_id] is state
    assert scene.engine.signals == []
    assert await scene.system.run_queue.take_signals(10) == []


async def test_a_doorbell_that_fails_stays(scene: Scene):
    async with scene.system.state.transaction() as tables:
        tables.pending_signals[1] = Signal(1, "w")
    scene.engine.failures.before(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await scene.starter.step()
    assert len(await scene.system.run_queue.take_signals(10)) == 1


async def recorded(scene: Scene) -> str:
    """The notification of a run that is recorded."""
    await scene.fire("told.now", 1)
    await scene.system.work()
    tasks = scene.system.state.tables.tasks.values()
    [told] = [row.task for row in tasks if row.task.role is TaskRole.NOTIFICATION]
    return told.task_id


async def test_a_notification_gets_a_workflow_of_its_own(scene: Scene):
    told = await recorded(scene)
    assert await scene.starter.step() is True
    [(workflow_id, step)] = scene.engine.tasks.items()
    assert workflow_id == f"activity-task-{told}"
    assert (step.task_id, step.queue, step.patience.attempts) == (told, "elsewhere", 2)
    assert scene.engine.purposes[workflow_id] == Purpose("tells", 1, told)
    assert scene.system.state.tables.pending_tasks == {}
    assert await scene.starter.step() is False


async def test_an_unconfirmed_start_of_a_notification_is_repeated(scene: Scene):
    await recorded(scene)
    scene.engine.failures.after(UnavailableError("answer lost"))
    with pytest.raises(UnavailableError):
        await scene.starter.step()
    assert len(scene.system.state.tables.pending_tasks) == 1
    assert await scene.another().step() is True
    assert len(scene.engine.tasks) == 1
    assert scene.system.state.tables.pending_tasks == {}


async def test_a_notification_that_cannot_be_started_fails_and_says_so(scene: Scene):
    told = await recorded(scene)
    scene.engine.failures.before(StartRefusedError("never"))
    assert await scene.starter.step() is True
    assert await scene.starter.step() is False
    assert scene.engine.tasks == {}
    tables = scene.system.state.tables
    result = tables.tasks[told].task.result
    assert result is not None
    assert (result.status, result.outcome) == (TaskStatus.FAILED, "failed")
    assert (result.error, result.error_type) == ("never", "start_refused")
    said = [row.type for row in tables.outbox.values() if row.subject == told]
    assert said == ["activity-core.task.created.v1", "activity-core.task.failed.v1"]


async def test_a_refused_notification_waits_for_its_end_to_be_recorded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    await recorded(scene)

    async def away(*_: object) -> None:
        raise UnavailableError("away")

    scene.engine.failures.before(StartRefusedError("never"))
    with monkeypatch.context() as patched:
        patched.setattr(StartRefusal, "fail_task", away)
        with pytest.raises(UnavailableError):
            await scene.starter.step()
    assert len(scene.system.state.tables.pending_tasks) == 1
