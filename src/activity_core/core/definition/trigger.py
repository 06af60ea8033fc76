"""Triggers: what makes a run happen. Part of a `definition`; read by `matching` and `schedule`."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.duration import Duration
from activity_core.core.definition.json_schema import JsonSchema
from activity_core.core.definition.model import Expression, Model
from activity_core.core.definition.wall_calendar import calendars

TypePattern = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.:/-]*\*?$", min_length=1, max_length=255, strict=True)
]
"""An event type, or a prefix ending in `*`, which stands for any rest (segments included)."""


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


class CronTriggerConfig(Model):
    """One or several five-field cron expressions in one time zone."""

    not_built_yet: ClassVar[frozenset[str]] = frozenset({"dst", "from", "until", "exclude"})

    expression: CronText | None = None
    expressions: Annotated[tuple[CronText, ...], Field(max_length=20)] = ()
    timezone: TimeZone = "UTC"
    jitter: Duration = timedelta()

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


class IntervalTriggerConfig(Model):
    """Every so often, counted from the epoch (1970-01-01T00:00:00Z) plus `offset`."""

    not_built_yet: ClassVar[frozenset[str]] = frozenset({"from", "until", "exclude"})

    every: Annotated[Duration, Field(ge=timedelta(seconds=1))]
    offset: Duration = timedelta()
    jitter: Duration = timedelta()

    @model_validator(mode="after")
    def _within_the_period(self) -> "IntervalTriggerConfig":
        if self.offset >= self.every:
            raise PydanticCustomError("offset", "`offset` must be shorter than `every`")
        if self.jitter >= self.every:
            raise PydanticCustomError("jitter", "`jitter` must be shorter than `every`")
        if self.every.microseconds or self.offset.microseconds:  # Temporal would cut them off
            raise PydanticCustomError("seconds", "`every` and `offset` must be whole seconds")
        return self


class EventTriggerConfig(Model):
    """Events of some types, perhaps of one source, that pass a filter."""

    not_built_yet: ClassVar[frozenset[str]] = frozenset(
        {"batch", "debounce", "throttle", "rate_limit", "on_error", "correlation", "order_key"}
    )

    type: TypePattern | None = None
    types: tuple[TypePattern, ...] = ()
    source: TypePattern | None = None
    filter: Expression | None = None
    dedupe_key: Expression | None = None

    @model_validator(mode="after")
    def _one_spelling(self) -> "EventTriggerConfig":
        if (self.type is None) == (not self.types):
            raise PydanticCustomError("one_of", "give either `type` or a non-empty list `types`")
        return self

    @property
    def all_types(self) -> tuple[str, ...]:
        """The type patterns, however they were spelled."""
        return self.types or ((self.type,) if self.type else ())


class ManualTriggerConfig(Model):
    """By a person or a script; `input` is the JSON Schema of what they must hand over."""

    input: JsonSchema = Field(default_factory=dict)


class MisfireConfig(Model):
    """What becomes of a slot that could not start within `window`. Only the default exists yet."""

    not_built_yet: ClassVar[frozenset[str]] = frozenset({"max_runs"})

    policy: Literal["skip"] = "skip"
    window: Duration = timedelta(minutes=1)

    @field_validator("policy", mode="before")
    @classmethod
    def _only_skip_yet(cls, value: Any) -> Any:
        if value in ("catch_up", "compress"):
            raise PydanticCustomError(
                "not_built_yet",
                "`policy: {policy}` is a known policy whose feature is not built yet; use skip",
                {"policy": value},
            )
        return value

    @field_validator("window")
    @classmethod
    def _only_a_minute_yet(cls, value: timedelta) -> timedelta:
        if value != timedelta(minutes=1):
            raise PydanticCustomError(
                "not_built_yet", "any other `window` than 1m is a feature that is not built yet"
            )
        return value


class TriggerSet(Model):
    """One or more triggers of one definition."""

    not_built_yet: ClassVar[frozenset[str]] = frozenset({"overlap", "calendar"})

    cron: CronTriggerConfig | None = None
    interval: IntervalTriggerConfig | None = None
    event: EventTriggerConfig | None = None
    manual: ManualTriggerConfig | None = None
    misfire: MisfireConfig = MisfireConfig()

    @model_validator(mode="before")
    @classmethod
    def _bare_manual(cls, value: Any) -> Any:
        """`manual:` with nothing behind it means a trigger without input."""
        if isinstance(value, dict) and "manual" in value and value["manual"] is None:
            return value | {"manual": {}}
        return value

    @model_validator(mode="after")
    def _one_jitter(self) -> "TriggerSet":
        if self.cron and self.interval and self.cron.jitter != self.interval.jitter:
            raise PydanticCustomError(
                "jitter", "cron and interval share one schedule: give both the same `jitter`"
            )
        return self

    @model_validator(mode="after")
    def _at_least_one(self) -> "TriggerSet":
        if not any((self.cron, self.interval, self.event, self.manual)):
            raise PydanticCustomError(
                "one_of", "at least one of cron, interval, event, manual must be given"
            )
        return self

    @property
    def kinds(self) -> list[str]:
        """Names of the triggers that it has."""
        return [kind for kind in ("cron", "interval", "event", "manual") if getattr(self, kind)]
