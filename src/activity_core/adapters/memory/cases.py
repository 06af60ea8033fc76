"""Cases in memory: an open case keeps every other writer waiting."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.case_rows import BellRow, CaseRow, CaseRunRow, Key
from activity_core.adapters.memory.open_case import MemoryOpenCase, queue_of
from activity_core.adapters.memory.paging import page, place
from activity_core.adapters.memory.run_ledger import claimed_run
from activity_core.adapters.memory.state import State, Tables
from activity_core.core import ids
from activity_core.core.case.case import Case, CaseStatus
from activity_core.core.errors import ConflictError, NotFoundError
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.run.run import ClaimedRun, RunStatus
from activity_core.ports.cases import OpenCase, QueuedRun, Ring
from activity_core.ports.reading import Page, Query, Row


class MemoryCases:
    """See `ports.cases.CaseStore`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def rings(self, limit: int, at: datetime) -> Sequence[Ring]:
        """See `CaseStore.rings`."""
        rung: defaultdict[str, list[int]] = defaultdict(list)
        async with self._state.transaction() as tables:
            for position, bell in sorted(tables.case_bells.items())[:limit]:
                case_id = bell.case_id or self._open_case(tables, bell.key, at)
                if case_id is None:
                    del tables.case_bells[position]
                else:
                    rung[case_id].append(position)
        cases = self._state.tables.cases
        return [_ring(cases[case_id], positions) for case_id, positions in rung.items()]

    def _open_case(self, tables: Tables, key: Key, at: datetime) -> str | None:
        """The open case of a key, opened if need be; None if nothing is queued."""
        queued = queue_of(tables, key)
        mine = [row for row in tables.cases.values() if row.key == key]
        there = [row for row in mine if row.case.status is CaseStatus.OPEN]
        if not queued:
            return None
        if there:
            return there[0].case.case_id
        first, number = tables.runs[queued[0].run_id], len(mine) + 1
        case_id = ids.case_id(self._state.tenant, *key, number)
        case = Case(case_id, *key, number, first.version, first.fired_at, first.fired_at)
        tables.cases[case_id] = CaseRow(case, at)
        return case_id

    async def drop_rings(self, rings: Sequence[Ring]) -> None:
        """See `CaseStore.drop_rings`."""
        async with self._state.transaction() as tables:
            for position in (position for ring in rings for position in ring.positions):
                tables.case_bells.pop(position, None)

    def open(self, case_id: str, limit: int) -> AbstractAsyncContextManager[OpenCase]:
        """See `CaseStore.open`."""
        return self._open(case_id, limit)

    @asynccontextmanager
    async def _open(self, case_id: str, limit: int) -> AsyncIterator[OpenCase]:
        async with self._state.transaction() as tables:
            row = _found(tables, case_id)
            queued = []
            if row.case.status is CaseStatus.OPEN:
                for each in queue_of(tables, row.key)[:limit]:
                    run = tables.runs[each.run_id]
                    if run.status is RunStatus.PENDING:
                        queued.append(QueuedRun(claimed_run(run), run.fired_at))
                    else:
                        _take_off(tables, each)
            yield MemoryOpenCase(self._state, tables, row, queued)

    async def queued_run(self, run_id: str) -> ClaimedRun | None:
        """See `CaseStore.queued_run`."""
        tables = self._state.tables
        waits = any(row.run_id == run_id for row in tables.case_runs.values())
        return claimed_run(tables.runs[run_id]) if waits else None

    async def close(self, case_id: str, by: str, at: datetime) -> None:
        """See `CaseStore.close`."""
        async with self._state.transaction() as tables:
            row = _found(tables, case_id)
            if row.case.status is CaseStatus.CLOSED:
                return
            if queue_of(tables, row.key):
                raise ConflictError(
                    "runs wait for their turn in it",
                    subject=f"case {case_id}",
                    hint="try again in a moment",
                )
            case = replace(row.case, status=CaseStatus.CLOSED, closed_at=at)
            tables.cases[case_id] = replace(row, case=case, wakes=None, closed_by=by)
            tables.case_bells[self._state.next_position()] = BellRow(row.key, case_id)

    async def untouched(self, limit: int, since: datetime) -> Sequence[Ring]:
        """See `CaseStore.untouched`."""
        rows = [
            row
            for row in self._state.tables.cases.values()
            if row.case.status is CaseStatus.OPEN and row.touched_at < since
        ]
        rows.sort(key=lambda row: row.touched_at)
        return [_ring(row, ()) for row in rows[:limit]]

    async def touch(self, well: Sequence[str], lost: Sequence[str], at: datetime) -> None:
        """See `CaseStore.touch`."""
        async with self._state.transaction() as tables:
            for case_id in [*well, *lost]:
                row = tables.cases[case_id]
                if row.case.status is CaseStatus.OPEN:
                    tables.cases[case_id] = replace(row, touched_at=at)
            for case_id in lost:
                bell = BellRow(tables.cases[case_id].key, case_id)
                tables.case_bells[self._state.next_position()] = bell

    async def page(self, query: Query) -> Page:
        """See `CaseStore.page`."""
        return page(
            query,
            self._state.tables.cases.values(),
            place_of=lambda row: place(row.case.opened_at, row.case.case_id),
            filters={
                "definition_id": lambda row, wanted: row.case.definition_id == wanted,
                "status": lambda row, wanted: row.case.status == wanted,
                "key": lambda row, wanted: (
                    row.case.key in {wanted, canonical_json(wanted).decode()}
                ),
            },
            item=CaseRow.item,
        )

    async def show(self, case_id: str) -> Row:
        """See `CaseStore.show`."""
        tables = self._state.tables
        row = _found(tables, case_id)
        is_open = row.case.status is CaseStatus.OPEN
        queued: list[JsonValue] = [each.run_id for each in queue_of(tables, row.key)]
        mine = [run for run in tables.runs.values() if run.case_id == case_id]
        mine.sort(key=lambda run: (run.fired_at, run.run_id), reverse=True)
        return row.item() | {
            "state": None if row.case.state is None else dict(row.case.state),
            "queued": queued[:100] if is_open else [],
            "runs": [
                {
                    "run_id": run.run_id,
                    "trigger": run.occurrence.trigger.value,
                    "timer": run.occurrence.timer or None,
                    "status": run.status.value,
                    "fired_at": rfc3339(run.fired_at),
                }
                for run in mine[:100]
            ],
        }


def _found(tables: Tables, case_id: str) -> CaseRow:
    row = tables.cases.get(case_id)
    if row is None:
        raise NotFoundError("no such case", subject=f"case {case_id}")
    return row


def _take_off(tables: Tables, gone: CaseRunRow) -> None:
    kept = {place: row for place, row in tables.case_runs.items() if row != gone}
    tables.case_runs = kept


def _ring(row: CaseRow, positions: Sequence[int]) -> Ring:
    version = (row.case.definition_id, row.case.version)
    return Ring(row.case.case_id, row.workflow_id, version, positions)
