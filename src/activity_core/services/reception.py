"""Reception: events that came over HTTP are judged, counted, and accepted or refused one by one.

In: envelopes (or what is wrong with them) from the API, and by whom they came. Out: an answer for
each; what is good is durable then, what is refused is on record. Brokers have `intake` instead,
which has to settle messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from activity_core.core.definition.event_source import EventSource
from activity_core.core.errors import ActivityCoreError, EventConflictError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.inbox import Acceptance
from activity_core.services.back_pressure import BackPressure
from activity_core.services.gate import Gate
from activity_core.services.ingest import Ingest
from activity_core.services.refusal_log import RefusalLog

Answer = Acceptance | ActivityCoreError
Decoded = EventEnvelope | ActivityCoreError


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends: by which way (`http`, `webhook`), the name of its key or source, its source."""

    via: str
    name: str
    source: EventSource | None = None


class Reception:
    """Takes events for one tenant."""

    def __init__(
        self, gate: Gate, pressure: BackPressure, ingest: Ingest, refusals: RefusalLog
    ) -> None:
        self._gate = gate
        self._pressure = pressure
        self._ingest = ingest
        self._refusals = refusals

    async def visitor_of_key(self, key: str) -> Visitor:
        """Who calls with an API key; refusals are on record.

        Raises:
            ForbiddenError: no source lists it, and one must.
            PausedError: its source is paused.
            OverloadedError: too many events wait already.
        """
        try:
            source = await self._gate.source_of_key(key)
            await self._pressure.admit()
        except ActivityCoreError as error:
            await self.refuse(Visitor("http", key), error)
            raise
        return Visitor("http", key, source)

    async def visitor_of_hook(self, source_id: str) -> Visitor:
        """Who is to call a webhook; its messages still have to prove it. Refusals are on record.

        Raises:
            NotFoundError: no such source.
            PausedError: it is paused.
            OverloadedError: too many events wait already.
        """
        try:
            source = await self._gate.source(source_id, "webhook")
            await self._pressure.admit()
        except ActivityCoreError as error:
            await self.refuse(Visitor("webhook", source_id[:63]), error)
            raise
        return Visitor("webhook", source_id, source)

    async def receive(self, items: Sequence[Decoded], visitor: Visitor) -> Sequence[Answer]:
        """One answer per item, in order; the good ones are accepted in one transaction.

        Raises:
            OverloadedError: the source's rate is used up; none is taken.
            UnavailableError: nothing is known to be stored; sending again is safe.
        """
        await self._spend(len(items), visitor)
        return await self._settle(items, [self._judged(item, visitor) for item in items], visitor)

    async def receive_all(
        self, items: Sequence[EventEnvelope], visitor: Visitor
    ) -> Sequence[Answer]:
        """The same for events that came as one message: unless all may come in, none does.

        An answer is an error only where an id came before with another body.

        Raises:
            ForbiddenError, SchemaMismatchError: one may not come in, or does not fit its type.
        """
        await self._spend(len(items), visitor)
        judged = [self._judged(item, visitor) for item in items]
        for item, result in zip(items, judged, strict=True):
            if isinstance(result, ActivityCoreError):
                await self.refuse(visitor, result, item)
                raise result
        return await self._settle(items, judged, visitor)

    async def refuse(
        self, visitor: Visitor, error: ActivityCoreError, event: EventEnvelope | None = None
    ) -> None:
        """Put a refusal on record."""
        await self._refusals.record(visitor.via, visitor.name, error, event)

    async def _spend(self, events: int, visitor: Visitor) -> None:
        try:
            self._gate.spend(visitor.source, events)
        except ActivityCoreError as error:
            await self.refuse(visitor, error)
            raise

    def _judged(self, item: Decoded, visitor: Visitor) -> Decoded:
        if not isinstance(item, EventEnvelope):
            return item
        try:
            return self._gate.admitted(item, visitor.source)
        except ActivityCoreError as error:
            return error

    async def _settle(
        self, items: Sequence[Decoded], judged: Sequence[Decoded], visitor: Visitor
    ) -> Sequence[Answer]:
        """Accept the good ones; put the others on record."""
        good = [item for item in judged if isinstance(item, EventEnvelope)]
        answers = iter(await self._ingest.accept(good, visitor.via) if good else ())
        results: list[Answer] = [
            _answer(item, next(answers)) if isinstance(item, EventEnvelope) else item
            for item in judged
        ]
        refused = [
            (result, item if isinstance(item, EventEnvelope) else None)
            for item, result in zip(items, results, strict=True)
            if isinstance(result, ActivityCoreError)
        ]
        if refused:
            await self._refusals.record_all(visitor.via, visitor.name, refused)
        return results


def event_conflict(envelope: EventEnvelope) -> EventConflictError:
    """The error for an id that came before with another body."""
    return EventConflictError(
        "an event with this source and id came before with another body",
        subject=f"event {envelope.source} {envelope.id}",
        hint="a new fact needs a new id; the first body stays",
    )


def _answer(envelope: EventEnvelope, answer: Acceptance) -> Answer:
    return event_conflict(envelope) if answer is Acceptance.CONFLICT else answer
