"""What all in-memory stores share: the tables, one writer at a time, and who holds which rows.

A transaction works on a copy of the tables, which replaces them when it is left normally. Readers
never wait, and see what is committed. Rows that a `take()` holds are named in `held`, so that
another one passes over them.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import count

from activity_core.adapters.memory.case_rows import BellRow, CaseRow, CaseRunRow
from activity_core.adapters.memory.rows import (
    BackfillRow,
    CursorRow,
    DecisionRow,
    EventReplayRow,
    EventRow,
    ExecutionRow,
    LogRow,
    OutgoingRow,
    RoutingRow,
    RunLogRow,
    RunRow,
    TaskRow,
    WaitingRow,
)
from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.flow.group import FlowKey
from activity_core.core.human.log import LogEntry
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.entrances import Entrance, EntranceLine
from activity_core.ports.flow import FlowRow
from activity_core.ports.refusals import Refusal
from activity_core.ports.registry import LogLine
from activity_core.ports.run_queue import Signal


@dataclass
class Tables:
    """Everything that is stored. Rows are immutable; queues are in order of position."""

    definitions: dict[tuple[str, int], ActivityDefinition] = field(default_factory=dict)
    registry_log: dict[tuple[int, str], LogRow[LogLine]] = field(default_factory=dict)
    entrances: dict[tuple[str, str, int], Entrance] = field(default_factory=dict)
    entrance_log: dict[tuple[int, str, str], LogRow[EntranceLine]] = field(default_factory=dict)
    revisions: dict[int, datetime] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    events: dict[bytes, EventRow] = field(default_factory=dict)
    pending_events: dict[int, bytes] = field(default_factory=dict)
    routings: dict[bytes, RoutingRow] = field(default_factory=dict)
    decisions: dict[tuple[str, str], DecisionRow] = field(default_factory=dict)
    runs: dict[str, RunRow] = field(default_factory=dict)
    run_log: dict[int, RunLogRow] = field(default_factory=dict)
    pending_runs: dict[int, WaitingRow] = field(default_factory=dict)
    slot_cursors: dict[str, CursorRow] = field(default_factory=dict)
    recovery_pace: dict[str, datetime] = field(default_factory=dict)
    executions: dict[str, ExecutionRow] = field(default_factory=dict)
    tasks: dict[str, TaskRow] = field(default_factory=dict)
    task_log: dict[str, tuple[LogEntry, ...]] = field(default_factory=dict)
    pending_tasks: dict[int, str] = field(default_factory=dict)
    pending_signals: dict[int, Signal] = field(default_factory=dict)
    outbox: dict[str, OutgoingRow] = field(default_factory=dict)
    pending_outbox: dict[int, str] = field(default_factory=dict)
    dead_letters: dict[str, DeadLetter] = field(default_factory=dict)
    refusals: dict[int, Refusal] = field(default_factory=dict)
    backfills: dict[str, BackfillRow] = field(default_factory=dict)
    flow_states: dict[FlowKey, FlowRow] = field(default_factory=dict)
    event_replays: dict[str, EventReplayRow] = field(default_factory=dict)
    cases: dict[str, CaseRow] = field(default_factory=dict)
    case_runs: dict[int, CaseRunRow] = field(default_factory=dict)
    case_bells: dict[int, BellRow] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """Other tables with the same rows."""
        return Tables(**{each.name: dict(getattr(self, each.name)) for each in fields(self)})


class State:
    """The tables of one tenant."""

    def __init__(self, tenant: str = "main") -> None:
        self.tenant = tenant
        self.tables = Tables()
        self._positions = count(1)
        self._held: defaultdict[str, set[Hashable]] = defaultdict(set)
        self._writer = asyncio.Lock()
        self._writing: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tables]:
        """Tables to write to; kept when left normally, dropped when left with an exception.

        Raises:
            RuntimeError: this very task is writing already and would wait for itself.
        """
        if self._writing is asyncio.current_task():
            raise RuntimeError("a transaction inside a transaction of the same task")
        async with self._writer:
            self._writing = asyncio.current_task()
            try:
                draft = self.tables.copy()
                yield draft
                self.tables = draft
            finally:
                self._writing = None

    def next_position(self) -> int:
        """A number never given before; as in a real sequence, a rollback leaves a gap."""
        return next(self._positions)

    @contextmanager
    def hold(self, noun: str, rows: Iterable[Hashable]) -> Iterator[None]:
        """Keep rows (or keys) from every other `take()`."""
        mine = set(rows)
        self._held[noun] |= mine
        try:
            yield
        finally:
            self._held[noun] -= mine

    def is_held(self, noun: str, row: Hashable) -> bool:
        """Whether somebody holds it."""
        return row in self._held[noun]


class Draft:
    """A transaction that begins with the first write and ends with `stack`."""

    def __init__(self, state: State, stack: AsyncExitStack) -> None:
        self._state = state
        self._stack = stack
        self._tables: Tables | None = None

    async def tables(self) -> Tables:
        """Tables to write to."""
        if self._tables is None:
            self._tables = await self._stack.enter_async_context(self._state.transaction())
        return self._tables
