"""Slot triggers: cron, interval and calendar, which fire at instants known in advance.

Part of a `trigger`; `schedule.spec` reads them and compiles them to what Temporal understands.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.day import Bound, Exclusion, WallTime
from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Model
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
        if self.from_ and self.until and _surely_later(self.from_, self.until):
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


def _surely_later(start: date, end: date) -> bool:
    if isinstance(start, datetime) == isinstance(end, datetime):
        return start > end
    # A day and an instant: in some time zone, the day before may still be the same.
    return _as_day(start) > _as_day(end) + timedelta(days=1)


def _as_day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
