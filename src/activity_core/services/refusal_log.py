"""The refusal log: what was turned away, counted always, on record as far as it goes.

In: errors from `reception` and `burial`, with the event if there is one. Out: rows that lists and
`explain` read. Whoever floods the door must not fill the store: beyond a rate it is only counted.
"""

from collections.abc import Sequence

import structlog

from activity_core.core.admission.rate import RateLimiter
from activity_core.core.definition.event_source import Rate
from activity_core.core.errors import (
    ActivityCoreError,
    PausedError,
    UnavailableError,
    UnverifiedError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.clock import Clock
from activity_core.ports.refusals import Refusal, Refusals
from activity_core.services.metrics import REFUSALS

log = structlog.get_logger(__name__)

MOST = Rate(per_second=20, burst=200)
"""Refusals that one process records."""

Refused = tuple[ActivityCoreError, EventEnvelope | None]


class RefusalLog:
    """The log of one tenant, as one process writes it."""

    def __init__(self, refusals: Refusals, clock: Clock) -> None:
        self._refusals = refusals
        self._clock = clock
        self._limiter = RateLimiter(MOST)

    async def record(
        self,
        via: str,
        sender: str,
        error: ActivityCoreError,
        event: EventEnvelope | None = None,
        *,
        dead_letter_id: str = "",
    ) -> None:
        """Count one refusal, and keep it; see `record_all`."""
        await self.record_all(via, sender, [(error, event)], dead_letter_id=dead_letter_id)

    async def record_all(
        self, via: str, sender: str, refused: Sequence[Refused], *, dead_letter_id: str = ""
    ) -> None:
        """Count them, and keep as many as the rate allows, in one transaction.

        An outage of ours refuses nothing, so it is left out. Never raises UnavailableError: the
        sender is told the refusal, whether or not it could be kept.
        """
        kept = []
        for error, event in refused:
            if isinstance(error, UnavailableError) and not isinstance(error, PausedError):
                continue
            REFUSALS.labels(via, error.code).inc()
            if not self._limiter.spend(1, self._clock.now()):
                kept.append(self._refusal(via, sender, error, event, dead_letter_id))
        if not kept:
            return
        try:
            await self._refusals.record(kept)
        except UnavailableError:
            log.warning("refusals_not_kept", via=via, sender=sender, number=len(kept))

    def _refusal(
        self,
        via: str,
        sender: str,
        error: ActivityCoreError,
        event: EventEnvelope | None,
        dead_letter_id: str,
    ) -> Refusal:
        message, trusted = str(error), event
        if isinstance(error, UnverifiedError):
            message, trusted = f"{error}: {error.reason}", None
        return Refusal(
            refused_at=self._clock.now(),
            via=via,
            sender=sender,
            code=error.code,
            message=message,
            event_source=trusted.source if trusted else "",
            event_id=trusted.id if trusted else "",
            event_type=trusted.type if trusted else "",
            dead_letter_id=dead_letter_id,
        )
