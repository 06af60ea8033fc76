"""Intake: deliveries of a broker become inbox rows; acked only then.

In: `ports.broker.Consumer`. Out: `ingest` for what is an event, dead letters for what is not.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from activity_core.core import ids
from activity_core.core.errors import (
    ActivityCoreError,
    BadInputError,
    EventConflictError,
    UnavailableError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.broker import Consumer, Delivery
from activity_core.ports.clock import Clock
from activity_core.ports.dead_letters import DeadLetter, DeadLetters
from activity_core.ports.inbox import Acceptance
from activity_core.services.ingest import Ingest
from activity_core.services.metrics import DEAD_LETTERS

log = structlog.get_logger(__name__)

BATCH = 200
REDELIVER_AFTER = timedelta(seconds=5)


class TooOldError(BadInputError):
    """Delivered later than the horizon within which duplicates can be told."""

    code = "too_old"


class Intake:
    """Consumes one broker. `decode` raises BadInputError for what is no event."""

    def __init__(
        self,
        consumer: Consumer,
        ingest: Ingest,
        dead_letters: DeadLetters,
        clock: Clock,
        *,
        via: str,
        decode: Callable[[Delivery], EventEnvelope],
        horizon: timedelta,
    ) -> None:
        self._consumer = consumer
        self._ingest = ingest
        self._dead_letters = dead_letters
        self._clock = clock
        self._via = via
        self._decode = decode
        self._horizon = horizon

    async def step(self) -> bool:
        """Consume until the broker cannot be reached (UnavailableError) or is closed (False)."""
        async for deliveries in self._consumer.deliveries(BATCH):
            await self._settle(deliveries)
        return False

    async def _settle(self, deliveries: Sequence[Delivery]) -> None:
        good: list[tuple[Delivery, EventEnvelope]] = []
        try:
            for delivery in deliveries:
                try:
                    good.append((delivery, self._checked(delivery)))
                except BadInputError as error:
                    await self._bury(delivery, error)
            if good:
                await self._accept(good)
        except UnavailableError:
            # Nothing is acked before it is durable: the broker keeps it and sends it again.
            for delivery in deliveries:
                await delivery.retry(REDELIVER_AFTER)
            raise

    def _checked(self, delivery: Delivery) -> EventEnvelope:
        if delivery.published_at < self._clock.now() - self._horizon:
            raise TooOldError(
                f"published at {delivery.published_at.isoformat()}, older than the horizon of "
                f"{self._horizon}; whether it came before cannot be told any more",
                subject=delivery.subject,
                hint="replay the dead letter if it is known to be new",
            )
        return self._decode(delivery)

    async def _accept(self, good: Sequence[tuple[Delivery, EventEnvelope]]) -> None:
        answers = await self._ingest.accept([envelope for _, envelope in good], self._via)
        for (delivery, envelope), answer in zip(good, answers, strict=True):
            if answer is Acceptance.CONFLICT:
                await self._bury(delivery, event_conflict(envelope))
            else:
                await delivery.ack()

    async def _bury(self, delivery: Delivery, error: ActivityCoreError) -> None:
        log.warning("buried", via=self._via, subject=delivery.subject, code=error.code)
        await self._dead_letters.bury(
            DeadLetter(
                dead_letter_id=ids.digest("delivery", self._via, delivery.position).hex()[:32],
                via=self._via,
                subject=delivery.subject,
                code=error.code,
                message=str(error),
                headers=delivery.headers,
                body=delivery.body,
                buried_at=self._clock.now(),
            )
        )
        DEAD_LETTERS.labels(self._via, error.code).inc()
        await delivery.dead(error.code)


def event_conflict(envelope: EventEnvelope) -> ActivityCoreError:
    """The error for an id that came before with another body."""
    return EventConflictError(
        "an event with this source and id came before with another body",
        subject=f"event {envelope.source} {envelope.id}",
        hint="a new fact needs a new id; the first body stays",
    )
