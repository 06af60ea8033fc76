"""Dead letters: replayed into the inbox, or discarded, by an operator.

In: an id and an actor. Out: the message goes the way of any other; what still cannot be processed
stays where it is, with the error as the answer.
"""

from collections.abc import Callable

from activity_core.core import ids
from activity_core.core.errors import ConflictError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.clock import Clock
from activity_core.ports.dead_letters import DeadLetter, DeadLetters, DeadLetterStatus
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.inbox import Acceptance, Inbox
from activity_core.services.ingest import Ingest
from activity_core.services.intake import event_conflict


class DeadLetterDesk:
    """Resolves the dead letters of one tenant. `decode` raises BadInputError."""

    def __init__(
        self,
        letters: DeadLetters,
        ingest: Ingest,
        inbox: Inbox,
        doorbell: Doorbell,
        clock: Clock,
        *,
        tenant: str,
        decode: Callable[[DeadLetter], EventEnvelope],
    ) -> None:
        self._letters = letters
        self._ingest = ingest
        self._inbox = inbox
        self._doorbell = doorbell
        self._clock = clock
        self._tenant = tenant
        self._decode = decode

    async def replay(self, dead_letter_id: str, by: str) -> EventEnvelope:
        """Send it the way of any other event, then close it.

        Raises:
            NotFoundError: no such dead letter.
            ConflictError: it was closed before, or its id is taken by another body.
            BadInputError: it still is no event; it stays open.
        """
        letter = _open(await self._letters.get(dead_letter_id))
        envelope = self._decode(letter)
        [answer] = await self._ingest.accept([envelope], "replay")
        if answer is Acceptance.CONFLICT:
            raise event_conflict(envelope)
        if answer is Acceptance.DUPLICATE:
            await self._inbox.requeue(ids.event_key(self._tenant, envelope.source, envelope.id))
            self._doorbell.ring(Topic.ROUTER)
        await self._resolve(letter, DeadLetterStatus.REPLAYED, by)
        return envelope

    async def discard(self, dead_letter_id: str, by: str) -> None:
        """Close it without processing it; the bytes are kept.

        Raises:
            NotFoundError: no such dead letter.
            ConflictError: it was closed before.
        """
        letter = _open(await self._letters.get(dead_letter_id))
        await self._resolve(letter, DeadLetterStatus.DISCARDED, by)

    async def _resolve(self, letter: DeadLetter, status: DeadLetterStatus, by: str) -> None:
        await self._letters.resolve(letter.dead_letter_id, status, by, self._clock.now())


def _open(letter: DeadLetter) -> DeadLetter:
    if letter.status is not DeadLetterStatus.OPEN:
        raise ConflictError(
            f"it was {letter.status} by {letter.resolved_by}",
            subject=f"dead letter {letter.dead_letter_id}",
        )
    return letter
