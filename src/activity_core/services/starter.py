"""The starter: committed runs become Temporal workflows. It decides nothing.

In: pending runs. Out: executions, committed and leased, then started under their derived id; a
crash in between is repaired by starting the same id again. So do tasks that no run carries out. It
also delivers signals: doorbells to workflows that wait for a task, and to workflows of runs that
were ended that they are to end as well.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import UnavailableError
from activity_core.core.human.notices import notification_step
from activity_core.core.run.composition import compose
from activity_core.core.run.errors import StartRefusedError
from activity_core.core.run.run import Execution, PendingRun
from activity_core.ports.clock import Clock
from activity_core.ports.engine import Engine, Purpose
from activity_core.ports.registry import RegistryStore
from activity_core.ports.run_queue import PendingTask, RunQueue, SignalKind
from activity_core.services.catalogue import Catalogue
from activity_core.services.metrics import EXECUTIONS_STARTED
from activity_core.services.start_refusal import StartRefusal

LEASE = timedelta(seconds=10)
"""How long a start may take before another starter tries the same workflow id."""
BATCH = 1_000
AT_ONCE = 32
"""Start requests under way at the same time: enough to keep a server busy, few enough to bound."""


class Starter:
    """Starts the runs of one tenant; several may run at once."""

    def __init__(
        self,
        queue: RunQueue,
        registry: RegistryStore,
        engine: Engine,
        clock: Clock,
        *,
        refusal: StartRefusal,
        max_runs_per_execution: int,
    ) -> None:
        self._queue = queue
        self._registry = registry
        self._engine = engine
        self._clock = clock
        self._refusal = refusal
        self._max_runs = max_runs_per_execution
        self._catalogue = Catalogue(registry)
        self._sharing: dict[str, dict[int, bool]] = {}
        self._owners: dict[str, str | None] = {}
        self._revision = -1
        self._look_for_overdue_at = datetime.min.replace(tzinfo=UTC)

    async def step(self) -> bool:
        """Start what was decided and what an earlier starter left; True if there may be more.

        Raises:
            UnavailableError: some starts are not confirmed; their leases bring them back.
        """
        await self._learn_who_shares()
        signalled = await self._deliver_signals()
        executions = [*await self._composed(), *await self._overdue()]
        await self._start(executions)
        alone = await self._start_tasks()
        return bool(executions) or signalled or alone

    async def _composed(self) -> Sequence[Execution]:
        def composer(pending: Sequence[PendingRun]) -> Sequence[Execution]:
            return compose(pending, may_share=self._may_share, max_runs=self._max_runs)

        return await self._queue.compose(BATCH, composer, at=self._clock.now(), lease=LEASE)

    async def _overdue(self) -> Sequence[Execution]:
        now = self._clock.now()
        if now < self._look_for_overdue_at:
            return ()
        overdue = await self._queue.overdue(BATCH, at=now, lease=LEASE)
        if not overdue:
            self._look_for_overdue_at = now + LEASE / 6
        return overdue

    async def _start(self, executions: Sequence[Execution]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def start(execution: Execution) -> None:
            async with gate:
                await self._engine.start(replace(execution, owners=self._owners_of(execution)))

        results = await asyncio.gather(*map(start, executions), return_exceptions=True)
        started = [
            execution.execution_id
            for execution, result in zip(executions, results, strict=True)
            if result is None
        ]
        if started:
            EXECUTIONS_STARTED.inc(len(started))
            await self._queue.mark_started(started)
        for execution, result in zip(executions, results, strict=True):
            if isinstance(result, StartRefusedError):
                await self._refusal.close(execution, result)
        _raise_first(results)

    async def _start_tasks(self) -> bool:
        """Tasks that no run carries out; each leaves the queue once Temporal has it."""
        tasks = await self._queue.take_tasks(BATCH)
        if not tasks:
            return False
        versions = {(task.definition_id, task.version) for task in tasks}
        await self._catalogue.learn(self._catalogue.unknown(versions))
        gate = asyncio.Semaphore(AT_ONCE)

        async def start(task: PendingTask) -> None:
            definition = self._catalogue.get((task.definition_id, task.version))
            step = notification_step(definition, task.rule, task.spec_id, task.task_id)
            owner = definition.owner or ""
            purpose = Purpose(task.definition_id, task.version, task.task_id, owner)
            async with gate:
                await self._engine.start_task(step, purpose)

        results = await asyncio.gather(*map(start, tasks), return_exceptions=True)
        for task, result in zip(tasks, results, strict=True):
            if isinstance(result, StartRefusedError):
                await self._refusal.fail_task(task.task_id, result)
        over = [
            task.position
            for task, result in zip(tasks, results, strict=True)
            if result is None or isinstance(result, StartRefusedError)
        ]
        await self._queue.drop_tasks(over)
        _raise_first(results)
        return True

    async def _deliver_signals(self) -> bool:
        signals = await self._queue.take_signals(BATCH)
        deliver = {
            SignalKind.TASKS_CHANGED: self._engine.signal,
            SignalKind.CANCEL: self._engine.cancel,
            SignalKind.TERMINATE: self._engine.terminate,
        }
        for signal in signals:
            # A workflow that is gone needs no signal; the run auditor looks after its run.
            await deliver[signal.kind](signal.workflow_id)
            await self._queue.drop_signals([signal.position])
        return bool(signals)

    async def _learn_who_shares(self) -> None:
        revision = await self._registry.revision()
        if revision != self._revision:
            newest = await self._registry.changed_since(self._revision)
            candidates: list[tuple[str, int]] = []
            for id_, entry in newest.entries.items():
                self._sharing[id_] = {entry.version: _shares(entry.definition)}
                self._owners[id_] = entry.definition.owner
                if entry.rollout is not None:
                    candidates.append((id_, entry.rollout.version))
            found = await self._registry.versions(candidates) if candidates else {}
            for (id_, version), definition in found.items():
                self._sharing[id_][version] = _shares(definition)
            self._revision = newest.revision

    def _owners_of(self, execution: Execution) -> tuple[str, ...]:
        found = {self._owners.get(id_) for id_ in execution.definitions}
        return tuple(sorted(owner for owner in found if owner))

    def _may_share(self, run: PendingRun) -> bool:
        """Unknown (an older, still pinned version) means alone: slower, never wrong."""
        return self._sharing.get(run.definition_id, {}).get(run.version, False)


def _shares(definition: ActivityDefinition) -> bool:
    """Its runs need nothing long-lived, and no I/O but the store's (no local SQL either)."""
    return definition.coalesce and definition.is_fused(())


def _raise_first(results: Sequence[BaseException | None]) -> None:
    """Outages first: they are expected, logged quietly and backed off from."""
    errors = [
        result
        for result in results
        if result is not None and not isinstance(result, StartRefusedError)
    ]
    for error in errors:
        if not isinstance(error, UnavailableError):
            raise error
    if errors:
        raise errors[0]
