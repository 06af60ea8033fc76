"""Flow states in memory: who locks some of them keeps every other writer waiting."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.decided import write_decided
from activity_core.adapters.memory.ending import open_work
from activity_core.adapters.memory.state import Draft, State, Tables
from activity_core.core import ids
from activity_core.core.flow.group import FlowKey, FlowState
from activity_core.core.run.ending import OpenWork
from activity_core.ports.flow import Decided, FlowRow, OpenFlow


class MemoryOpenFlow:
    """See `ports.flow.OpenFlow`."""

    def __init__(self, state: State, draft: Draft) -> None:
        self._state = state
        self._draft = draft

    async def lock(self, definition_ids: Sequence[str]) -> None:
        """See `OpenFlow.lock`."""
        del definition_ids  # all of them at once
        await self._draft.tables()

    async def states(self, keys: Sequence[FlowKey]) -> Mapping[FlowKey, FlowState]:
        """See `OpenFlow.states`."""
        rows = (await self._draft.tables()).flow_states
        return {key: rows[key].state for key in keys if key in rows}

    async def finished(self, definition_id: str, occurrence_keys: Sequence[str]) -> Sequence[str]:
        """See `OpenFlow.finished`."""
        tables = await self._draft.tables()
        return [
            key
            for key in occurrence_keys
            if _over(self._state, tables, definition_id, key) is not None
        ]

    async def open_work(self, run_ids: Sequence[str]) -> Sequence[OpenWork]:
        """See `OpenFlow.open_work`."""
        return open_work(await self._draft.tables(), run_ids)

    async def write(self, decided: Decided, at: datetime) -> Mapping[str, int]:
        """See `OpenFlow.write`."""
        verdicts = write_decided(self._state, await self._draft.tables(), decided, at)
        return Counter(each.outcome.value for each in verdicts)


class MemoryFlowStore:
    """See `ports.flow.FlowStore`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def due(self, at: datetime, limit: int) -> Sequence[FlowKey]:
        """See `FlowStore.due`."""
        since = {
            key: min(instants)
            for key, row in self._state.tables.flow_states.items()
            if (instants := list(self._due(key, row, at)))
        }
        return sorted(
            since, key=lambda key: (since[key], key.definition_id, key.stage.value, key.key)
        )[:limit]

    def _due(self, key: FlowKey, row: FlowRow, at: datetime) -> Iterator[datetime]:
        """Since when: its time has come, or runs that it let through are over."""
        if row.wake_at is not None and row.wake_at <= at:
            yield row.wake_at
        for occurrence in row.state.running:
            over = _over(self._state, self._state.tables, key.definition_id, occurrence)
            if over is not None:
                yield over

    async def next_wake(self) -> datetime | None:
        """See `FlowStore.next_wake`."""
        rows = self._state.tables.flow_states.values()
        return min((row.wake_at for row in rows if row.wake_at), default=None)

    async def wake(self, definition_ids: Collection[str], at: datetime) -> None:
        """See `FlowStore.wake`."""
        async with self._state.transaction() as tables:
            for key, row in tables.flow_states.items():
                if key.definition_id in definition_ids:
                    wake_at = min(row.wake_at or at, at)
                    tables.flow_states[key] = replace(row, wake_at=wake_at)

    def open(self) -> AbstractAsyncContextManager[OpenFlow]:
        """See `FlowStore.open`."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[OpenFlow]:
        async with AsyncExitStack() as stack:
            yield MemoryOpenFlow(self._state, Draft(self._state, stack))


def _over(state: State, tables: Tables, definition_id: str, occurrence_key: str) -> datetime | None:
    """Since when the run of an occurrence is over, if it has one and it is."""
    run = tables.runs.get(ids.run_id(state.tenant, definition_id, occurrence_key))
    return run.finished_at if run else None
