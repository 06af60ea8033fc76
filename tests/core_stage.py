"""The run part of a whole deployment over in-memory stores, and short ways to use it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.context_source import MemoryContextSource
from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.adapters.memory.outbox import MemoryOutbox
from activity_core.adapters.memory.registry import MemoryRegistryStore
from activity_core.adapters.memory.rows import RunRow, TaskRow
from activity_core.adapters.memory.run_control import MemoryRunControl
from activity_core.adapters.memory.run_ledger import MemoryRunLedger
from activity_core.adapters.memory.run_queue import MemoryRunQueue
from activity_core.adapters.memory.slot_ledger import MemorySlotLedger
from activity_core.adapters.memory.state import State
from activity_core.adapters.memory.task_ledger import MemoryTaskLedger
from activity_core.adapters.memory.task_performer import MemoryTaskPerformer
from activity_core.core import ids
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.composition import compose
from activity_core.core.run.run import Execution, PendingRun
from activity_core.ports.run_ledger import RunLedger
from activity_core.ports.run_queue import ManualRequest
from activity_core.services.catalogue import Catalogue
from activity_core.services.compensator import Compensator
from activity_core.services.performer import Performer
from activity_core.services.registry import Registry
from activity_core.services.run_closer import RunCloser
from activity_core.services.run_context import ContextReader
from activity_core.services.run_decider import RunDecider
from activity_core.services.run_recorder import RunRecorder
from activity_core.services.runner import Runner
from activity_core.services.slot_history import SlotHistories
from activity_core.services.slot_settler import SlotSettler
from activity_core.services.task_caller import TaskCaller
from activity_core.services.task_preparer import TaskPreparer
from activity_core.services.task_presenter import TaskPresenter
from activity_core.workflows.steps import RunSteps
from activity_core.workflows.task_steps import TaskSteps

RECOVERY_RATE = 2.0
"""Runs a second that make up for missed slots."""

CONFIG: Mapping[str, JsonValue] = {"team": "billing"}


@dataclass
class CoreStage:
    """Everything a runner needs; `ledger` may be wrapped by a test."""

    state: State = field(default_factory=State)
    clock: ManualClock = field(default_factory=ManualClock)
    doorbell: MemoryDoorbell = field(default_factory=MemoryDoorbell)
    source: MemoryContextSource = field(default_factory=MemoryContextSource)
    http: MemoryTaskPerformer = field(default_factory=MemoryTaskPerformer)

    def __post_init__(self) -> None:
        self.queue = MemoryRunQueue(self.state)
        self.ledger: RunLedger = MemoryRunLedger(self.state)
        self.tasks = MemoryTaskLedger(self.state)
        self.store = MemoryRegistryStore(self.state)
        self.outbox = MemoryOutbox(self.state)
        self.slots = MemorySlotLedger(self.state, RECOVERY_RATE)

    @property
    def runner(self) -> Runner:
        catalogue = Catalogue(self.store)
        reader = ContextReader({"sql": self.source, "http": self.source}, catalogue, CONFIG)
        decider = RunDecider(reader, config=CONFIG, deployment="test")
        return Runner(
            self.ledger,
            self.tasks,
            catalogue,
            reader=reader,
            recorder=RunRecorder(self.ledger, catalogue, decider, self.clock),
            closer=self.closer,
            clock=self.clock,
            doorbell=self.doorbell,
        )

    @property
    def closer(self) -> RunCloser:
        catalogue = Catalogue(self.store)
        return RunCloser(self.ledger, self.tasks, catalogue, self.clock, deployment="test")

    @property
    def preparer(self) -> TaskPreparer:
        catalogue = Catalogue(self.store)
        return TaskPreparer(
            self.ledger, self.tasks, catalogue, self.clock, self.doorbell, deployment="test"
        )

    @property
    def performer(self) -> Performer:
        performers = {TaskKind.HTTP: self.http}
        return Performer(
            self.tasks, self.preparer, performers, self.clock, self.doorbell, deployment="test"
        )

    @property
    def caller(self) -> TaskCaller:
        return TaskCaller(self.tasks, self.performer)

    @property
    def presenter(self) -> TaskPresenter:
        return TaskPresenter(
            self.tasks,
            self.performer,
            Catalogue(self.store),
            self.clock,
            self.doorbell,
            deployment="test",
        )

    @property
    def compensator(self) -> Compensator:
        return Compensator(
            self.tasks, Catalogue(self.store), self.clock, self.doorbell, deployment="test"
        )

    @property
    def steps(self) -> RunSteps:
        tasks = TaskSteps(
            self.performer, self.presenter, self.caller, self.compensator, self.closer
        )
        return RunSteps(self.runner, self.settler, tasks)

    @property
    def histories(self) -> SlotHistories:
        return SlotHistories(self.store, Catalogue(self.store))

    @property
    def settler(self) -> SlotSettler:
        """As in another worker each time."""
        return SlotSettler(self.slots, self.histories, self.clock, self.doorbell, deployment="test")

    async def apply(self, text: str) -> None:
        registry = Registry(self.store, self.doorbell, self.clock, config=CONFIG)
        await registry.apply(parse_definitions(text, file="test.yaml"), "ann")

    async def submit(self, definition_id: str, *requests: str, data: JsonValue = None) -> list[str]:
        """Manual requests; returns the run ids."""
        return [
            (
                await self.queue.submit(
                    ManualRequest(definition_id, 1, ids.occurrence_of_request(name), data, "ann"),
                    self.clock.now(),
                )
            ).run_id
            for name in requests
        ]

    async def retry(self, run_id: str) -> PendingRun:
        """A failed run as its next attempt."""
        async with MemoryRunControl(self.state).hold(run_id) as held:
            return await held.retry(self.clock.now())

    async def compose(self, *, together: bool = True) -> list[Execution]:
        """Executions of everything pending: one for all, or one each."""
        return await self.queue.compose(
            1_000,
            lambda pending: compose(pending, may_share=lambda _: together, max_runs=1_000),
            at=self.clock.now(),
            lease=timedelta(seconds=30),
        )

    def run(self, run_id: str) -> RunRow:
        return self.state.tables.runs[run_id]

    def tasks_of(self, run_id: str) -> dict[str, TaskRow]:
        """By template id (and item, if not 0)."""
        return {
            f"{row.task.spec_id}{row.task.item or ''}": row
            for row in self.state.tables.tasks.values()
            if row.task.run_id == run_id
        }

    def said(self, run_id: str) -> list[str]:
        """Types of what left about a run, in order, without the prefix and the version."""
        rows = sorted(self.state.tables.outbox.values(), key=lambda row: row.position)
        return [
            row.type.removeprefix("activity-core.").removesuffix(".v1")
            for row in rows
            if row.key == run_id
        ]
