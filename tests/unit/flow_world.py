"""A world for all flow stages in sequence: states per key, runs that begin and end, decisions.

What `services.flow` and a store do, in the fewest words, on virtual time; every step is checked
as on the bench.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.unit.flow_bench import START, check_conservation, check_liveness, check_repetition

from activity_core.core.decision import Outcome
from activity_core.core.definition.trigger import TriggerSet
from activity_core.core.flow.group import FlowKey, FlowState, Group, Stage, Step
from activity_core.core.flow.state_text import state_of, state_text
from activity_core.core.flow.step import stages_of, step


def key_of(stage: Stage, group: Group) -> FlowKey:
    by_stage = {Stage.SEEN: group.occurrence_key, **group.leader.keys}
    return FlowKey("d", stage, by_stage.get(stage, ""))


@dataclass
class World:
    trigger: TriggerSet | None
    now: datetime = START
    texts: dict[FlowKey, str] = field(default_factory=dict)
    wakes: dict[FlowKey, datetime] = field(default_factory=dict)
    runs: dict[str, Group] = field(default_factory=dict)
    open: dict[str, Group] = field(default_factory=dict)
    decisions: dict[str, list[Outcome]] = field(default_factory=dict)
    _over: deque[str] = field(default_factory=deque)

    def route(self, groups: Sequence[Group]) -> None:
        self._pass_on(groups, after=None)
        self._settle_down()

    def end(self, occurrence: str) -> None:
        """A run is over."""
        del self.open[occurrence]
        self._over.append(occurrence)
        self._settle_down()

    def wake(self) -> None:
        """Go on to the next instant at which something is due, and look."""
        key = min(self.wakes, key=self.wakes.__getitem__)
        self.now = self.wakes[key]
        before = self.texts[key]
        self._step(key)
        assert self.texts.get(key) != before, "woken for nothing"
        self._settle_down()

    def publish(self, trigger: TriggerSet | None) -> None:
        self.trigger = trigger
        for key in [*self.texts]:
            self._step(key)
        self._settle_down()

    def drain(self) -> None:
        """Until nothing is due and no run is open."""
        for _ in range(10_000):
            if self.wakes:
                self.wake()
            elif self.open:
                self.end(next(iter(self.open)))
            else:
                return
        raise AssertionError("it never rests")

    def _settle_down(self) -> None:
        """Free the places of all that is over, each on its own, as the flow keeper does."""
        while self._over:
            occurrence = self._over.popleft()
            for key in [key for key, text in self.texts.items() if occurrence in text]:
                if occurrence in state_of(self.texts[key]).running:
                    self._step(key, ended=[occurrence])

    def _step(self, key: FlowKey, ended: Collection[str] = ()) -> None:
        self._pass_on(self._taken(key, (), ended).released, key.stage)

    def _pass_on(self, groups: Sequence[Group], after: Stage | None) -> None:
        """Stage by stage, each state once: what a step lets through are runs before the next."""
        stages = [*Stage]
        for stage in stages[stages.index(after) + 1 :] if after else stages:
            if stage not in stages_of(self.trigger):
                continue
            parts: dict[FlowKey, list[Group]] = {}
            for group in groups:
                parts.setdefault(key_of(stage, group), []).append(group)
            groups = [
                group
                for key, part in parts.items()
                for group in self._taken(key, part, ()).released
            ]
        for group in groups:
            self._fire(group)

    def _taken(self, key: FlowKey, arrived: Sequence[Group], ended: Collection[str]) -> Step:
        def once(
            state: FlowState, arrived: Sequence[Group], ended: Collection[str], now: datetime
        ) -> Step:
            return step(self.trigger, key, state, arrived, ended, now)

        before = state_of(self.texts.pop(key, "{}"))
        self.wakes.pop(key, None)
        taken = once(before, arrived, ended, self.now)
        check_conservation(before, arrived, taken)
        check_liveness(taken, self.now)
        if key.stage in stages_of(self.trigger):
            check_repetition(once, taken, self.now)
        if not taken.state.is_empty:
            self.texts[key] = state_text(taken.state)
        if taken.wake_at is not None:
            self.wakes[key] = taken.wake_at
        for item in taken.settled:
            self._decide(item.group, item.outcome)
            if item.outcome is not Outcome.HELD:
                self._over.append(item.group.occurrence_key)
        for occurrence in taken.displaced:
            # One that is over already, but its stage has not heard of it yet, is over once.
            if self.open.pop(occurrence, None) is not None:
                self._over.append(occurrence)
        return taken

    def _fire(self, group: Group) -> None:
        occurrence = group.occurrence_key
        if occurrence in self.runs:
            self._decide(group, Outcome.DEDUPLICATED)
            if occurrence not in self.open:
                self._over.append(occurrence)
            return
        self.runs[occurrence] = self.open[occurrence] = group
        for place, member in enumerate(group.members):
            outcome = Outcome.FIRED if place == group.lead else Outcome.MERGED
            self.decisions.setdefault(member.input_key, []).append(outcome)

    def _decide(self, group: Group, outcome: Outcome) -> None:
        for member in group.members:
            self.decisions.setdefault(member.input_key, []).append(outcome)
