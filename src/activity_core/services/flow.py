"""Flow control: groups of events on their way through the stages of their definitions.

In: what was judged of events, and states whose time has come. Out: a `Decided`, to be written in
the same transaction. The stages themselves are pure (`core.flow`); here their states are fetched
and what one releases is handed to the next.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.flow.group import FlowKey, FlowState, Group, Settled, Stage, Step
from activity_core.core.flow.step import stages_of, step
from activity_core.core.rollout import pinned
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import DISPLACED, told_of_end
from activity_core.ports.flow import Decided, FlowRow, OpenFlow
from activity_core.ports.registry import RegistryEntry
from activity_core.services.listeners import Judged, why_silent

Entries = Mapping[str, RegistryEntry]
Arrivals = Sequence[tuple[str, Group]]

_TURNS = frozenset({Stage.ORDER, Stage.CONCURRENCY})
"""Stages that wait for runs to be over."""
_PLACES = {stage: place for place, stage in enumerate(Stage)}


class FlowControl:
    """Decides for one tenant; keeps nothing between two calls."""

    def __init__(self, *, tenant: str, deployment: str) -> None:
        self._tenant = tenant
        self._deployment = deployment

    async def decide(
        self,
        flow: OpenFlow,
        entries: Entries,
        judged: Sequence[Judged],
        now: Callable[[], datetime],
        *,
        woken: Sequence[FlowKey] = (),
    ) -> tuple[Decided, datetime]:
        """What becomes of events that were judged, and of states that were woken; and when.

        `entries` has every definition that is named, also what is retired by now. `now` is asked
        once all locks are there, and it is known which runs are over: who decides about a
        definition later has the later time, and nothing fires before what it waited for ended.
        """
        arrived = [group for each in judged for group in each.groups]
        plain, controlled = _told_apart(entries, arrived)
        settled = [settled for each in judged for settled in each.settled]
        letters = [letter for each in judged for letter in each.letters]
        if not controlled and not woken:
            fired = _pinned(entries, plain)
            return Decided(fired=fired, settled=settled, letters=letters), now()
        concerned = {id_ for id_, _ in controlled} | {key.definition_id for key in woken}
        await flow.lock(sorted(concerned))
        passage = _Passage(flow, entries)
        await passage.begin(controlled, woken)
        at = now()
        await passage.go(at)
        decided = Decided(
            fired=_pinned(entries, [*plain, *passage.fired]),
            settled=[*settled, *passage.settled],
            rows=passage.rows,
            displaced=await self._displaced(flow, passage.displaced, at),
            letters=letters,
        )
        return decided, at

    async def _displaced(
        self, flow: OpenFlow, occurrences: Iterable[tuple[str, str]], at: datetime
    ) -> dict[str, Sequence[Announcement]]:
        """By run id, what is announced about the runs that end, unless they are over already."""
        runs = [ids.run_id(self._tenant, *occurrence) for occurrence in occurrences]
        if not runs:
            return {}
        return {
            work.run_id: told_of_end(work, DISPLACED, deployment=self._deployment, at=at)
            for work in await flow.open_work(sorted(runs))
        }


class _Passage:
    """One call of `decide`: what waits at which stage, until nothing moves any more."""

    def __init__(self, flow: OpenFlow, entries: Entries) -> None:
        self._flow = flow
        self._entries = entries
        self._states: dict[FlowKey, FlowState] = {}
        self._arrived: defaultdict[FlowKey, list[Group]] = defaultdict(list)
        self._ended: defaultdict[FlowKey, set[str]] = defaultdict(set)
        self._asked: dict[FlowKey, None] = {}  # a set that keeps its order
        self._places: dict[str, int] = {}
        self.fired: list[tuple[str, Group]] = []
        self.settled: list[tuple[str, Settled]] = []
        self.rows: dict[FlowKey, FlowRow] = {}
        self.displaced: list[tuple[str, str]] = []

    async def begin(self, arrived: Arrivals, woken: Sequence[FlowKey]) -> None:
        """Take in what arrived, and find which runs are over."""
        for place, (id_, group) in enumerate(arrived):
            self._places[group.leader.input_key] = place
            self._hand_on(id_, group, after=None)
        self._asked.update(dict.fromkeys(woken))
        await self._fetch(woken)
        for key in woken:
            if key.stage in _TURNS and (running := self._states[key].running):
                self._ended[key].update(await self._flow.finished(key.definition_id, running))

    async def go(self, at: datetime) -> None:
        """Stage by stage, and again as long as a group that was dropped gives up its turn."""
        while self._asked:
            for stage in Stage:
                due = [key for key in self._asked if key.stage is stage]
                await self._fetch(due)
                for key in due:
                    del self._asked[key]
                    self._step(key, at)

    async def _fetch(self, keys: Sequence[FlowKey]) -> None:
        unknown = [key for key in keys if key not in self._states]
        if unknown:
            found = await self._flow.states(unknown)
            self._states.update({key: found.get(key, FlowState()) for key in unknown})

    def _step(self, key: FlowKey, at: datetime) -> None:
        entry = self._entries.get(key.definition_id)
        trigger = entry.definition.trigger if entry and not entry.retired else None
        # As they came in, whatever keys they had before; what waited since earlier goes first.
        arrived = sorted(self._arrived.pop(key, []), key=self._place)
        ended = self._ended.pop(key, set())
        taken = step(trigger, key, self._states[key], arrived, ended, at)
        self._states[key] = taken.state
        self.rows[key] = FlowRow(taken.state, taken.wake_at)
        for group in taken.released:
            self._hand_on(key.definition_id, group, after=key.stage)
        for settled in taken.settled:
            self.settled.append((key.definition_id, settled))
            if settled.outcome is not Outcome.HELD:
                self._give_up_turn(key.definition_id, settled.group, before=key.stage)
        self._displace(key.definition_id, taken)

    def _place(self, group: Group) -> int:
        return self._places.get(group.leader.input_key, -1)

    def _hand_on(self, definition_id: str, group: Group, *, after: Stage | None) -> None:
        """To the next stage that its definition has, or out."""
        entry = self._entries.get(definition_id)
        if entry is None or not entry.fires:
            reason = why_silent(entry) if entry else "its definition is not known any more"
            self.settled.append((definition_id, Settled(group, Outcome.SKIPPED, reason)))
            self._give_up_turn(definition_id, group, before=None)
            return
        for stage in stages_of(entry.definition.trigger):
            if after is None or _follows(stage, after):
                key = _key(definition_id, stage, group)
                self._arrived[key].append(group)
                self._asked[key] = None
                return
        self.fired.append((definition_id, group))

    def _give_up_turn(self, definition_id: str, group: Group, *, before: Stage | None) -> None:
        """A group that gets no run must not keep others waiting for its end."""
        entry = self._entries.get(definition_id)
        stages = stages_of(entry.definition.trigger) if entry else ()
        for stage in _TURNS.intersection(stages):
            if before is None or _follows(before, stage):
                key = _key(definition_id, stage, group)
                self._ended[key].add(group.occurrence_key)
                self._asked[key] = None

    def _displace(self, definition_id: str, taken: Step) -> None:
        """Runs end for later ones; a group whose run is not even written gets none."""
        for occurrence in taken.displaced:
            mine = [
                each
                for each in self.fired
                if each[0] == definition_id and each[1].occurrence_key == occurrence
            ]
            if not mine:
                self.displaced.append((definition_id, occurrence))
                continue
            self.fired.remove(mine[0])
            reason = "a later event took its place before it started"
            self.settled.append((definition_id, Settled(mine[0][1], Outcome.DROPPED, reason)))
            self._give_up_turn(definition_id, mine[0][1], before=None)


def _key(definition_id: str, stage: Stage, group: Group) -> FlowKey:
    return FlowKey(definition_id, stage, group.leader.keys.get(stage.value, ""))


def _told_apart(entries: Entries, arrived: Arrivals) -> tuple[Arrivals, Arrivals]:
    """Groups that nothing can hold, and all others."""
    plain: list[tuple[str, Group]] = []
    controlled: list[tuple[str, Group]] = []
    for definition_id, group in arrived:
        stages = stages_of(entries[definition_id].definition.trigger)
        (controlled if stages else plain).append((definition_id, group))
    return plain, controlled


def _pinned(entries: Entries, fired: Arrivals) -> Arrivals:
    """With the versions that their runs pin: of a rollout some get the candidate."""
    return [(id_, pinned(entries[id_].rollout, id_, group)) for id_, group in fired]


def _follows(stage: Stage, other: Stage) -> bool:
    return _PLACES[stage] > _PLACES[other]
