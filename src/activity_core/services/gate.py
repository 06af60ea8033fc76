"""The gate: the entrances of the registry as one process knows them, and their rates.

In: names of API keys, ids of sources, envelopes. Out: the source, the envelope as it may be
stored, or the error that says why not. What it knows is at most `PERIOD` old: asking the registry
for each event would cost more than the event.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from activity_core.core.admission.admission import Admission
from activity_core.core.admission.rate import RateLimiter
from activity_core.core.definition.event_source import EventSource
from activity_core.core.errors import ForbiddenError, NotFoundError, OverloadedError, PausedError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.clock import Clock
from activity_core.ports.entrances import EntranceEntry, Entrances
from activity_core.ports.registry import RegistryStore

PERIOD = timedelta(seconds=1)
"""How late a change of the registry may be noticed."""
MISS_PERIOD = timedelta(milliseconds=10)
"""The same for who is not known: a source that was just applied is there at once.

Less than it takes to apply one, and enough that strangers cannot keep the registry busy.
"""


class Gate:
    """Judges for one tenant. `unlisted`: whether senders that no source lists may come in."""

    def __init__(self, registry: RegistryStore, clock: Clock, *, unlisted: bool) -> None:
        self._registry = registry
        self._clock = clock
        self._unlisted = unlisted
        self._entrances = Entrances(revision=-1)
        self._admission = Admission(())
        self._by_key: Mapping[str, EntranceEntry[EventSource]] = {}
        self._limiters: dict[str, RateLimiter] = {}
        self._looked_at = datetime.min.replace(tzinfo=UTC)

    async def entrances(self, *, period: timedelta = PERIOD) -> Entrances:
        """What is in force, at most `period` old.

        Raises:
            UnavailableError: the registry cannot be reached, and was not for the last period.
        """
        now = self._clock.now()
        if now >= self._looked_at + period:
            if await self._registry.revision() != self._entrances.revision:
                self._learn(await self._registry.entrances())
            self._looked_at = now
        return self._entrances

    def _learn(self, entrances: Entrances) -> None:
        self._entrances = entrances
        self._admission = Admission(
            [entry.part for entry in entrances.event_types.values() if not entry.retired]
        )
        sources = [entry for entry in entrances.sources.values() if not entry.retired]
        self._by_key = {
            key: entry for entry in sources if entry.part.api_ for key in entry.part.api_.keys
        }
        known = self._limiters
        self._limiters = {}
        for source in (entry.part for entry in sources):
            if source.rate is not None:
                limiter = known.get(source.id)
                self._limiters[source.id] = (
                    limiter if limiter and limiter.rate == source.rate else RateLimiter(source.rate)
                )

    async def source_of_key(self, key: str) -> EventSource | None:
        """The source that lists an API key; None for one that none lists, where that may be.

        Raises:
            ForbiddenError: no source lists it.
            PausedError: its source is paused.
        """
        await self.entrances()
        if key not in self._by_key and not self._unlisted:
            await self.entrances(period=MISS_PERIOD)
        entry = self._by_key.get(key)
        if entry is None:
            self.let_unlisted(f"API key {key}")
            return None
        return active_source(entry)

    async def source(self, source_id: str, way: str) -> EventSource:
        """A source by its id.

        Raises:
            NotFoundError: no such source, it is retired, or it comes another way.
            PausedError: it is paused.
        """
        entry = (await self.entrances()).sources.get(source_id)
        if entry is None:
            entry = (await self.entrances(period=MISS_PERIOD)).sources.get(source_id)
        if entry is None or entry.retired or entry.part.way != way:
            raise NotFoundError(f"no such {way} source", subject=f"source {source_id[:63]}")
        return active_source(entry)

    def let_unlisted(self, sender: str) -> None:
        """Let a sender in that no source lists, where that may be.

        Raises:
            ForbiddenError: it may not be.
        """
        if not self._unlisted:
            raise ForbiddenError(
                "no source lists it, so it may not send events",
                subject=sender,
                hint="apply a `kind: source` for it, or set ACTIVITY_CORE_UNLISTED_SENDERS=allow",
            )

    def spend(self, source: EventSource | None, events: int) -> None:
        """Count so many events against the rate of a source.

        Raises:
            OverloadedError: its rate is used up; none of them counted.
        """
        if (wait := self.wait_for(source, events)) > timedelta():
            raise OverloadedError(
                "it sends more than its `rate` allows",
                subject=f"source {source.id}" if source else "",
                hint="send it again later",
                retry_after=wait.total_seconds(),
            )

    def wait_for(self, source: EventSource | None, events: int) -> timedelta:
        """How long to wait before asking again; nothing, if they were counted just now."""
        limiter = self._limiters.get(source.id) if source else None
        return limiter.spend(events, self._clock.now()) if limiter else timedelta()

    def admitted(self, envelope: EventEnvelope, source: EventSource | None) -> EventEnvelope:
        """See `Admission.admitted`; by the rules of the last look."""
        return self._admission.admitted(envelope, source)


def active_source(entry: EntranceEntry[EventSource]) -> EventSource:
    """The source of an entry.

    Raises:
        PausedError: it takes nothing now.
    """
    if entry.status != "active":
        reason = f": {entry.reason}" if entry.reason else ""
        raise PausedError(
            f"it is {entry.status}{reason}",
            subject=f"source {entry.part.id}",
            hint="keep the event and send it again later",
        )
    return entry.part
