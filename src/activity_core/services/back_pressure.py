"""Back-pressure: while too many events wait for the router, the door takes no more.

In: the depth of the inbox, looked at now and then. Out: nothing, or a refusal that says when to
come back. A sender that is told so keeps its event; an inbox that grows without end helps nobody.
"""

from datetime import UTC, datetime, timedelta

from activity_core.core.errors import OverloadedError
from activity_core.ports.clock import Clock
from activity_core.ports.inbox import Inbox

PERIOD = timedelta(milliseconds=500)
"""How old the known depth may be: what comes in meanwhile is beyond the limit, but bounded."""


class BackPressure:
    """The inbox of one tenant, as one process of the API sees it."""

    def __init__(self, inbox: Inbox, clock: Clock, *, most: int) -> None:
        """`most`: events that may wait."""
        self._inbox = inbox
        self._clock = clock
        self._most = most
        self._depth = 0
        self._look_at = datetime.min.replace(tzinfo=UTC)

    async def admit(self) -> None:
        """Return, if there is room.

        Raises:
            OverloadedError: the inbox is full; nothing of the request was taken.
            UnavailableError: the store cannot be reached.
        """
        now = self._clock.now()
        if now >= self._look_at:
            self._look_at = now + PERIOD  # before the look: others need not wait for it
            self._depth = await self._inbox.depth()
        if self._depth >= self._most:
            raise OverloadedError(
                f"{self._depth} events wait to be routed, the limit is {self._most}",
                subject="the inbox",
                hint="send it again later; if it stays so, start more routers",
            )
