"""Herds: many definitions with a slot in the same second, each with one human task.

All agents run in this process, as in `activity-core all`, but for the reconciler, which is called
beforehand. The clock runs from the slot until the last run is recorded with its task, both as the
database says. Each round publishes new versions for a new slot, so nothing about them is known yet.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from activity_core.adapters.postgres.pool import connection
from activity_core.adapters.temporal.scheduler import TemporalScheduler
from activity_core.bootstrap.agents import AGENTS
from activity_core.bootstrap.system import System, open_system
from activity_core.cli.serve import running
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.ids import occurrence_of_slot
from activity_core.services.loop import until_available
from activity_core.services.reconciler import Reconciler
from activity_core.settings import RUNS_QUEUE
from benchmarks.bare_workflow import bare_run, bare_worker, bounded
from benchmarks.clocks import PER_WEEK, Weekly, weekly_definition
from benchmarks.figure import ROUNDS, Figure
from benchmarks.reconciling import reconciler_of
from benchmarks.stack import apply, servers

AT_ONCE = 32
"""Bare workflows under way at a time: as many starts as the starter has."""
TICKS = 30
"""Schedules that Temporal starts in a second, at most."""
GRACE = 10
"""Seconds beyond what the ticks take, within which we promise that all have started."""
RECONCILED = 25
"""Schedules per second that a reconcile changes at least, on a slow day."""

Clocks = Callable[[Weekly, int], Sequence[Weekly]]
"""The slot that all have, and which definition it is → when that one is due."""

_RECORDED = """
select count(recorded_at) as recorded from runs
where tenant = 'main' and fired_at >= %(slot)s and scheduled_for = %(slot)s
"""
_HERD = """
select count(*) as runs, count(distinct definition_id) as definitions,
    sum((select count(*) from tasks t where (t.tenant, t.run_id) = (r.tenant, r.run_id)))::int
        as tasks,
    (select count(*) from decisions d where tenant = 'main' and input_key = %(key)s
        and outcome in ('fired', 'late')) as decisions,
    max(started_at) as started_at, max(recorded_at) as recorded_at
from runs r where tenant = 'main' and fired_at >= %(slot)s and scheduled_for = %(slot)s
"""


@dataclass(frozen=True, slots=True)
class Herd:
    """Seconds from the slot until the last run had started, and until the last was recorded."""

    started: float
    recorded: float


async def measure(definitions: int) -> Sequence[Figure]:
    """A herd with one clock, and one in which every clock is another."""
    return [
        *await _herd("one clock", definitions, lambda slot, _: [slot], schedules=1),
        *await _herd("different clocks", definitions, _and_another, schedules=definitions),
    ]


def _and_another(slot: Weekly, number: int) -> Sequence[Weekly]:
    """Its other slot is a day later at the earliest."""
    return [slot, Weekly((slot.number + 24 * 60 + number) % PER_WEEK)]


async def _herd(name: str, definitions: int, clocks: Clocks, *, schedules: int) -> Sequence[Figure]:
    async with (
        servers() as settings,
        open_system(settings) as system,
        running(system, [name for name in AGENTS if name != "reconciler"], with_api=False),
    ):
        client = await system.temporal_when_there()
        reconciler = reconciler_of(system, TemporalScheduler(client, RUNS_QUEUE))
        async with bare_worker(client):

            async def reference() -> float:
                began = time.perf_counter()
                await bounded(definitions, AT_ONCE, lambda: bare_run(client))
                return time.perf_counter() - began

            async def ours() -> Herd:
                return await _once(system, reconciler, definitions, clocks, schedules)

            rounds = [(await reference(), await ours()) for _ in range(ROUNDS + 1)][1:]
    promise = definitions / TICKS + GRACE
    return [
        Figure.of(
            f"herd of {definitions:,}, {name}",
            [(bare, herd.recorded) for bare, herd in rounds],
            reference_name=f"{definitions:,} bare no-op Temporal workflows, {AT_ONCE} at a time",
            goal=0.77,
            unit="s",
            less_is_better=True,
        ),
        Figure.of(
            f"longest lag in a herd of {definitions:,}, {name}",
            [(promise, herd.started) for _, herd in rounds],
            reference_name=f"promise: {TICKS} a second and {GRACE} s",
            goal=1.0,
            unit="s",
            less_is_better=True,
        ),
    ]


async def _once(
    system: System, reconciler: Reconciler, definitions: int, clocks: Clocks, schedules: int
) -> Herd:
    slot = _minute_after(system.clock.now() + timedelta(seconds=15 + schedules / RECONCILED))
    herd = [weekly_definition(at, clocks(Weekly.at(slot), at)) for at in range(definitions)]
    await apply(system, Bundle(tuple(herd)))
    await until_available("reconciler", reconciler.reconcile)
    assert system.clock.now() < slot, "reconciling took too long; the slot is over"
    found = await _recorded(system, slot, definitions)
    # The other schedules tick as well, although nothing is left to settle: not in the next round.
    await _until(system, slot + timedelta(seconds=schedules / TICKS + 5))
    while await system.stores.outbox.depth():  # noqa: ASYNC110 - nobody rings for it
        await asyncio.sleep(0.1)
    return found


async def _recorded(system: System, slot: datetime, definitions: int) -> Herd:
    """Wait for the herd; each definition has one decision, one run and one task."""
    await _until(system, slot)
    values = {"slot": slot, "key": occurrence_of_slot(slot)}
    async with asyncio.timeout(definitions / TICKS + 60), connection(system.pool) as link:
        while True:
            row = await (await link.execute(_RECORDED, values)).fetchone()
            if row and row["recorded"] >= definitions:
                break
            await asyncio.sleep(0.25)
        row = await (await link.execute(_HERD, values)).fetchone()
    assert row is not None
    counts = [row[name] for name in ("decisions", "runs", "definitions", "tasks")]
    assert counts == [definitions] * 4, counts
    return Herd(
        started=(row["started_at"] - slot).total_seconds(),
        recorded=(row["recorded_at"] - slot).total_seconds(),
    )


async def _until(system: System, instant: datetime) -> None:
    await asyncio.sleep(max(0.0, (instant - system.clock.now()).total_seconds()))


def _minute_after(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0) + timedelta(minutes=1)
