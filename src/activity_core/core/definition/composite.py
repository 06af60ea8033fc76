"""Composite triggers: several events together, or one that does not come.

Part of a `trigger`; read by `core.flow.composite`, which keeps what came per `key` until the whole
is there or `within` is over. Which event came in first does not matter: `time` of an event counts,
or when it was received if it has none.
"""

from typing import Annotated, ClassVar

from pydantic import Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.flow_control import (
    DEFAULT_PRIORITY,
    MOST_MEMBERS,
    Priority,
    Wait,
)
from activity_core.core.definition.model import Expression, Name, OneOf
from activity_core.core.definition.trigger_pattern import EventPattern


class Part(EventPattern):
    """One kind of event that a composite waits for; `name` is how decisions call it."""

    name: Name | None = None


Parts = Annotated[tuple[Part, ...], Field(min_length=2, max_length=16)]


class CountConfig(Part):
    """So many events of one kind."""

    at_least: Annotated[StrictInt, Field(ge=2, le=MOST_MEMBERS)]


class AbsenceConfig(Part):
    """An event that does not come `within`: after another one, or else after its last one."""

    after: Part | None = None


class CompositeTriggerConfig(OneOf):
    """A run once the whole has happened `within` for one `key`; its `events` are what it is of.

    `any_of` means any `at_least` of its parts (1 unless given); parts that come later in the same
    window join no second run. `sequence` wants them in the order of their times.
    """

    kinds: ClassVar[tuple[str, ...]] = ("all_of", "any_of", "sequence", "count", "absent")

    all_of_: Parts | None = Field(default=None, alias="all_of")
    any_of_: Parts | None = Field(default=None, alias="any_of")
    sequence_: Parts | None = Field(default=None, alias="sequence")
    count_: CountConfig | None = Field(default=None, alias="count")
    absent_: AbsenceConfig | None = Field(default=None, alias="absent")
    at_least: Annotated[StrictInt, Field(ge=1, le=15)] | None = None
    key: Expression | None = None
    within: Wait
    lookback: Wait | None = None
    """How far back a new definition looks at recorded events when it is first published."""
    priority: Priority = DEFAULT_PRIORITY

    @model_validator(mode="after")
    def _at_least_belongs_to_any_of(self) -> "CompositeTriggerConfig":
        if self.at_least is not None and (
            self.any_of_ is None or self.at_least >= len(self.any_of_)
        ):
            raise PydanticCustomError(
                "at_least",
                "`at_least` belongs to `any_of`, and is less than the number of its parts",
            )
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> "CompositeTriggerConfig":
        names = [name for name, _ in self.parts]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError(
                    "duplicate", "two parts are called `{name}`", {"name": name}
                )
        return self

    @property
    def parts(self) -> tuple[tuple[str, Part], ...]:
        """All that it waits for by name, in their order; of an absence `after` and `of`.

        One without a name is called by its types, or by its place if another has the same ones.
        """
        listed: tuple[Part | None, ...]
        if self.absent_ is not None:
            listed = (self.absent_.after, self.absent_)
        else:
            listed = self.all_of_ or self.any_of_ or self.sequence_ or (self.count_,)
        parts = [part for part in listed if part]
        types = ["|".join(part.all_types) for part in parts]
        return tuple(
            (part.name or (name if types.count(name) == 1 else f"part{place}"), part)
            for place, (name, part) in enumerate(zip(types, parts, strict=True), 1)
        )
