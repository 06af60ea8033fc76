"""Rates: a token bucket per source, told the time by who asks.

In: `services.gate`, with the number of events that want to come in. Out: nothing, and they are
counted; or how long to wait, and they are not.
"""

from datetime import datetime, timedelta

from activity_core.core.definition.event_source import Rate

LONGEST_WAIT = timedelta(hours=1)
"""However slow a rate: ask again after this."""

_ROUNDING = 1e-6  # of a token: what arithmetic may lose between a refusal and the next question
_TICK = timedelta(microseconds=1)


class RateLimiter:
    """Lets `burst` events in at once, and `per_second` over time.

    More events at once than the burst holds are let in when the bucket is full, and paid off
    afterwards. A clock that goes back lends nothing and takes nothing: the bucket goes on from
    there.
    """

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._tokens = float(rate.burst)  # below zero: a large batch is being paid off
        self._as_of: datetime | None = None

    def spend(self, events: int, at: datetime) -> timedelta:
        """Zero, and so many events are counted; or how long to wait before asking again."""
        self._refill(at)
        missing = min(events, self.rate.burst) - self._tokens
        if events == 0 or missing <= _ROUNDING:
            self._tokens -= events
            return timedelta()
        wait = min(missing / self.rate.per_second, LONGEST_WAIT.total_seconds())
        return timedelta(seconds=wait) + _TICK

    def _refill(self, at: datetime) -> None:
        passed = (at - self._as_of).total_seconds() if self._as_of else 0.0
        self._as_of = at
        earned = max(0.0, passed) * self.rate.per_second
        self._tokens = min(float(self.rate.burst), self._tokens + earned)
