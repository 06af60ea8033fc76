"""Burial: a message that cannot be processed becomes a dead letter, on record as a refusal.

In: deliveries of `intake` with the error. Out: a row with the raw bytes, before anything is acked.
"""

import structlog

from activity_core.core import ids
from activity_core.core.errors import ActivityCoreError
from activity_core.ports.broker import Delivery
from activity_core.ports.clock import Clock
from activity_core.ports.dead_letters import DeadLetter, DeadLetters
from activity_core.services.metrics import DEAD_LETTERS

log = structlog.get_logger(__name__)


class Burial:
    """Buries for one tenant."""

    def __init__(self, letters: DeadLetters, clock: Clock) -> None:
        self._letters = letters
        self._clock = clock

    async def bury(
        self, delivery: Delivery, error: ActivityCoreError, *, via: str, source_id: str
    ) -> None:
        """Keep it; a message that is there already stays as it is.

        Raises:
            UnavailableError: it is not known to be kept.
        """
        log.warning("buried", via=via, subject=delivery.subject, code=error.code)
        await self._letters.bury(
            DeadLetter(
                dead_letter_id=ids.digest("delivery", via, delivery.position).hex()[:32],
                via=via,
                source_id=source_id,
                subject=delivery.subject,
                code=error.code,
                message=str(error),
                headers=delivery.headers,
                body=delivery.body,
                buried_at=self._clock.now(),
            )
        )
        DEAD_LETTERS.labels(via, error.code).inc()
