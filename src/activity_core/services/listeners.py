"""Listeners: the registry as it is asked for each event, kept up to date change by change.

In: what changed in the registry, and events. Out: what every listening definition makes of an
event: a group of one that wants to become a run, or what was settled about it at once.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from activity_core.core import ids
from activity_core.core.decision import Outcome, PendingEvent
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.flow_control import DEFAULT_PRIORITY
from activity_core.core.definition.trigger import TriggerSet
from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Bindings
from activity_core.core.flow.group import Group, Member, Settled, Stage
from activity_core.core.flow.step import stages_of
from activity_core.core.matching.interest import key_of
from activity_core.core.matching.match_index import Hit, MatchIndex
from activity_core.core.rollout import KEY, Rollout
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.registry import RegistryEntry, RegistryStore

FILTER_FAILED = "filter_failed"


@dataclass(slots=True)
class Judged:
    """What the registry makes of one event.

    `listened` definitions have its type and source; `filtered` of them said no. The others are in
    `groups` (they want a run) or `settled`, by definition id, in its order.
    """

    listened: int
    filtered: int
    groups: list[tuple[str, Group]] = field(default_factory=list)
    settled: list[tuple[str, Settled]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


class Listeners:
    """Who listens, and who of them may fire. Everything that is not retired listens."""

    def __init__(self, registry: RegistryStore) -> None:
        self._registry = registry
        self._index = MatchIndex()
        self._ordered: set[str] = set()
        self.entries: dict[str, RegistryEntry] = {}
        self.revision = 0

    async def refresh(self) -> None:
        """Learn what changed since; cheap if nothing did."""
        if await self._registry.revision() == self.revision:
            return
        changes = await self._registry.changed_since(self.revision)
        for id_, entry in changes.entries.items():
            self.learn(id_, entry)
        self.revision = changes.revision

    def learn(self, definition_id: str, entry: RegistryEntry) -> None:
        """What is in force of a definition from now on."""
        known = self.entries.get(definition_id)
        self.entries[definition_id] = entry
        if entry.retired:
            self._index.remove(definition_id)
        elif known is None or known.retired or known.version != entry.version:
            self._index.put(entry.definition, entry.version)
        if _wants_order(entry.definition) and not entry.retired:
            self._ordered.add(definition_id)
        else:
            self._ordered.discard(definition_id)

    @property
    def keeps_order(self) -> bool:
        """Whether some definition wants its events in the order in which they came."""
        return bool(self._ordered)

    def judged(
        self,
        event: PendingEvent,
        at: datetime,
        *,
        only: str | None = None,
        replay_id: str | None = None,
    ) -> Judged:
        """What becomes of an event, for all definitions or `only` one.

        Args:
            event: of the inbox, or recorded before.
            at: now.
            only: a definition; the others are neither asked nor counted.
            replay_id: of the replay that asks: decisions are about the event in it.

        Raises:
            InvalidEventError: somebody listens to it, and it is not readable.
        """
        matches = self._index.match(event)
        hits = [hit for hit in matches.hits if only in (None, hit.definition_id)]
        judged = Judged(matches.listened, matches.listened - len(matches.hits))
        for hit in hits:
            self._judge(event, at, hit, replay_id, judged)
        return judged

    def _judge(
        self, event: PendingEvent, at: datetime, hit: Hit, replay_id: str | None, judged: Judged
    ) -> None:
        entry = self.entries[hit.definition_id]
        member = _member(event, hit, entry.definition.trigger, replay_id)
        group = Group((_with_key(member, event, entry.rollout),))
        if hit.failed:
            settled = Settled(group, Outcome.FAILED, hit.failed)
            if hit.bury:
                judged.letters.append(_letter(event, hit, at))
        elif not entry.fires:
            settled = Settled(group, Outcome.SKIPPED, why_silent(entry))
        else:
            judged.groups.append((hit.definition_id, group))
            return
        judged.settled.append((hit.definition_id, settled))


def _wants_order(definition: ActivityDefinition) -> bool:
    """It says so, or keeps a state that each event changes."""
    # Nothing cheaper is sure: locks of keys or definitions are asked for by routers that have taken
    # their events, and the one with the later events may be the first to ask.
    event = definition.trigger.event
    return definition.lifecycle == "ongoing" or (event is not None and event.order is not None)


def _with_key(member: Member, event: PendingEvent, rollout: Rollout | None) -> Member:
    """With what the key of a rollout gives; an event that has none gets what is in force."""
    if rollout is None or rollout.stopped or rollout.key is None:
        return member
    try:
        key = key_of(rollout.key, Bindings({"event": event.envelope.for_conditions()}))
    except ExpressionError:
        return member
    return replace(member, keys={**member.keys, KEY: key})


def why_silent(entry: RegistryEntry) -> str:
    """The reason of a `skipped` decision."""
    if entry.retired:
        return "retired"
    if not entry.paused:
        return "disabled: the definition says enabled: false"
    by = f" by {entry.actor}" if entry.actor else ""
    return f"paused{by}: {entry.reason}" if entry.reason else f"paused{by}"


def _member(event: PendingEvent, hit: Hit, trigger: TriggerSet, replay_id: str | None) -> Member:
    envelope = event.envelope
    own = occurrence = event.input_key
    keys = dict(hit.keys)
    if hit.dedupe_key is not None:
        same = ids.occurrence_of_dedupe_key(hit.dedupe_key)
        if Stage.SEEN in stages_of(trigger):  # which forgets it after a while; a run never would
            keys[Stage.SEEN] = same
        else:
            occurrence = same
    listening = trigger.composite or trigger.event
    return Member(
        input_key=own if replay_id is None else ids.input_of_replay(replay_id, own),
        event_key=event.key,
        received_at=event.received_at,
        at=envelope.time or event.received_at,
        version=hit.version,
        occurrence_key=occurrence,
        size=event.size,
        priority=listening.priority if listening else DEFAULT_PRIORITY,
        parts=hit.parts,
        keys={stage.value: key for stage, key in keys.items()},
        traceparent=envelope.traceparent,
        causation_depth=envelope.causation_depth,
    )


def _letter(event: PendingEvent, hit: Hit, at: datetime) -> DeadLetter:
    """Of the event for this definition alone: it is routed, and for others it may have fired."""
    letter = DeadLetter.of_event(event, FILTER_FAILED, hit.failed, at)
    own = ids.digest("filter", event.key, hit.definition_id, str(hit.version))
    return replace(letter, dead_letter_id=own.hex()[:32], definition_id=hit.definition_id)
