"""A clock that stands still until it is told to go on."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ManualClock:
    """`ports.clock` for tests and simulations."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The time it was set to, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Go on; returns the new time. A clock never goes back.

        Raises:
            ValueError: `by` is negative.
        """
        if by < timedelta():
            raise ValueError("a clock never goes back")
        self._now += by
        return self._now
