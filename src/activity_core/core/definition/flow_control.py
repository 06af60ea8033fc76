"""Flow control: what an event trigger does with events that come too thick or must wait.

Part of a `trigger`; read by `core.flow`, which decides about every event that passes the filter, in
this order: `batch` or `debounce` (many events, one run), `throttle` (so many runs per period),
`order` (one after the other), `concurrency` (so many at once). Each holds events per `key`.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Expression, Model

MOST_MEMBERS = 1_000
"""Events that one run may be for."""
MOST_WAITING = 10_000
"""Events that one key of a definition may hold; what comes beyond is dropped, and said so."""
LONGEST_WAIT = timedelta(days=31)


def _bounded(value: timedelta) -> timedelta:
    if not timedelta(milliseconds=1) <= value <= LONGEST_WAIT:
        raise PydanticCustomError("wait", "must be from 1ms to 31d")
    return value


Wait = Annotated[Duration, AfterValidator(_bounded)]
"""How long an event may be held."""

Priority = Annotated[StrictInt, Field(ge=1, le=5)]
"""As Temporal has it: 1 goes first, 5 last."""
DEFAULT_PRIORITY = 3


class BatchConfig(Model):
    """One run for up to `max_size` events, at the latest `max_wait` after the first of them."""

    max_size: Annotated[StrictInt, Field(ge=2, le=MOST_MEMBERS)] = 100
    max_wait: Wait
    key: Expression | None = None


class Keep(StrEnum):
    """Which events of a burst its run is for; the others are merged into it."""

    FIRST = "first"
    LAST = "last"
    ALL = "all"


class DebounceConfig(Model):
    """One run for a burst: once `quiet` has passed without an event, or `max_wait` since its first.

    The run's `event` is the first or the last one; with `keep: all` it has all as `events`.
    """

    quiet: Wait
    max_wait: Wait | None = None
    keep: Keep = Keep.LAST
    key: Expression | None = None

    @model_validator(mode="after")
    def _waits_longer_than_it_is_quiet(self) -> "DebounceConfig":
        if self.longest < self.quiet:
            raise PydanticCustomError("debounce", "`max_wait` must not be shorter than `quiet`")
        return self

    @property
    def longest(self) -> timedelta:
        """The wait of a burst that does not end: `max_wait`, or ten times `quiet`."""
        return min(10 * self.quiet, LONGEST_WAIT) if self.max_wait is None else self.max_wait


class Excess(StrEnum):
    """What becomes of a run that a throttle does not let through now."""

    DELAY = "delay"
    DROP = "drop"


class ThrottleConfig(Model):
    """At most `limit` runs in any stretch of `per`."""

    limit: Annotated[StrictInt, Field(ge=1, le=10_000)]
    per: Wait
    excess: Excess = Excess.DELAY
    key: Expression | None = None


class WhenFull(StrEnum):
    """What becomes of a run when as many are open as may be."""

    QUEUE = "queue"
    DROP = "drop"
    CANCEL_OLDEST = "cancel_oldest"


class ConcurrencyConfig(Model):
    """At most `limit` open runs."""

    limit: Annotated[StrictInt, Field(ge=1, le=1_000)] = 1
    when_full: WhenFull = WhenFull.QUEUE
    key: Expression | None = None


class OrderConfig(Model):
    """Runs of one key one after the other, in the order in which their events came in."""

    key: Expression | None = None
