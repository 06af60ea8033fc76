"""The router: what follows from an event, decided and committed before anything is started.

In: pending events of the inbox, the registry at its newest revision. Out, in one transaction: a
routing row per event, decisions, pending runs with their pinned version. It makes no remote call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from activity_core.core import ids
from activity_core.core.decision import Candidate, Outcome, PendingEvent, Routing
from activity_core.core.errors import RejectedError
from activity_core.core.rules.matching import Match, Matcher
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.inbox import Inbox
from activity_core.ports.registry import RegistryEntry, RegistrySnapshot, RegistryStore
from activity_core.services.metrics import DEAD_LETTERS, DECISIONS

log = structlog.get_logger(__name__)

BATCH = 200
MAX_CAUSATION_DEPTH = 16
"""An event that our own events caused so many times over is a loop."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """The registry as the router uses it: who listens, and who of them may fire."""

    revision: int
    entries: dict[str, RegistryEntry]
    matcher: Matcher

    @classmethod
    def of(cls, snapshot: RegistrySnapshot) -> "Listeners":
        """Everything that is not retired listens; what is paused decides `skipped`."""
        entries = {id_: entry for id_, entry in snapshot.entries.items() if not entry.retired}
        matcher = Matcher([(entry.definition, entry.version) for entry in entries.values()])
        return cls(snapshot.revision, entries, matcher)

    def routing(self, event: PendingEvent) -> Routing:
        """What every listening definition makes of an event."""
        matches = self.matcher.match(event.envelope)
        candidates = [self._candidate(event, match) for match in matches if not filtered(match)]
        return Routing(
            event=event,
            revision=self.revision,
            listened=len(matches),
            filtered=len(matches) - len(candidates),
            candidates=candidates,
        )

    def _candidate(self, event: PendingEvent, match: Match) -> Candidate:
        envelope = event.envelope
        occurrence = ids.occurrence_of_event(envelope.source, envelope.id)
        if match.dedupe_key is not None:
            occurrence = ids.occurrence_of_dedupe_key(match.dedupe_key)
        outcome, reason = Outcome(match.outcome), match.reason
        entry = self.entries[match.definition_id]
        if outcome is Outcome.FIRED and not entry.fires:
            outcome, reason = Outcome.SKIPPED, why_silent(entry)
        return Candidate(match.definition_id, match.version, outcome, occurrence, reason)


def filtered(match: Match) -> bool:
    """Whether the filter said no: counted, but no row of its own."""
    return match.outcome == Outcome.FILTERED


def why_silent(entry: RegistryEntry) -> str:
    """The reason of a `skipped` decision."""
    if not entry.paused:
        return "disabled: the definition says enabled: false"
    by = f" by {entry.actor}" if entry.actor else ""
    return f"paused{by}: {entry.reason}" if entry.reason else f"paused{by}"


class Router:
    """Routes the inbox of one tenant; several may run at once."""

    def __init__(
        self, inbox: Inbox, registry: RegistryStore, doorbell: Doorbell, clock: Clock
    ) -> None:
        self._inbox = inbox
        self._registry = registry
        self._doorbell = doorbell
        self._clock = clock
        self._listeners: Listeners | None = None

    async def step(self) -> bool:
        """Route one batch; True if there may be more."""
        return await self._route(BATCH, None)

    async def _route(self, limit: int, only: Sequence[int] | None) -> bool:
        taken: Sequence[PendingEvent] = ()
        try:
            async with self._inbox.take(limit, only=only) as batch:
                taken = batch.events
                if not taken:
                    return False
                listeners = await self._current()
                routings = []
                for event in taken:
                    if event.envelope.causation_depth > MAX_CAUSATION_DEPTH:
                        await batch.bury(event, *_loop(event), self._clock.now())
                        DEAD_LETTERS.labels("router", "causation_too_deep").inc()
                    else:
                        routings.append(listeners.routing(event))
                counts = await batch.record(routings, self._clock.now())
        except RejectedError as error:
            await self._halve(taken, error)
            return True
        self._tell(counts)
        return len(taken) == limit

    def _tell(self, counts: Mapping[str, int]) -> None:
        for outcome, count in counts.items():
            DECISIONS.labels(outcome).inc(count)
        if counts.get(Outcome.FIRED):
            self._doorbell.ring(Topic.STARTER)

    async def _halve(self, taken: Sequence[PendingEvent], error: RejectedError) -> None:
        """The database refused a batch: find the event it is about, bury it, route the rest."""
        positions = [event.position for event in taken]
        if len(positions) == 1:
            log.warning("event_buried", event_id=taken[0].envelope.id, code=error.code)
            async with self._inbox.take(1, only=positions) as batch:
                for event in batch.events:
                    await batch.bury(event, error.code, str(error), self._clock.now())
                    DEAD_LETTERS.labels("router", error.code).inc()
            return
        middle = len(positions) // 2
        for half in (positions[:middle], positions[middle:]):
            await self._route(len(half), half)

    async def _current(self) -> Listeners:
        revision = await self._registry.revision()
        if self._listeners is None or self._listeners.revision != revision:
            self._listeners = Listeners.of(await self._registry.snapshot(revision))
        return self._listeners


def _loop(event: PendingEvent) -> tuple[str, str]:
    message = (
        f"{event.envelope.causation_depth} events of our own led to this one, over the limit of "
        f"{MAX_CAUSATION_DEPTH}: a definition probably triggers itself"
    )
    return "causation_too_deep", message
