"""Reading for the outsides: lists and details as JSON with the published names.

The SQL is in `reading_queries`, the spelling in `reading_rows`, filters and cursors in `paging`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from psycopg.rows import DictRow

from activity_core.adapters.postgres import reading_queries as queries
from activity_core.adapters.postgres.paging import Listing, page_of
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.reading_rows import (
    dead_letter_item,
    decision_item,
    event_detail,
    event_item,
    refusal_item,
    run_detail,
    run_item,
    schedule_row,
    task_item,
)
from activity_core.adapters.postgres.run_control_queries import LOG
from activity_core.adapters.postgres.storable import prose
from activity_core.adapters.postgres.task_lists import TASK_INBOX, tasks_listing, whose_inbox
from activity_core.core import ids
from activity_core.core.errors import AmbiguousError, NotFoundError
from activity_core.ports.reading import Page, Query, Row
from activity_core.ports.refusals import cut
from activity_core.ports.run_control import MOST_LINES

_EVENTS = Listing(
    queries.EVENTS,
    ("e.received_at", "e.event_key"),
    {
        "source": "e.source = %(source)s",
        "type": "e.type = %(type)s",
        "id": "hashtextextended(e.event_id, 0) = hashtextextended(%(id)s, 0)"
        " and e.event_id = %(id)s",
    },
    event_item,
)
_RUNS = Listing(
    queries.RUNS,
    ("r.fired_at", "r.run_id"),
    {
        "definition_id": "r.definition_id = %(definition_id)s",
        "status": "r.status = %(status)s",
        "source": queries.RUNS_OF_SOURCE,
        "event_id": queries.RUNS_OF_EVENT_ID,
    },
    run_item,
)
# Both of them name one event, which has an index of its own.
_RUNS_OF_EVENT = replace(
    _RUNS, filters={**_RUNS.filters, "source": "true", "event_id": queries.RUNS_OF_EVENT}
)
_DECISIONS = Listing(
    queries.DECISIONS,
    ("d.decided_at", "d.input_key", "d.definition_id"),
    {
        "definition_id": "hashtextextended(d.definition_id, 0)"
        " = hashtextextended(%(definition_id)s, 0) and d.definition_id = %(definition_id)s",
        "outcome": "d.outcome = %(outcome)s",
        "occurrence_key": "d.occurrence_key = %(occurrence_key)s",
    },
    decision_item,
)
_DEAD_LETTERS = Listing(
    queries.DEAD_LETTERS,
    ("l.buried_at", "l.dead_letter_id"),
    {
        "status": "l.status = %(status)s",
        "via": "l.via = %(via)s",
        "code": "l.code = %(code)s",
        "source_id": "l.source_id = %(source_id)s",
    },
    dead_letter_item,
)
_REFUSALS = Listing(
    queries.REFUSALS,
    ("r.refused_at", "r.position"),
    {
        "via": "r.via = %(via)s",
        "sender": "r.sender = %(sender)s",
        "code": "r.code = %(code)s",
        "source": "r.event_source = %(source)s",
        "event_id": "r.event_id = %(event_id)s",
    },
    refusal_item,
)


class PostgresReading:
    """See `ports.reading.Reading`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def events(self, query: Query) -> Page:
        """See `Reading.events`."""
        return await self._page(_EVENTS, query)

    async def event(self, source: str | None, event_id: str) -> Row:
        """See `Reading.event`."""
        subject = f"event {event_id}"
        values = {
            "tenant": self._tenant,
            "id": prose(event_id),
            "source": None if source is None else prose(source),
        }
        async with connection(self._pool) as conn:
            found = await _rows(conn, queries.EVENT, values)
            if not found:
                raise NotFoundError("no such event", subject=subject)
            if len(found) > 1:
                sources = ", ".join(row["source"] for row in found)
                raise AmbiguousError(
                    f"several sources sent that id: {sources}",
                    subject=subject,
                    hint="name the source",
                )
            values |= {
                "input_key": ids.occurrence_of_event(found[0]["source"], event_id),
                "event_key": found[0]["event_key"],
                "received_at": found[0]["received_at"],
            }
            return event_detail(found[0], await _rows(conn, queries.DECISIONS_OF_EVENT, values))

    async def runs(self, query: Query) -> Page:
        """See `Reading.runs`."""
        if not query.filters.keys() >= {"source", "event_id"}:
            return await self._page(_RUNS, query)
        source, event_id = prose(query.filters["source"]), prose(query.filters["event_id"])
        key = ids.event_key(self._tenant, source, event_id)
        return await self._page(_RUNS_OF_EVENT, query, event_key=key)

    async def run(self, run_id: str) -> Row:
        """See `Reading.run`; one round trip."""
        values = {"tenant": self._tenant, "run": prose(run_id)}
        async with transaction(self._pool) as conn:
            run = await conn.execute(queries.RUN, values)
            tasks = await conn.execute(queries.TASKS_OF_RUN, values)
            events_out = await conn.execute(queries.EVENTS_OUT, values)
            decisions = await conn.execute(queries.DECISIONS_OF_RUN, values)
            log = await conn.execute(LOG, values | {"lines": MOST_LINES})
            row = await run.fetchone()
            if row is None:
                raise NotFoundError("no such run", subject=f"run {run_id}")
            return run_detail(
                row,
                await tasks.fetchall(),
                await events_out.fetchall(),
                await decisions.fetchall(),
                await log.fetchall(),
            )

    async def tasks(self, query: Query) -> Page:
        """See `Reading.tasks`."""
        return await self._page(tasks_listing(query), query)

    async def task_inbox(self, query: Query) -> Page:
        """See `Reading.task_inbox`."""
        relation, name = whose_inbox(query)
        return await self._page(TASK_INBOX, query, relation=relation, name=name)

    async def task(self, task_id: str) -> Row:
        """See `Reading.task`."""
        values = {"tenant": self._tenant, "task": prose(task_id)}
        async with connection(self._pool) as conn:
            found = await _rows(conn, queries.TASK, values)
        if not found:
            raise NotFoundError("no such task", subject=f"task {task_id}")
        return task_item(found[0])

    async def emitter(self, event_id: str) -> str | None:
        """See `Reading.emitter`."""
        values = {"tenant": self._tenant, "id": prose(event_id)}
        async with connection(self._pool) as conn:
            found = await _rows(conn, queries.EMITTER, values)
        return str(found[0]["key"]) if found else None

    async def decisions(self, query: Query) -> Page:
        """See `Reading.decisions`."""
        return await self._page(_DECISIONS, query)

    async def dead_letters(self, query: Query) -> Page:
        """See `Reading.dead_letters`."""
        return await self._page(_DEAD_LETTERS, query)

    async def refusals(self, query: Query) -> Page:
        """See `Reading.refusals`."""
        wanted = {name: cut(text) for name, text in query.filters.items()}
        return await self._page(_REFUSALS, replace(query, filters=wanted))

    async def schedules(self, definition_ids: Sequence[str]) -> Mapping[str, Row]:
        """See `Reading.schedules`."""
        values = {"tenant": self._tenant, "ids": [prose(id_) for id_ in definition_ids]}
        async with connection(self._pool) as conn:
            found = await _rows(conn, queries.SCHEDULES, values)
        return {row["definition_id"]: schedule_row(row) for row in found}

    async def _page(self, listing: Listing, query: Query, **values: object) -> Page:
        async with connection(self._pool) as conn:
            return await page_of(conn, listing, query, {"tenant": self._tenant, **values})


async def _rows(conn: Connection, query: str, values: Mapping[str, object]) -> list[DictRow]:
    return await (await conn.execute(query, values)).fetchall()
