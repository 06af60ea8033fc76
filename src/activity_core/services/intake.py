"""Intake: deliveries of a broker become inbox rows; acked only then.

In: `ports.broker.Consumer`, for one source, or for whoever writes to the inbox stream. Out:
`ingest` for what is an event and may come in, dead letters for what is not. What fails for another
reason comes again; what fails again and again is poison, and buried too.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from itertools import chain

import structlog

from activity_core.core.definition.event_source import EventSource
from activity_core.core.errors import (
    ActivityCoreError,
    BadInputError,
    PoisonError,
    UnavailableError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.ports.broker import UNREADABLE, Consumer, Delivery
from activity_core.ports.clock import Clock
from activity_core.ports.inbox import Acceptance
from activity_core.services.burial import Burial
from activity_core.services.gate import Gate
from activity_core.services.ingest import Ingest
from activity_core.services.message_reader import MessageReader
from activity_core.services.one_ahead import one_ahead
from activity_core.services.reception import event_conflict

log = structlog.get_logger(__name__)

BATCH = 200
AT_A_STRETCH = 5
"""Messages that are read before others in the process have their turn: the store's answer, too."""
REDELIVER_AFTER = timedelta(seconds=5)
MOST_ATTEMPTS = 5
"""Deliveries of a message that fails for no reason that we know."""
PACE = timedelta(seconds=5)
"""A batch is no larger than what a source's rate lets in within it: brokers wait so long."""

Sleep = Callable[[float], Awaitable[None]]
Read = tuple[Delivery, Sequence[EventEnvelope]]


class TooOldError(BadInputError):
    """Delivered later than the horizon within which duplicates can be told."""

    code = "too_old"


class UnreadableError(BadInputError):
    """The broker's own protocol has it otherwise; the adapter could not read all of it."""

    code = "unreadable"


class Intake:
    """Consumes for one source of `protocol` (None: a stream that no source claims)."""

    def __init__(
        self,
        consumer: Consumer,
        reader: MessageReader,
        gate: Gate,
        ingest: Ingest,
        burial: Burial,
        *,
        clock: Clock,
        protocol: str,
        source: EventSource | None,
        horizon: timedelta,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._consumer = consumer
        self._reader = reader
        self._gate = gate
        self._ingest = ingest
        self._burial = burial
        self._clock = clock
        self._protocol = protocol
        self._source = source
        self._horizon = horizon
        self._sleep = sleep
        rate = source.rate if source else None
        self._batch = (
            min(BATCH, int(rate.per_second * PACE.total_seconds()) + 1, rate.burst)
            if rate
            else BATCH
        )

    async def step(self) -> bool:
        """Consume until the broker cannot be reached (UnavailableError) or is closed (False)."""
        held: deque[Sequence[Delivery]] = deque()
        try:
            # The next batch is fetched and read while the store has this one.
            async with aclosing(one_ahead(self._batches(held))) as batches:
                async for good in batches:
                    if good:
                        await self._accept(good)
                    held.popleft()
        except UnavailableError:
            # Nothing is acked before it is durable: the broker keeps it and sends it again.
            for delivery in chain.from_iterable(held):
                await delivery.retry(REDELIVER_AFTER)
            raise
        return False

    async def _batches(
        self, held: deque[Sequence[Delivery]]
    ) -> AsyncGenerator[Sequence[Read], None]:
        """What can be accepted, batch after batch; `held` gets all deliveries of each."""
        async with aclosing(self._consumer.deliveries(self._batch)) as each:  # type: ignore[type-var]
            async for deliveries in each:
                held.append(deliveries)
                await self._gate.entrances()
                good = []
                for number, delivery in enumerate(deliveries):
                    if number % AT_A_STRETCH == 0:
                        await asyncio.sleep(0)
                    if (events := await self._read(delivery)) is not None:
                        good.append((delivery, events))
                yield good

    async def _read(self, delivery: Delivery) -> Sequence[EventEnvelope] | None:
        """The events of a message; None if it was settled otherwise."""
        event: EventEnvelope | None = None
        admitted = []
        try:
            for event in await self._events(delivery):
                admitted.append(self._gate.admitted(event, self._source))
        except UnavailableError:
            raise
        except ActivityCoreError as error:
            await self._bury(delivery, error, event)
        except Exception as error:  # noqa: BLE001 - one message must not stop the others
            await self._failed(delivery, error)
        else:
            return admitted
        return None

    async def _events(self, delivery: Delivery) -> Sequence[EventEnvelope]:
        if reason := delivery.headers.get(UNREADABLE):
            raise UnreadableError(
                reason, subject=message_of(delivery, self._protocol).place, hint="mend the sender"
            )
        now = self._clock.now()
        if delivery.published_at < now - self._horizon:
            raise TooOldError(
                f"published at {delivery.published_at.isoformat()}, older than the horizon of "
                f"{self._horizon}; whether it came before cannot be told any more",
                subject=delivery.subject,
                hint="replay the dead letter if it is known to be new",
            )
        if self._source is None:
            self._gate.let_unlisted(f"{self._protocol} {delivery.subject}")
        # A message that waited in the broker was signed when it was sent.
        message = message_of(delivery, self._protocol)
        return await self._reader.read(self._source, message, self._protocol, delivery.published_at)

    async def _accept(self, good: Sequence[Read]) -> None:
        events = [event for _, events in good for event in events]
        while (wait := self._gate.wait_for(self._source, len(events))) > timedelta():
            await self._sleep(wait.total_seconds())
        try:
            answers = iter(await self._ingest.accept(events, self._protocol) if events else ())
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - find the one that it is about
            await self._one_by_one(good, error)
            return
        for delivery, events_of_it in good:
            conflicts = [event for event in events_of_it if next(answers) is Acceptance.CONFLICT]
            if conflicts:
                await self._bury(delivery, event_conflict(conflicts[0]), conflicts[0])
            else:
                await delivery.ack()

    async def _one_by_one(self, good: Sequence[Read], error: Exception) -> None:
        if len(good) == 1:
            await self._failed(good[0][0], error)
            return
        for one in good:
            await self._accept([one])

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        """Try again later; a message that never succeeds must not come for ever."""
        log.warning(
            "intake_failed", via=self._protocol, attempt=delivery.attempt, error=repr(error)
        )
        if delivery.attempt < MOST_ATTEMPTS:
            await delivery.retry(REDELIVER_AFTER)
            return
        await self._bury(
            delivery,
            PoisonError(
                f"it failed {delivery.attempt} times: {type(error).__name__}: {error}",
                subject=message_of(delivery, self._protocol).place,
                hint="replay it once the cause is mended",
            ),
        )

    async def _bury(
        self, delivery: Delivery, error: ActivityCoreError, event: EventEnvelope | None = None
    ) -> None:
        source_id = self._source.id if self._source else ""
        await self._burial.bury(delivery, error, event, via=self._protocol, source_id=source_id)
        await delivery.dead(error.code)


def message_of(delivery: Delivery, protocol: str) -> Message:
    """A delivery as the message that it carries; an event without an id gets its position."""
    return Message(
        body=delivery.body,
        headers={name.lower(): value for name, value in delivery.headers.items()},
        place=f"message {delivery.position} on {delivery.subject}",
        default_id=f"{protocol}:{delivery.position}",
    )
