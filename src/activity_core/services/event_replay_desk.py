"""The desk for event replays: somebody wants recorded events to be judged for one definition.

In: a range of time from the API. Out: a request for `event_replay`, or what it would find.
"""

from activity_core.core import ids
from activity_core.core.errors import BadInputError, ConflictError, NotFoundError
from activity_core.ports.clock import Clock
from activity_core.ports.event_replays import (
    LOOKBACK_RATE,
    EventReplay,
    EventReplayRequest,
    EventReplays,
    Place,
    Stretch,
    Tally,
)
from activity_core.services.event_replay import PAGE
from activity_core.services.event_replay_range import (
    EventReplayPlan,
    EventReplayRange,
    check_rate,
    last_of,
    types_to_replay,
)
from activity_core.services.event_review import EventReview
from activity_core.services.registry import entry_of

MOST_PLANNED = 20_000
"""Events that a dry run judges before it says how far it came."""
MOST_PAGES = 500
"""Pages that it reads: they may be empty when other types fill the record."""


class EventReplayDesk:
    """Takes requests of one tenant.

    `rate`: events that match a second, unless a request says otherwise, or it is a composite.
    """

    def __init__(
        self, replays: EventReplays, review: EventReview, clock: Clock, *, rate: float
    ) -> None:
        self._replays = replays
        self._review = review
        self._clock = clock
        self._rate = rate

    async def plan(self, wanted: EventReplayRange) -> EventReplayPlan:
        """What a request would find now; nothing is written.

        Raises:
            NotFoundError: no such definition.
            ConflictError: nothing of it may run now, or it listens to no events.
            BadInputError: the range is none.
        """
        until = last_of(wanted, self._clock.now())
        types = types_to_replay(entry_of(await self._review.entries(), wanted.definition_id))
        place, tally = Place(wanted.since), Tally()
        for _ in range(MOST_PAGES):
            stretch = Stretch(wanted.definition_id, types, place, until)
            async with self._replays.open() as records:
                page = await records.page(stretch, PAGE)
            tally += self._review.of(page, wanted.definition_id, "", PAGE).tally
            if page.is_last or (page.end == place):
                return EventReplayPlan(tally, None if page.is_last else place.received_at)
            place = page.end
            if tally.looked_at >= MOST_PLANNED:
                break
        return EventReplayPlan(tally, place.received_at)

    async def request(
        self,
        replay_id: str,
        wanted: EventReplayRange,
        *,
        rate: float | None,
        actor: str,
        reason: str,
    ) -> EventReplay:
        """Keep it, to be worked off by and by; the same id again finds the same replay.

        Raises:
            NotFoundError, ConflictError, BadInputError: see `plan`; also a bad or taken id, a bad
                `rate`, or another replay of the definition that is running.
        """
        if not ids.REQUEST_ID.fullmatch(replay_id):
            raise BadInputError(
                f"{replay_id!r} is no request id",
                hint="use 1-64 letters, digits, '.', '_' or '-'",
            )
        if rate is not None:
            check_rate(rate)
        if found := await self._requested_before(replay_id, wanted):
            return found
        now = self._clock.now()
        until = last_of(wanted, now)
        entry = entry_of(await self._review.entries(), wanted.definition_id)
        types_to_replay(entry)
        # What belongs together must come together: a composite waits for the rest by our clock.
        usual = LOOKBACK_RATE if entry.definition.trigger.composite else self._rate
        pace = usual if rate is None else rate
        request = EventReplayRequest(
            replay_id, wanted.definition_id, wanted.since, until, pace, actor, reason
        )
        if not await self._replays.request(request, now):
            if found := await self._requested_before(replay_id, wanted):
                return found
            raise ConflictError(
                "another replay of it is running", subject=wanted.subject, hint="wait, or stop it"
            )
        return await self._replays.progress(replay_id)

    async def stop(self, replay_id: str) -> EventReplay:
        """Let it judge no further events; runs that it made go on.

        Raises:
            NotFoundError: no such replay.
        """
        await self._replays.stop(replay_id, self._clock.now())
        return await self._replays.progress(replay_id)

    async def _requested_before(
        self, replay_id: str, wanted: EventReplayRange
    ) -> EventReplay | None:
        try:
            found = await self._replays.progress(replay_id)
        except NotFoundError:
            return None
        until = found.request.until if wanted.until is None else wanted.until
        before = (found.request.definition_id, found.request.since, found.request.until)
        if before != (wanted.definition_id, wanted.since, until):
            raise ConflictError(
                "that id was used for another range",
                subject=f"event replay {replay_id}",
                hint="choose a new request id",
            )
        return found
