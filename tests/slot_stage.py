"""Schedules over in-memory stores: settler, auditor and reconciler, and a clock that a test moves.

Nothing ticks by itself: a test says when somebody looks, so it says what an outage is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.core_stage import CONFIG, CoreStage

from activity_core.adapters.memory.clock import START, ManualClock
from activity_core.adapters.memory.engine import MemoryEngine
from activity_core.adapters.memory.rows import DecisionRow, RunRow
from activity_core.adapters.memory.scheduler import MemoryScheduler
from activity_core.core import ids
from activity_core.core.rules.occurrence import TriggerKind
from activity_core.core.run.run import OPEN, RunStatus
from activity_core.services.reconciler import Reconciler
from activity_core.services.registry import Registry
from activity_core.services.slot_auditor import SlotAuditor

BEAT = """
id: {id}
trigger: {{{trigger}}}
rules: [{{id: r, tasks: [{{id: t, human: {{title: T}}}}]}}]
"""


def beat(id_: str, trigger: str) -> str:
    """A definition with a slot trigger; its runs stay open until they are carried out."""
    return BEAT.format(id=id_, trigger=trigger)


def at(text: str) -> datetime:
    """An instant of the first day, or any other, in UTC: `12:00:10`, `2026-03-29T01:00`."""
    full = text if "T" in text else f"{START.date()}T{text}"
    return datetime.fromisoformat(full).replace(tzinfo=UTC)


def between(after: datetime, until: datetime, every: float, offset: float = 0) -> list[datetime]:
    """Slots of an interval in (after, until], by plain counting."""
    step, epoch = timedelta(seconds=every), datetime(1970, 1, 1, tzinfo=UTC)
    number = (after - epoch - timedelta(seconds=offset)) // step + 1
    slots = []
    while (slot := epoch + timedelta(seconds=offset) + number * step) <= until:
        slots.append(slot)
        number += 1
    return slots


class SteppedClock(ManualClock):
    """A clock as machines have them: somebody may put it forward or back."""

    def step(self, by: timedelta) -> None:
        self._now += by


@dataclass
class SlotStage(CoreStage):
    """One tenant's schedules."""

    clock: SteppedClock = field(default_factory=SteppedClock)
    engine: MemoryEngine = field(default_factory=MemoryEngine)
    scheduler: MemoryScheduler = field(default_factory=MemoryScheduler)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.registry = Registry(self.store, self.doorbell, self.clock, config=CONFIG)
        self.reconciler = Reconciler(
            self.store, self.slots, self.scheduler, self.clock, repair=True
        )
        self.auditor = SlotAuditor(self.slots, self.histories, self.engine, self.clock)

    async def publish(self, *texts: str) -> None:
        """Apply definitions, and let the reconciler see them."""
        await self.apply("\n---\n".join(texts))
        await self.reconciler.reconcile()

    def wait(self, seconds: float) -> datetime:
        """Time goes by, and nobody looks."""
        return self.clock.advance(timedelta(seconds=seconds))

    async def tick(self, nominal: datetime | None = None) -> int:
        """Somebody looks; how many runs follow."""
        return await self.settler.settle(nominal)

    async def tick_for(self, seconds: int, every: int = 1) -> None:
        """Time goes by, and somebody looks."""
        for _ in range(0, seconds, every):
            self.wait(every)
            await self.tick()

    def decided(self, definition_id: str) -> dict[datetime, DecisionRow]:
        """By slot, ascending."""
        return {
            ids.slot_of_occurrence(row.input_key): row
            for row in sorted(self.state.tables.decisions.values(), key=lambda row: row.input_key)
            if row.definition_id == definition_id
        }

    def outcomes(self, definition_id: str) -> list[str]:
        """In order of slots, runs of equal ones counted: `2 fired`."""
        counted: list[tuple[str, int]] = []
        for row in self.decided(definition_id).values():
            name = str(row.outcome)
            if counted and counted[-1][0] == name:
                counted[-1] = name, counted[-1][1] + 1
            else:
                counted.append((name, 1))
        return [f"{number} {name}" for name, number in counted]

    def runs(self, definition_id: str) -> list[RunRow]:
        """Runs of its slots, in order of slots."""
        rows = [
            row
            for row in self.state.tables.runs.values()
            if row.definition_id == definition_id and row.occurrence.trigger is TriggerKind.SCHEDULE
        ]
        return sorted(rows, key=_slot)

    def slots_run(self, definition_id: str) -> list[datetime]:
        """Slots that have a run of their own."""
        return [_slot(row) for row in self.runs(definition_id)]

    async def start(self) -> list[str]:
        """Carry out what may start now, one run after the other; the run ids."""
        started: list[str] = []
        for execution in await self.compose(together=False):
            await self.runner.advance(execution.execution_id)
            started += execution.runs
        return started

    async def close_runs(self, definition_id: str) -> None:
        """Whatever they wait for is done."""
        async with self.state.transaction() as tables:
            for row in self.runs(definition_id):
                if row.status in OPEN:
                    tables.runs[row.run_id] = replace(
                        row, status=RunStatus.COMPLETED, finished_at=self.clock.now()
                    )

    def assert_covered(
        self, definition_id: str, expected: Sequence[datetime]
    ) -> dict[datetime, DecisionRow]:
        """One decision per expected slot, no other, and no slot with two runs; the decisions."""
        found = self.decided(definition_id)
        assert list(found) == list(expected)
        slots = self.slots_run(definition_id)
        assert len(set(slots)) == len(slots)
        run_ids = {row.run_id for row in self.runs(definition_id)}
        assert {row.run_id for row in found.values() if row.run_id} == run_ids
        return found


def _slot(row: RunRow) -> datetime:
    assert row.occurrence.scheduled_for is not None
    return row.occurrence.scheduled_for
