"""Days, instants and times of day, as people write them in triggers and calendars.

Read by `slot_trigger` and `calendar`; written back as the same text.
"""

import re
from datetime import date, datetime, time
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from activity_core.core.definition.model import SLUG

YEARS = range(2_000, 2_101)
"""The years of Temporal's calendars: beyond them nothing ticks."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d", re.ASCII)


def _day(value: object) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        value = date.fromisoformat(value)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("write a day like 2026-12-24")  # noqa: TRY004 - pydantic expects it
    return _within_the_years(value)


def _bound(value: object) -> date:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(
                "write a day like 2026-12-24 or an instant like 2026-12-24T08:00:00Z"
            ) from None
    if not isinstance(value, datetime):
        return _day(value)
    if value.tzinfo is None:
        raise ValueError("the offset from UTC is missing; write 2026-12-24T08:00:00Z")
    return _within_the_years(value)


def _exclusion(value: object) -> date | str:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        if not re.fullmatch(SLUG, value):
            raise ValueError("write a day like 2026-12-24, or the id of a calendar")
        return value
    return _day(value)


def _within_the_years(value: date) -> date:
    if value.year not in YEARS:
        raise ValueError(f"the year is not from {YEARS[0]} to {YEARS[-1]}")
    return value


def _wall_time(value: object) -> time:
    if isinstance(value, str) and _TIME.fullmatch(value):
        return time.fromisoformat(value)
    if isinstance(value, time) and value == time(value.hour, value.minute):
        return value
    raise ValueError("write a time like 09:00")


Day = Annotated[
    date,
    BeforeValidator(_day),
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date"}),
]
"""A day of the wall clock in whatever time zone the trigger has."""

Bound = Annotated[
    date,
    PlainValidator(_bound),
    PlainSerializer(lambda value: value.isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "examples": ["2026-12-24", "2026-12-24T08:00:00Z"]}),
]
"""`date` (a whole day in the trigger's time zone) or aware `datetime`."""

Exclusion = Annotated[
    date | str,
    PlainValidator(_exclusion),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": SLUG, "examples": ["2026-12-24", "holidays"]}),
]
"""A day, or the id of a `kind: calendar`."""

WallTime = Annotated[
    time,
    BeforeValidator(_wall_time),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
