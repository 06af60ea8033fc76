"""Triggers: what makes a run happen. Part of a `definition`; read by `matching` and `schedule`."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.composite import CompositeTriggerConfig
from activity_core.core.definition.flow_control import (
    DEFAULT_PRIORITY,
    BatchConfig,
    ConcurrencyConfig,
    DebounceConfig,
    OrderConfig,
    Priority,
    ThrottleConfig,
    Wait,
)
from activity_core.core.definition.json_schema import JsonSchema
from activity_core.core.definition.misfire import MisfireConfig, OverlapPolicy
from activity_core.core.definition.model import Expression, Model
from activity_core.core.definition.slot_trigger import (
    CalendarTriggerConfig,
    CronTriggerConfig,
    IntervalTriggerConfig,
    SlotTrigger,
)
from activity_core.core.definition.trigger_pattern import EventPattern

KINDS = ("cron", "interval", "calendar", "event", "composite", "manual")


class OnError(StrEnum):
    """What becomes of an event whose filter fails, as when a field is missing.

    `false`: it does not match, and `explain` says why; else a `failed` decision, or a dead letter.
    """

    FALSE = "false"
    FAILED = "failed"
    DEAD_LETTER = "dead_letter"


class EventTriggerConfig(EventPattern):
    """Events that a definition is for, and what it does when they come thick."""

    on_error: Annotated[OnError, WithJsonSchema({"enum": [False, *OnError], "default": False})] = (
        OnError.FALSE
    )
    dedupe_key: Expression | None = None
    dedupe_window: Wait = timedelta(days=1)
    """How long events that are held count as seen; a run of its own counts for ever."""
    batch: BatchConfig | None = None
    debounce: DebounceConfig | None = None
    throttle: ThrottleConfig | None = None
    order: OrderConfig | None = None
    concurrency: ConcurrencyConfig | None = None
    priority: Priority = DEFAULT_PRIORITY

    @field_validator("on_error", mode="before")
    @classmethod
    def _bare_false(cls, value: Any) -> Any:
        """YAML reads `on_error: false` as a boolean."""
        return "false" if value is False else value

    @model_validator(mode="after")
    def _one_collector(self) -> "EventTriggerConfig":
        if self.batch and self.debounce:
            raise PydanticCustomError("one_of", "give either `batch` or `debounce`, not both")
        return self


class ManualTriggerConfig(Model):
    """By a person or a script; `input` is the JSON Schema of what they must hand over."""

    input: JsonSchema = Field(default_factory=dict)


class TriggerSet(Model):
    """One or more triggers of one definition."""

    cron: CronTriggerConfig | None = None
    interval: IntervalTriggerConfig | None = None
    calendar: CalendarTriggerConfig | None = None
    event: EventTriggerConfig | None = None
    composite: CompositeTriggerConfig | None = None
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
    def _one_outcome_per_event(self) -> "TriggerSet":
        if self.event and self.composite:
            raise PydanticCustomError(
                "one_of", "give either `event` or `composite`: make two definitions of them"
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
    def heard(self) -> tuple[EventPattern, ...]:
        """All that it listens to."""
        if self.composite is not None:
            return tuple(part for _, part in self.composite.parts)
        return (self.event,) if self.event is not None else ()

    @property
    def slot_triggers(self) -> list[SlotTrigger]:
        """Those that make slots."""
        return [part for part in (self.cron, self.interval, self.calendar) if part]
