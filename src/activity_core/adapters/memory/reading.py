"""Lists and details out of the in-memory tables."""

from collections.abc import Mapping, Sequence

from activity_core.adapters.memory.paging import page, place
from activity_core.adapters.memory.reading_refused import dead_letter_item, refusal_item
from activity_core.adapters.memory.reading_rows import (
    decision_item,
    event_detail,
    event_item,
    run_detail,
    run_item,
    task_item,
)
from activity_core.adapters.memory.rows import RunRow
from activity_core.adapters.memory.schedule_row import schedule_row
from activity_core.adapters.memory.state import State, Tables
from activity_core.adapters.memory.task_lists import inbox_page, tasks_page
from activity_core.core.errors import AmbiguousError, NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.reading import Page, Query, Row
from activity_core.ports.refusals import cut


class MemoryReading:
    """See `ports.reading.Reading`."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def _tables(self) -> Tables:
        return self._state.tables

    async def events(self, query: Query) -> Page:
        """See `Reading.events`."""
        tables = self._tables
        return page(
            query,
            tables.events.values(),
            place_of=lambda row: place(row.received_at, row.key.hex()),
            filters={
                "source": lambda row, wanted: row.envelope.source == wanted,
                "type": lambda row, wanted: row.envelope.type == wanted,
                "id": lambda row, wanted: row.envelope.id == wanted,
            },
            item=lambda row: event_item(tables, row),
        )

    async def event(self, source: str | None, event_id: str) -> Row:
        """See `Reading.event`."""
        found = [
            row
            for row in self._tables.events.values()
            if row.envelope.id == event_id and source in {None, row.envelope.source}
        ]
        if not found:
            raise NotFoundError("no such event", subject=f"event {event_id}")
        if len(found) > 1:
            sources = ", ".join(sorted(row.envelope.source for row in found))
            raise AmbiguousError(
                f"several sources sent that id: {sources}",
                subject=f"event {event_id}",
                hint="name the source",
            )
        return event_detail(self._tables, found[0])

    async def runs(self, query: Query) -> Page:
        """See `Reading.runs`."""
        tables = self._tables
        events = query.filters.keys() & {"source", "event_id"}

        def is_for(row: RunRow, _: str) -> bool:
            """Source and id must be those of the same event."""
            return any(
                all(_names(tables.events[key].envelope, name, query) for name in events)
                for key in row.events
            )

        return page(
            query,
            tables.runs.values(),
            place_of=lambda row: place(row.fired_at, row.run_id),
            filters={
                "definition_id": lambda row, wanted: row.definition_id == wanted,
                "status": lambda row, wanted: row.status == wanted,
                "source": is_for,
                "event_id": is_for,
            },
            item=lambda row: run_item(tables, row),
        )

    async def run(self, run_id: str) -> Row:
        """See `Reading.run`."""
        row = self._tables.runs.get(run_id)
        if row is None:
            raise NotFoundError("no such run", subject=f"run {run_id}")
        return run_detail(self._tables, row)

    async def tasks(self, query: Query) -> Page:
        """See `Reading.tasks`."""
        return tasks_page(query, self._tables)

    async def task_inbox(self, query: Query) -> Page:
        """See `Reading.task_inbox`."""
        return inbox_page(query, self._tables)

    async def task(self, task_id: str) -> Row:
        """See `Reading.task`."""
        row = self._tables.tasks.get(task_id)
        if row is None:
            raise NotFoundError("no such task", subject=f"task {task_id}")
        return task_item(row)

    async def emitter(self, event_id: str) -> str | None:
        """See `Reading.emitter`."""
        row = self._tables.outbox.get(event_id)
        return row.key if row else None

    async def decisions(self, query: Query) -> Page:
        """See `Reading.decisions`."""
        tables = self._tables
        return page(
            query,
            tables.decisions.values(),
            place_of=lambda row: place(row.decided_at, row.input_key, row.definition_id),
            filters={
                "definition_id": lambda row, wanted: row.definition_id == wanted,
                "outcome": lambda row, wanted: row.outcome == wanted,
                "occurrence_key": lambda row, wanted: row.occurrence_key == wanted,
            },
            item=lambda row: decision_item(tables, row),
        )

    async def dead_letters(self, query: Query) -> Page:
        """See `Reading.dead_letters`."""
        return page(
            query,
            self._tables.dead_letters.values(),
            place_of=lambda letter: place(letter.buried_at, letter.dead_letter_id),
            filters={
                "status": lambda letter, wanted: letter.status == wanted,
                "via": lambda letter, wanted: letter.via == wanted,
                "code": lambda letter, wanted: letter.code == wanted,
                "source_id": lambda letter, wanted: letter.source_id == wanted,
            },
            item=dead_letter_item,
        )

    async def refusals(self, query: Query) -> Page:
        """See `Reading.refusals`."""
        return page(
            query,
            self._tables.refusals.items(),
            place_of=lambda row: place(row[1].refused_at, f"{row[0]:020}"),
            filters={
                "via": lambda row, wanted: row[1].via == cut(wanted),
                "sender": lambda row, wanted: row[1].sender == cut(wanted),
                "code": lambda row, wanted: row[1].code == cut(wanted),
                "source": lambda row, wanted: row[1].event_source == cut(wanted),
                "event_id": lambda row, wanted: row[1].event_id == cut(wanted),
            },
            item=lambda row: refusal_item(row[1]),
        )

    async def schedules(self, definition_ids: Sequence[str]) -> Mapping[str, Row]:
        """See `Reading.schedules`."""
        tables = self._tables
        found = {id_: tables.slot_cursors.get(id_) for id_ in definition_ids}
        return {id_: schedule_row(tables, row) for id_, row in found.items() if row}


def _names(envelope: EventEnvelope, name: str, query: Query) -> bool:
    value = envelope.source if name == "source" else envelope.id
    return value == query.filters[name]
