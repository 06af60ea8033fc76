"""Pages of a list: filtered, newest first, from a cursor that says after which row to go on."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from activity_core.adapters.memory.reading_rows import Json
from activity_core.core.errors import BadInputError
from activity_core.ports.reading import Page, Query

T = TypeVar("T")
Place = tuple[str, ...]

_MOST = 1_000
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def place(at: datetime, *ids: str) -> Place:
    """Where a row stands in a list: its time, and what tells it from others of that time."""
    return (at.isoformat(timespec="microseconds"), *ids)


def page(
    query: Query,
    rows: Iterable[T],
    *,
    place_of: Callable[[T], Place],
    filters: Mapping[str, Callable[[T, str], bool]],
    item: Callable[[T], Json],
    ascending: bool = False,
) -> Page:
    """The page that was asked for; the newest first, unless it is `ascending`.

    Raises:
        BadInputError: a filter, cursor or limit that cannot be.
    """
    if unknown := query.filters.keys() - filters.keys():
        raise BadInputError(f"no such filter: {', '.join(sorted(unknown))}")
    if not 1 <= query.limit <= _MOST:
        raise BadInputError(f"limit must be from 1 to {_MOST}")
    start = None if query.cursor is None else _read(query.cursor)
    since = place((query.since or _FIRST).astimezone(UTC))
    until = place((query.until or _LAST).astimezone(UTC))
    found = sorted(
        (
            (place_of(row), row)
            for row in rows
            if since <= place_of(row) < until
            and all(filters[name](row, wanted) for name, wanted in query.filters.items())
            and (start is None or (place_of(row) > start if ascending else place_of(row) < start))
        ),
        key=lambda pair: pair[0],
        reverse=not ascending,
    )
    shown = found[: query.limit]
    rest = len(found) > len(shown)
    return Page([item(row) for _, row in shown], _write(shown[-1][0]) if rest else None)


def _write(start: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(start).encode()).decode()


def _read(cursor: str) -> Place:
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        at, *ids = parts
        datetime.fromisoformat(at)
        return (at, *map(str, ids))
    except (ValueError, TypeError):
        raise BadInputError("no such cursor", hint="take it from `next` of a page") from None
