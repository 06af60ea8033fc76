"""Slot triggers: cron, interval and calendar, which fire at instants known in advance.

Part of a `trigger`; `schedule.spec` reads them and compiles them to what Temporal understands.
"""

import re
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import SLUG, Model
from activity_core.core.definition.wall_calendar import calendars


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise PydanticCustomError(
            "unknown_zone", "`{name}` is not a time zone of the IANA database", {"name": name}
        )
    ZoneInfo(name)
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]


def _is_cron(text: str) -> str:
    calendars(parse_cron(text))
    return text


CronText = Annotated[str, Field(max_length=500, strict=True), AfterValidator(_is_cron)]


def _bound(value: object) -> date:
    """A day, or an instant with its offset from UTC."""
    if isinstance(value, str) and "T" in value.upper():
        value = datetime.fromisoformat(value)
    elif isinstance(value, str):
        value = date.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("the offset from UTC is missing; write 2026-12-24T08:00:00Z")
    if not isinstance(value, date):
        raise ValueError("write a day like 2026-12-24 or an instant like 2026-12-24T08:00:00Z")  # noqa: TRY004 - pydantic turns ValueErrors into issues
    return value


Bound = Annotated[
    date,
    BeforeValidator(_bound),
    PlainSerializer(lambda value: value.isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "examples": ["2026-12-24", "2026-12-24T08:00:00Z"]}),
]
"""`date` (a whole day in the trigger's time zone) or aware `datetime`."""


def _wall_time(value: object) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and len(value) == len("09:00"):
        return time.fromisoformat(value)
    raise ValueError("write a time like 09:00")


WallTime = Annotated[
    time,
    BeforeValidator(_wall_time),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}),
]


def _exclusion(value: object) -> date | str:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return date.fromisoformat(value)
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(SLUG, value)):
        return value
    raise ValueError("write a day like 2026-12-24, or the id of a calendar")


Exclusion = Annotated[
    date | str,
    PlainValidator(_exclusion),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": SLUG, "examples": ["2026-12-24", "holidays"]}),
]
"""A day, or the id of a `kind: calendar`."""


class GapPolicy(StrEnum):
    """What becomes of a wall time that is skipped when clocks go forward."""

    SKIP = "skip"
    NEXT = "next"


class FoldPolicy(StrEnum):
    """What becomes of a wall time that occurs twice when clocks go back."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


class DstConfig(Model):
    """What slots do where clocks change: in the gap, no slot or the first instant after it."""

    gap: GapPolicy = GapPolicy.SKIP
    fold: FoldPolicy = FoldPolicy.FIRST


class SlotTrigger(Model):
    """What cron, interval and calendar have in common."""

    jitter: Duration = timedelta()
    """Each start is delayed by up to this; always the same for the same definition and slot."""
    from_: Bound | None = Field(default=None, alias="from")
    until: Bound | None = None
    """The last day, or instant, that counts."""
    exclude: Annotated[tuple[Exclusion, ...], Field(max_length=400)] = ()
    """Days without runs: their slots are decided `skipped`."""

    @model_validator(mode="after")
    def _from_before_until(self) -> "SlotTrigger":
        if self.from_ and self.until and _as_day(self.from_) > _as_day(self.until):
            raise PydanticCustomError("until", "`from` must not be later than `until`")
        return self


class CronTriggerConfig(SlotTrigger):
    """One or more five-field cron expressions in one time zone."""

    expression: CronText | None = None
    expressions: Annotated[tuple[CronText, ...], Field(max_length=20)] = ()
    timezone: TimeZone = "UTC"
    dst: DstConfig = DstConfig()

    @model_validator(mode="after")
    def _one_spelling(self) -> "CronTriggerConfig":
        if (self.expression is None) == (not self.expressions):
            raise PydanticCustomError(
                "one_of", "give either `expression` or a non-empty list `expressions`"
            )
        return self

    @property
    def all_expressions(self) -> tuple[str, ...]:
        """The expressions, however they were spelled."""
        return self.expressions or ((self.expression,) if self.expression else ())


class IntervalTriggerConfig(SlotTrigger):
    """Every so often, counted from the epoch (1970-01-01T00:00:00Z) plus `offset`; days are UTC."""

    every: Annotated[Duration, Field(ge=timedelta(seconds=1))]
    offset: Duration = timedelta()

    @model_validator(mode="after")
    def _within_the_period(self) -> "IntervalTriggerConfig":
        if self.offset >= self.every:
            raise PydanticCustomError("offset", "`offset` must be shorter than `every`")
        if self.jitter >= self.every:
            raise PydanticCustomError("jitter", "`jitter` must be shorter than `every`")
        if self.every.microseconds or self.offset.microseconds:  # Temporal would cut them off
            raise PydanticCustomError("seconds", "`every` and `offset` must be whole seconds")
        return self


class CalendarTriggerConfig(SlotTrigger):
    """At some times of listed days."""

    days: Annotated[tuple[Exclusion, ...], Field(min_length=1, max_length=400)]
    at: Annotated[tuple[WallTime, ...], Field(min_length=1, max_length=48)]
    timezone: TimeZone = "UTC"
    dst: DstConfig = DstConfig()


def _as_day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
