"""Burial: a message that cannot be processed becomes a dead letter, on record as a refusal.

In: deliveries of `intake` with the error. Out: a row with the raw bytes, before anything is acked,
and a refusal, by which `explain` finds it.
"""

import structlog

from activity_core.core import ids
from activity_core.core.errors import ActivityCoreError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.broker import Delivery
from activity_core.ports.clock import Clock
from activity_core.ports.dead_letters import DeadLetter, DeadLetters
from activity_core.services.metrics import DEAD_LETTERS
from activity_core.services.refusal_log import RefusalLog

log = structlog.get_logger(__name__)


class Burial:
    """Buries for one tenant."""

    def __init__(self, letters: DeadLetters, refusals: RefusalLog, clock: Clock) -> None:
        self._letters = letters
        self._refusals = refusals
        self._clock = clock

    async def bury(
        self,
        delivery: Delivery,
        error: ActivityCoreError,
        event: EventEnvelope | None,
        *,
        via: str,
        source_id: str,
    ) -> None:
        """Keep it; a message that is there already stays as it is. `event`, if it is known.

        Raises:
            UnavailableError: it is not known to be kept.
        """
        log.warning("buried", via=via, subject=delivery.subject, code=error.code)
        dead_letter_id = ids.digest("delivery", via, delivery.position).hex()[:32]
        await self._letters.bury(
            DeadLetter(
                dead_letter_id=dead_letter_id,
                via=via,
                source_id=source_id,
                subject=delivery.subject,
                code=error.code,
                message=str(error),
                headers=delivery.headers,
                body=delivery.body,
                sent_at=delivery.published_at,
                buried_at=self._clock.now(),
            )
        )
        DEAD_LETTERS.labels(via, error.code).inc()
        sender = source_id or delivery.subject
        await self._refusals.record(via, sender, error, event, dead_letter_id=dead_letter_id)
