"""The event replayer: recorded events are judged again for one definition, page by page.

In: requests, of somebody at the desk or of the publication of a new composite; recorded events.
Out, in one transaction per page: what follows from its events (see `event_review`), and how far it
is. An event that has a run, or waits for one, is left alone, so asking twice runs nothing twice.
"""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from activity_core.core.errors import RejectedError
from activity_core.ports.clock import Clock
from activity_core.ports.event_replays import (
    Advance,
    EventReplay,
    EventReplayRequest,
    EventReplays,
    RecordedEvents,
    Stretch,
    Tally,
)
from activity_core.ports.registry import RegistryEntry
from activity_core.ports.run_queue import RunQueue
from activity_core.services.event_replay_range import heard_by
from activity_core.services.event_review import EventReview, Reviewed
from activity_core.services.loop import repeat

log = structlog.get_logger(__name__)

PERIOD = 1.0
"""Seconds between looks for requests, and for events that were not routed a moment ago."""

PAGE = 200
"""Events that are judged in one transaction."""

MOST_PENDING = 1_000
"""Runs that wait to be started, beyond which replays wait too."""


class EventReplayer:
    """Works off the replays of one tenant; several may at once and do no harm to each other."""

    def __init__(
        self, replays: EventReplays, review: EventReview, queue: RunQueue, clock: Clock
    ) -> None:
        self._replays = replays
        self._review = review
        self._queue = queue
        self._clock = clock
        self._one_by_one: Counter[str] = Counter()

    async def run(self) -> None:
        """Work off until cancelled."""
        await repeat("event replayer", self.step, asyncio.sleep, period=PERIOD)

    async def step(self) -> bool:
        """A page of each replay whose turn it is; True if there may be more at once."""
        due = await self._replays.due(self._clock.now())
        if not due or await self._queue.depth() >= MOST_PENDING:
            return False
        entries = await self._review.entries()
        more = False
        for request in due:
            entry = entries.get(request.definition_id)
            if entry is not None and entry.fires:
                more |= await self._take_page(request, entry)
        return more

    async def _take_page(self, request: EventReplayRequest, entry: RegistryEntry) -> bool:
        alone = self._one_by_one[request.replay_id] > 0
        try:
            taken = await self._judge_page(request.replay_id, entry, 1 if alone else PAGE)
        except RejectedError as error:
            if not alone:
                self._one_by_one[request.replay_id] = PAGE
                return True
            log.error(  # noqa: TRY400 - the code says what, a trace says nothing more
                "event_replay_refused",
                replay_id=request.replay_id,
                definition_id=request.definition_id,
                code=error.code,
                error=str(error),
            )
            taken = await self._judge_page(request.replay_id, entry, 1, passing_over=True)
        self._one_by_one -= Counter({request.replay_id: 1})
        return taken

    async def _judge_page(
        self, replay_id: str, entry: RegistryEntry, limit: int, *, passing_over: bool = False
    ) -> bool:
        """False if there was none to be had. `passing_over`: leave the events of it out."""
        at, fired = self._clock.now(), 0
        async with self._replays.open() as records:
            replay = await records.lock(replay_id, at)
            if replay is None:
                return False
            request = replay.request
            stretch = Stretch(request.definition_id, heard_by(entry), replay.place, request.until)
            page = await records.page(stretch, limit)
            if passing_over:
                tally = Tally(looked_at=len(page.events))
                advance = Advance(page.end, tally, at, page.is_last)
            else:
                most = max(1, int(request.rate))
                reviewed = self._review.of(page, request.definition_id, replay_id, most)
                fired = await self._review.write(records, reviewed)
                advance = _advance(replay, page, reviewed, fired, at)
            await records.advance(replay_id, advance, at)
        self._review.tell(fired=fired > 0)
        return True


def _advance(
    replay: EventReplay, page: RecordedEvents, reviewed: Reviewed, fired: int, at: datetime
) -> Advance:
    """How far a page has brought it; the next one comes when its pace allows."""
    is_over = page.is_last and reviewed.is_whole
    seconds = reviewed.tally.matched / replay.request.rate
    if not is_over and reviewed.place == replay.place:
        seconds = PERIOD  # what comes next waits for the router
    tally = replace(reviewed.tally, fired=fired)
    return Advance(reviewed.place, tally, at + timedelta(seconds=seconds), is_over)
