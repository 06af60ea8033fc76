"""Misfire and overlap: what a definition wants to become of slots that cannot simply start.

Part of a `trigger`; read by `schedule.settlement`, which decides about every slot.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Model

MOST_CAUGHT_UP = 1_000
"""Runs that one outage may be made up for with, per definition."""


class MisfirePolicy(StrEnum):
    """What becomes of missed slots that are not older than the window."""

    SKIP = "skip"
    CATCH_UP = "catch_up"
    COMPRESS = "compress"


class OverlapPolicy(StrEnum):
    """What becomes of a slot while a run of an earlier slot is open."""

    ALLOW_ALL = "allow_all"
    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    BUFFER_ALL = "buffer_all"
    CANCEL_OTHER = "cancel_other"
    TERMINATE_OTHER = "terminate_other"


class MisfireConfig(Model):
    """What becomes of a slot that could not start on time; older than `window`, it is skipped."""

    policy: MisfirePolicy = MisfirePolicy.SKIP
    window: Duration | None = None
    """How late a slot may still lead to a run; the default is 1m, else 24h for the policies that
    make up for missed slots."""
    max_runs: Annotated[StrictInt, Field(ge=1, le=MOST_CAUGHT_UP)] | None = None
    """With `catch_up`: the newest that many missed slots run; the default is 10."""

    @model_validator(mode="after")
    def _max_runs_belongs_to_catch_up(self) -> "MisfireConfig":
        if self.max_runs is not None and self.policy is not MisfirePolicy.CATCH_UP:
            raise PydanticCustomError("max_runs", "`max_runs` only belongs to `policy: catch_up`")
        return self

    @property
    def longest_delay(self) -> timedelta:
        """The window, given or by default."""
        if self.window is not None:
            return self.window
        return timedelta(minutes=1) if self.policy is MisfirePolicy.SKIP else timedelta(days=1)

    @property
    def most_runs(self) -> int:
        """How many missed slots `catch_up` makes up for."""
        return self.max_runs or 10
