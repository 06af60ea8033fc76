"""A broker of two streams: messages in, with redelivery, and events out, each stored once.

Time stands still for it too: what is to be redelivered later comes when its clock says so and
somebody looks again.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activity_core.adapters.memory.failures import Failures
from activity_core.ports.clock import Clock


@dataclass(slots=True)
class _Message:
    body: bytes
    headers: Mapping[str, str]
    subject: str
    position: str
    published_at: datetime
    due_at: datetime
    attempts: int = 0
    handed_out: bool = False
    ending: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """An event of the outbound stream."""

    event_id: str
    event_type: str
    body: bytes
    key: str


@dataclass(frozen=True)
class MemoryDelivery:
    """`ports.broker.Delivery`: one handing out of a message."""

    message: _Message
    broker: "MemoryBroker"
    attempt: int

    @property
    def body(self) -> bytes:
        """As it was sent."""
        return self.message.body

    @property
    def headers(self) -> Mapping[str, str]:
        """As they were sent."""
        return self.message.headers

    @property
    def subject(self) -> str:
        """As it was sent to."""
        return self.message.subject

    @property
    def position(self) -> str:
        """Its place in the stream."""
        return self.message.position

    @property
    def published_at(self) -> datetime:
        """When it was sent."""
        return self.message.published_at

    async def ack(self) -> None:
        """Never again."""
        self.message.ending = "ack"

    async def retry(self, delay: timedelta) -> None:
        """Again after a while; what has an ending stays where it is."""
        self.broker.hand_out_again(self.message, delay)

    async def dead(self, reason: str) -> None:
        """Never again."""
        self.message.ending = f"dead: {reason}"


@dataclass
class MemoryBroker:
    """`ports.broker.Consumer` and `.Publisher` in one; `failures` hit publishing.

    `events` is the outbound stream. `send`, `close`, `redeliver` and `endings` are the other side.
    """

    clock: Clock
    failures: Failures = field(default_factory=Failures)
    events: list[Published] = field(default_factory=list)
    _messages: list[_Message] = field(default_factory=list)
    _outages: Failures = field(default_factory=Failures)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False

    def send(
        self, body: bytes, *, subject: str = "events.test", headers: Mapping[str, str] | None = None
    ) -> None:
        """Put a message on the inbound stream."""
        now, position = self.clock.now(), f"memory/1/{len(self._messages) + 1}"
        self._messages.append(_Message(body, headers or {}, subject, position, now, now))
        self._changed.set()

    def hand_out_again(self, message: _Message, delay: timedelta) -> None:
        """What `Delivery.retry` asks for."""
        message.handed_out, message.due_at = False, self.clock.now() + delay
        self._changed.set()

    def redeliver(self) -> None:
        """As when a consumer died: everything that is not settled is due at once."""
        for message in self._messages:
            message.handed_out, message.due_at = False, self.clock.now()
        self._changed.set()

    def interrupt(self, error: Exception) -> None:
        """The stream of deliveries ends with this error, once."""
        self._outages.before(error)
        self._changed.set()

    def close(self) -> None:
        """End the streams of deliveries once nothing is due."""
        self._closed = True
        self._changed.set()

    @property
    def endings(self) -> Sequence[str]:
        """How each message was settled: `ack`, `dead: <reason>`, or empty."""
        return [message.ending for message in self._messages]

    async def deliveries(self, batch: int) -> AsyncIterator[Sequence[MemoryDelivery]]:
        """Batches of what is due, until closed."""
        while True:
            self._changed.clear()
            self._outages.raise_before()
            if due := self._due()[:batch]:
                yield [self._handed_out(message) for message in due]
            elif self._closed:
                return
            else:
                await self._changed.wait()

    def _handed_out(self, message: _Message) -> MemoryDelivery:
        message.handed_out = True
        message.attempts += 1
        return MemoryDelivery(message, self, message.attempts)

    def _due(self) -> list[_Message]:
        now = self.clock.now()
        return [m for m in self._messages if not (m.ending or m.handed_out) and m.due_at <= now]

    async def publish(self, event_id: str, event_type: str, body: bytes, *, key: str) -> None:
        """Store the event unless its id is there."""
        self.failures.raise_before()
        if all(event.event_id != event_id for event in self.events):
            self.events.append(Published(event_id, event_type, body, key))
        self.failures.raise_after()
