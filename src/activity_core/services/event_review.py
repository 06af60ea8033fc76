"""Event review: what recorded events mean for one definition, and what follows from that.

In: events as they were recorded, the registry at its newest revision. Out: decisions and pending
runs like those of the router, through the same flow control. Asked by `event_replay` (pages of
events) and for dead letters (an event on which a filter failed).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from activity_core.core.decision import Outcome
from activity_core.core.errors import ExpressionError, NotFoundError
from activity_core.ports.clock import Clock
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.event_replays import (
    EventReplays,
    OpenRecords,
    Place,
    RecordedEvents,
    Tally,
)
from activity_core.ports.registry import RegistryEntry
from activity_core.services.flow import FlowControl
from activity_core.services.listeners import Judged, Listeners
from activity_core.services.metrics import count_decisions
from activity_core.services.registry import entry_of, refuse_idle
from activity_core.services.router import MAX_CAUSATION_DEPTH


@dataclass(slots=True)
class Reviewed:
    """What some events mean; everything up to `place` is judged, `is_whole`: all of the page."""

    place: Place
    is_whole: bool
    tally: Tally = field(default_factory=Tally)
    judged: list[Judged] = field(default_factory=list)


class EventReview:
    """Reviews for one tenant."""

    def __init__(
        self,
        replays: EventReplays,
        listeners: Listeners,
        control: FlowControl,
        clock: Clock,
        doorbell: Doorbell,
    ) -> None:
        self._replays = replays
        self._listeners = listeners
        self._control = control
        self._clock = clock
        self._doorbell = doorbell

    async def entries(self) -> Mapping[str, RegistryEntry]:
        """The registry as events are judged by it: asked before any review."""
        await self._listeners.refresh()
        return self._listeners.entries

    def of(self, page: RecordedEvents, definition_id: str, replay_id: str, most: int) -> Reviewed:
        """Judge events in their order, until `most` want a run."""
        at = self._clock.now()
        reviewed = Reviewed(page.end, is_whole=True)
        looked_at = existing = matched = 0
        for event in page.events:
            if matched == most:
                reviewed.is_whole = False
                break
            looked_at += 1
            if event.key in page.existing:
                existing += 1
            elif event.causation_depth <= MAX_CAUSATION_DEPTH:
                judged = self._listeners.judged(event, at, only=definition_id, replay_id=replay_id)
                reviewed.judged.append(judged)
                matched += len(judged.groups)
        if not reviewed.is_whole:
            last = page.events[looked_at - 1]
            reviewed.place = Place(last.received_at, last.key)
        reviewed.tally = Tally(looked_at, existing, matched)
        return reviewed

    async def write(self, records: OpenRecords, reviewed: Reviewed) -> int:
        """Write what follows; how many runs were made."""
        if not any(each.groups or each.settled for each in reviewed.judged):
            return 0
        decided, at = await self._control.decide(
            records.flow, self._listeners.entries, reviewed.judged, self._clock.now
        )
        counts = await records.flow.write(decided, at)
        count_decisions(counts)
        return counts.get(Outcome.FIRED, 0)

    def tell(self, *, fired: bool) -> None:
        """Ring those who go on, once it is committed."""
        self._doorbell.ring(Topic.STARTER if fired else Topic.FLOW)

    async def again(self, letter: DeadLetter, event_key: bytes, *, dry_run: bool) -> None:
        """Judge the event of a letter once more, for the definition that the letter names.

        An event that has a run of it, or waits for one, is left alone.

        Raises:
            NotFoundError: no such definition, or the event is not recorded any more.
            ConflictError: the definition is paused, disabled or retired.
            ExpressionError: its filter fails on the event as before.
        """
        id_ = letter.definition_id
        refuse_idle(entry_of(await self.entries(), id_))
        async with self._replays.open() as records:
            page = await records.one(id_, event_key)
            if not page.events:
                raise NotFoundError(
                    "its event is not recorded any more",
                    subject=f"dead letter {letter.dead_letter_id}",
                    hint="discard the letter",
                )
            reviewed = self.of(page, id_, letter.dead_letter_id, most=1)
            for _, settled in (item for each in reviewed.judged for item in each.settled):
                raise ExpressionError(settled.reason, subject=f"definition {id_}")
            fired = 0 if dry_run else await self.write(records, reviewed)
        self.tell(fired=fired > 0)
