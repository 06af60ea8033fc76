"""Pages of a list: SQL put together from constant parts, and cursors.

A cursor is where the last row of a page stands, so rows that come meanwhile move nothing.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import DictRow

from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import prose
from activity_core.core.errors import BadInputError
from activity_core.core.jsontext import JsonValue
from activity_core.ports.reading import Page, Query

_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Listing:
    """One list. All texts are SQL.

    Attributes:
        select: `select … from … where` and a first condition; parameter `tenant`.
        place: the columns that order it; the first is a time.
        filters: the condition of each filter; its parameter has the filter's name.
        item: a row as JSON.
        ascending: the earliest first; else the newest.
    """

    select: str
    place: tuple[str, ...]
    filters: Mapping[str, str]
    item: Callable[[DictRow], dict[str, JsonValue]]
    ascending: bool = False


async def page_of(
    conn: Connection, listing: Listing, query: Query, values: Mapping[str, object]
) -> Page:
    """The page that was asked for; `values` are parameters besides those of the query.

    Raises:
        BadInputError: a filter, cursor or limit that cannot be.
    """
    if unknown := query.filters.keys() - listing.filters.keys():
        raise BadInputError(f"no such filter: {', '.join(sorted(unknown))}")
    if not 1 <= query.limit <= _MOST:
        raise BadInputError(f"limit must be from 1 to {_MOST}")
    after = {} if query.cursor is None else _read(query.cursor, len(listing.place))
    columns = ", ".join(listing.place)
    conditions = [listing.select, *(listing.filters[name] for name in query.filters)]
    if query.since:
        conditions.append(f"{listing.place[0]} >= %(since)s")
    if query.until:
        conditions.append(f"{listing.place[0]} < %(until)s")
    if after:
        beyond = ">" if listing.ascending else "<"
        conditions.append(f"({columns}) {beyond} ({', '.join(f'%({name})s' for name in after)})")
    direction = "asc" if listing.ascending else "desc"
    order = ", ".join(f"{column} {direction}" for column in listing.place)
    statement = f"{' and '.join(conditions)} order by {order} limit %(limit)s"
    wanted = {name: prose(value) for name, value in query.filters.items()}
    bounds = {"since": query.since, "until": query.until, "limit": query.limit + 1}
    parameters = {**values, **wanted, **after, **bounds}
    try:
        rows = await (await conn.execute(statement, parameters)).fetchall()
    except psycopg.DataError:
        if query.cursor is None:
            raise
        raise _unknown_cursor() from None  # that of another list
    shown = rows[: query.limit]
    return Page(
        [listing.item(row) for row in shown],
        _write(shown[-1], listing) if len(rows) > len(shown) else None,
    )


def _write(row: DictRow, listing: Listing) -> str:
    at, *ids = (row[column.rpartition(".")[2]] for column in listing.place)
    parts = [f"\\x{part.hex()}" if isinstance(part, bytes) else part for part in ids]
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), *parts]).encode()).decode()


def _read(cursor: str, length: int) -> dict[str, object]:
    try:
        at, *ids = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if len(ids) + 1 != length or not all(isinstance(part, str) for part in ids):
            raise ValueError(cursor)
        instant = datetime.fromisoformat(at)
    except (ValueError, TypeError):
        raise _unknown_cursor() from None
    return {"after_time": instant, **{f"after_{n}": part for n, part in enumerate(ids)}}


def _unknown_cursor() -> BadInputError:
    return BadInputError("no such cursor", hint="take it from `next` of a page")
