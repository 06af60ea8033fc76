"""Reconciling: definitions in the registry become schedules on Temporal.

Each measurement is on servers of its own, for the reference as for ours: ten thousand schedules
slow down whoever comes next. Our first reconcile begins with a full registry and nothing else;
those after it have nothing to do, and are seen to write nothing.
"""

import asyncio
import gc
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from temporalio.client import Client

from activity_core.adapters.postgres.pool import Pool, connection
from activity_core.adapters.temporal.scheduler import TemporalScheduler
from activity_core.bootstrap.system import System, open_system
from activity_core.core.definition_file.bundle import Bundle
from activity_core.ports.scheduler import WantedSchedule
from activity_core.services.known_schedules import AT_ONCE
from activity_core.services.reconciler import Reconciler, Reconciliation
from activity_core.settings import RUNS_QUEUE
from benchmarks.bare_schedules import create_bare_schedules
from benchmarks.clocks import Weekly, weekly_definition
from benchmarks.figure import Figure
from benchmarks.stack import apply, servers

ROUNDS = 3
"""None to warm up: nothing is warm on fresh servers."""
IDLE = 20
"""Reconciles without work that are measured, after half as many in which Temporal calms down."""
SHARE_A_CLOCK = 50
"""Definitions per clock, where they share any."""

_ROWS_WRITTEN = """
select sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint as rows from pg_stat_user_tables
"""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One measurement of ours.

    Attributes:
        first: seconds of the first reconcile.
        idle: seconds of one without work, the median.
        before, after: MB of this process around those without work.
    """

    first: float
    idle: float
    before: float
    after: float


class CountedScheduler(TemporalScheduler):
    """Counts what it changes."""

    writes = 0

    async def put(self, wanted: WantedSchedule) -> None:
        """See `Scheduler.put`."""
        self.writes += 1
        await super().put(wanted)

    async def delete(self, schedule_id: str) -> None:
        """See `Scheduler.delete`."""
        self.writes += 1
        await super().delete(schedule_id)


def reconciler_of(system: System, scheduler: TemporalScheduler) -> Reconciler:
    """As the agent is."""
    stores = system.stores
    return Reconciler(stores.registry, stores.slots, scheduler, system.clock, repair=True)


async def measure(definitions: int) -> Sequence[Figure]:
    """First reconciles, those without work, and what memory the latter take."""
    rounds = [
        (
            await _bare(definitions),
            await _ours(definitions, clocks=definitions),
            await _ours(definitions, clocks=definitions // SHARE_A_CLOCK),
        )
        for _ in range(ROUNDS)
    ]
    bare = f"creating {definitions:,} bare Temporal Schedules"
    return [
        Figure.of(
            f"first reconcile, {definitions:,} definitions with different clocks",
            [(reference, ours.first) for reference, ours, _ in rounds],
            reference_name=bare,
            goal=0.83,
            unit="s",
            less_is_better=True,
        ),
        Figure.of(
            f"first reconcile, {definitions:,} definitions, {SHARE_A_CLOCK} per clock",
            [(reference, ours.first) for reference, _, ours in rounds],
            reference_name=bare,
            goal=0.83,
            unit="s",
            less_is_better=True,
        ),
        Figure.of(
            f"reconcile without work, {definitions:,} definitions with different clocks",
            [(ours.first, ours.idle) for _, ours, _ in rounds],
            reference_name="the first reconcile of the same",
            goal=50,
            unit="s",
            less_is_better=True,
        ),
        Figure.of(
            f"memory after {IDLE} reconciles without work, {definitions:,} definitions",
            [(ours.before, ours.after) for _, ours, _ in rounds],
            reference_name="memory before them",
            goal=0.95,
            unit="MB",
            less_is_better=True,
        ),
    ]


async def _bare(schedules: int) -> float:
    async with servers() as settings:
        client = await Client.connect(str(settings.temporal_address))
        began = time.perf_counter()
        await create_bare_schedules(client, schedules, AT_ONCE)
        return time.perf_counter() - began


async def _ours(definitions: int, *, clocks: int) -> Reconciled:
    async with servers() as settings, open_system(settings) as system:
        await apply(system, _definitions(definitions, clocks))
        scheduler = CountedScheduler(await system.temporal_when_there(), RUNS_QUEUE)
        reconciler = reconciler_of(system, scheduler)
        began = time.perf_counter()
        await reconciler.reconcile()
        first = time.perf_counter() - began
        assert scheduler.writes == clocks
        await _until_listed(scheduler, clocks)
        await _idle(reconciler, IDLE // 2)
        rows, before = await _rows_written(system.pool), _memory()
        idle = await _idle(reconciler, IDLE)
        assert (scheduler.writes, await _rows_written(system.pool)) == (clocks, rows)
        return Reconciled(first, idle, before, _memory())


def _definitions(number: int, clocks: int) -> Bundle:
    return Bundle(tuple(weekly_definition(at, [Weekly(at % clocks)]) for at in range(number)))


async def _until_listed(scheduler: TemporalScheduler, schedules: int) -> None:
    """Temporal's list lags behind; a reconcile would write again what it does not find there."""
    async with asyncio.timeout(60):
        while len(await scheduler.existing()) < schedules:  # noqa: ASYNC110 - nobody rings for it
            await asyncio.sleep(1)


async def _idle(reconciler: Reconciler, times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        assert await reconciler.reconcile() == Reconciliation()
        taken.append(time.perf_counter() - began)
    return median(taken)


async def _rows_written(pool: Pool) -> int:
    """By everybody, ever. Backends tell what they wrote a second later, at most."""
    await asyncio.sleep(1)
    async with connection(pool) as link:
        row = await (await link.execute(_ROWS_WRITTEN)).fetchone()
    return int(row["rows"]) if row else 0


def _memory() -> float:
    """MB of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
