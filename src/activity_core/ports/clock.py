"""The time, handed in so that tests can say what it is."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Now, always aware and in UTC."""

    def now(self) -> datetime:
        """The current time in UTC."""
        ...
