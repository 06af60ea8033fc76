"""Dead letters: replayed the way that they came, or discarded, by an operator.

In: an id, or the cause that a group of them shares, and an actor. Out: a message is judged again by
what is in force now and goes the way of any other; what still cannot be processed stays where it
is, with the error as the answer. A run exists once, however often its event is replayed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from activity_core.core import ids
from activity_core.core.errors import ActivityCoreError, ConflictError, UnavailableError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.clock import Clock
from activity_core.ports.dead_letters import (
    DeadLetter,
    DeadLetters,
    DeadLetterStatus,
    LetterFilter,
)
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.inbox import Acceptance, Inbox
from activity_core.services.event_review import EventReview
from activity_core.services.ingest import Ingest
from activity_core.services.letter_reader import LetterReader
from activity_core.services.reception import event_conflict

PAGE = 100
MOST = 1_000
"""Letters of one request about a group."""

Retry = Callable[[str, str, str], Awaitable[object]]
"""Reopens a failed run for an actor, with a reason; raises NotFoundError or ConflictError."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became, or would become, of one letter; `error` if it stays open."""

    dead_letter_id: str
    events: Sequence[EventEnvelope] = ()
    run_id: str = ""
    error: ActivityCoreError | None = None


@dataclass(slots=True)
class GroupReport:
    """What became of a group. `after`: the id to go on from, empty if there is no more."""

    outcomes: list[Resolution] = field(default_factory=list)
    after: str = ""


class DeadLetterDesk:
    """Resolves the dead letters of one tenant."""

    def __init__(
        self,
        letters: DeadLetters,
        reader: LetterReader,
        ingest: Ingest,
        inbox: Inbox,
        doorbell: Doorbell,
        *,
        clock: Clock,
        tenant: str,
        retry: Retry,
        review: EventReview,
    ) -> None:
        self._letters = letters
        self._reader = reader
        self._ingest = ingest
        self._inbox = inbox
        self._doorbell = doorbell
        self._clock = clock
        self._tenant = tenant
        self._retry = retry
        self._review = review

    async def replay(self, dead_letter_id: str, by: str, *, dry_run: bool = False) -> Resolution:
        """Send it the way of any other message, then close it; `dry_run`: only judge it.

        An event on which the filter of one definition failed is judged again for that one alone.

        Raises:
            NotFoundError: no such dead letter, or its source is gone.
            ConflictError: it was closed before, or its id is taken by another body.
            ActivityCoreError: it still cannot be processed, and why; it stays open.
        """
        letter = _open(await self._letters.get(dead_letter_id))
        if letter.run_id:
            if not dry_run:
                await self._retry(letter.run_id, by, f"replay of dead letter {dead_letter_id}")
                await self._resolve(letter, DeadLetterStatus.REPLAYED, by)
            return Resolution(dead_letter_id, run_id=letter.run_id)
        events = await self._reader.events(letter)
        if letter.definition_id:
            [event] = events
            key = ids.event_key(self._tenant, event.source, event.id)
            await self._review.again(letter, key, dry_run=dry_run)
        elif not dry_run:
            await self._accept(events)
        if not dry_run:
            await self._resolve(letter, DeadLetterStatus.REPLAYED, by)
        return Resolution(dead_letter_id, events)

    async def discard(self, dead_letter_id: str, by: str) -> None:
        """Close it without processing it; the bytes are kept.

        Raises:
            NotFoundError: no such dead letter.
            ConflictError: it was closed before.
        """
        letter = _open(await self._letters.get(dead_letter_id))
        await self._resolve(letter, DeadLetterStatus.DISCARDED, by)

    async def replay_group(
        self, chosen: LetterFilter, by: str, *, limit: int, after: str = "", dry_run: bool
    ) -> GroupReport:
        """Replay open letters in the order of their ids; one that fails stays, and stops no other.

        Raises:
            UnavailableError: in the middle; what was replayed before is closed.
        """

        async def replay(letter: DeadLetter) -> Resolution:
            return await self.replay(letter.dead_letter_id, by, dry_run=dry_run)

        return await self._each(chosen, replay, limit, after)

    async def discard_group(
        self, chosen: LetterFilter, by: str, *, limit: int, after: str = "", dry_run: bool
    ) -> GroupReport:
        """Discard open letters in the order of their ids."""

        async def discard(letter: DeadLetter) -> Resolution:
            if not dry_run:
                await self.discard(letter.dead_letter_id, by)
            return Resolution(letter.dead_letter_id)

        return await self._each(chosen, discard, limit, after)

    async def _each(
        self,
        chosen: LetterFilter,
        act: Callable[[DeadLetter], Awaitable[Resolution]],
        limit: int,
        after: str,
    ) -> GroupReport:
        report = GroupReport(after=after)
        while (room := limit - len(report.outcomes)) > 0:
            page = await self._letters.open_letters(chosen, min(PAGE, room), after=report.after)
            for letter in page:
                report.outcomes.append(await _outcome(letter, act))
                report.after = letter.dead_letter_id
            if len(page) < min(PAGE, room):
                report.after = ""
                break
        return report

    async def _accept(self, events: Sequence[EventEnvelope]) -> None:
        """Into the inbox; what is there already goes back to the router's queue if it must."""
        answers = await self._ingest.accept(events, "replay")
        for event, answer in zip(events, answers, strict=True):
            if answer is Acceptance.CONFLICT:
                raise event_conflict(event)
            if answer is Acceptance.DUPLICATE:
                await self._inbox.requeue(ids.event_key(self._tenant, event.source, event.id))
                self._doorbell.ring(Topic.ROUTER)

    async def _resolve(self, letter: DeadLetter, status: DeadLetterStatus, by: str) -> None:
        await self._letters.resolve(letter.dead_letter_id, status, by, self._clock.now())


async def _outcome(
    letter: DeadLetter, act: Callable[[DeadLetter], Awaitable[Resolution]]
) -> Resolution:
    try:
        return await act(letter)
    except UnavailableError:
        raise
    except ActivityCoreError as error:
        return Resolution(letter.dead_letter_id, error=error)


def _open(letter: DeadLetter) -> DeadLetter:
    if letter.status is not DeadLetterStatus.OPEN:
        raise ConflictError(
            f"it was {letter.status} by {letter.resolved_by}",
            subject=f"dead letter {letter.dead_letter_id}",
        )
    return letter
