"""The clock of the machine: the one place that asks it."""

from datetime import UTC, datetime


class SystemClock:
    """`ports.clock` for real processes."""

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - everybody else is handed this clock
