"""Triggers: what makes a run happen. Part of a `definition`; read by `matching` and `schedule`."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.json_schema import JsonSchema
from activity_core.core.definition.misfire import MisfireConfig, OverlapPolicy
from activity_core.core.definition.model import Expression, Model
from activity_core.core.definition.slot_trigger import (
    CalendarTriggerConfig,
    CronTriggerConfig,
    IntervalTriggerConfig,
    SlotTrigger,
)

KINDS = ("cron", "interval", "calendar", "event", "manual")

TypePattern = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.:/-]*\*?$", min_length=1, max_length=255, strict=True)
]
"""An event type, or a prefix ending in `*`, which stands for any rest (segments included)."""


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


class TriggerSet(Model):
    """One or more triggers of one definition."""

    cron: CronTriggerConfig | None = None
    interval: IntervalTriggerConfig | None = None
    calendar: CalendarTriggerConfig | None = None
    event: EventTriggerConfig | None = None
    manual: ManualTriggerConfig | None = None
    misfire: MisfireConfig = MisfireConfig()
    overlap: OverlapPolicy = OverlapPolicy.ALLOW_ALL

    @model_validator(mode="before")
    @classmethod
    def _bare_manual(cls, value: Any) -> Any:
        """`manual:` with nothing behind it means a trigger without input."""
        if isinstance(value, dict) and "manual" in value and value["manual"] is None:
            return value | {"manual": {}}
        return value

    @model_validator(mode="after")
    def _one_schedule(self) -> "TriggerSet":
        """Temporal's schedules have one time zone each, a definition one delay for its starts."""
        if len({trigger.jitter for trigger in self.slot_triggers}) > 1:
            raise PydanticCustomError(
                "jitter",
                "cron, interval and calendar share one schedule: give all the same `jitter`",
            )
        if self.cron and self.calendar and self.cron.timezone != self.calendar.timezone:
            raise PydanticCustomError(
                "timezone", "cron and calendar share one schedule: give both the same `timezone`"
            )
        return self

    @model_validator(mode="after")
    def _at_least_one(self) -> "TriggerSet":
        if not self.kinds:
            raise PydanticCustomError(
                "one_of", "at least one of {kinds} must be given", {"kinds": ", ".join(KINDS)}
            )
        return self

    @property
    def kinds(self) -> list[str]:
        """Names of the triggers that it has."""
        return [kind for kind in KINDS if getattr(self, kind)]

    @property
    def slot_triggers(self) -> list[SlotTrigger]:
        """Those that make slots."""
        return [part for part in (self.cron, self.interval, self.calendar) if part]
