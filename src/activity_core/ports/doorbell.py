"""Wake-ups between the steps: latency only, never truth. A lost ring costs one timer period."""

from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    """Who is to look for work."""

    ROUTER = "router"
    FLOW = "flow"
    STARTER = "starter"
    RELAY = "relay"
    RECONCILER = "reconciler"


class Doorbell(Protocol):
    """Rings are merged: a hundred rings before a `wait` wake it once."""

    def ring(self, topic: Topic) -> None:
        """Wake whoever waits for the topic, here and in other processes; never fails."""
        ...

    async def wait(self, topic: Topic, timeout: float) -> None:  # noqa: ASYNC109 - a bound
        """Return at the next ring (or one since the last wait), or after `timeout` seconds."""
        ...
