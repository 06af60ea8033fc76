"""Composites on virtual time, for tests: a key's state, and all that was ever decided about it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from activity_core.core.decision import Outcome
from activity_core.core.definition.composite import CompositeTriggerConfig
from activity_core.core.flow.composite import composite
from activity_core.core.flow.group import FlowState, Group, Member, Step

START = datetime(2026, 11, 21, 9, tzinfo=UTC)


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


def config(*, within: str = "10s", **document: Any) -> CompositeTriggerConfig:
    """Parts may be given as names, and then have types of the same name."""
    for kind in ("all_of", "any_of", "sequence"):
        if kind in document:
            document[kind] = [{"type": name, "name": name} for name in document[kind]]
    return CompositeTriggerConfig.model_validate({"within": within, **document})


def count(at_least: int, **more: Any) -> CompositeTriggerConfig:
    return config(count={"type": "t", "at_least": at_least}, **more)


def absent(*, after: bool = True, **more: Any) -> CompositeTriggerConfig:
    return config(absent={"type": "x", **({"after": {"type": "y"}} if after else {})}, **more)


def event(name: str, parts: str, at: float = 0) -> Member:
    """`parts` in one text: `a`, `a b`."""
    when = second(at)
    key = f"e.{name}"
    return Member(key, name.encode(), when, when, 1, key, parts=tuple(parts.split()))


@dataclass
class Key:
    """One key of one definition: what comes, what is decided, and what must never happen."""

    config: CompositeTriggerConfig
    state: FlowState = field(default_factory=FlowState)
    wake_at: datetime | None = None
    runs: list[Group] = field(default_factory=list)
    run_at: list[float] = field(default_factory=list)
    last: dict[str, tuple[Outcome, str]] = field(default_factory=dict)
    run_of: dict[str, str | None] = field(default_factory=dict)
    came: dict[str, Member] = field(default_factory=dict)

    def at(self, now: float, *events: Member) -> Step:
        """A step; checks that whatever came is decided once and for all."""
        step = composite(self.config, self.state, [Group((each,)) for each in events], second(now))
        self.came |= {each.input_key: each for each in events}
        self.state, self.wake_at = step.state, step.wake_at
        for item in step.settled:
            for member in item.group.members:
                self._decide(member.input_key, item.outcome, item.reason)
                self.run_of[member.input_key] = item.run_of
        for group in step.released:
            self.runs.append(group)
            self.run_at.append(now)
            for member in group.members:
                self._decide(member.input_key, Outcome.FIRED, "")
        held = {group.leader.input_key for group in self.state.waiting}
        assert held == {key for key, (outcome, _) in self.last.items() if outcome is Outcome.HELD}
        assert set(self.last) == set(self.came)
        assert self.state.is_empty == (self.wake_at is None)
        assert self.wake_at is None or second(now) < self.wake_at
        return step

    def _decide(self, key: str, outcome: Outcome, reason: str) -> None:
        before = self.last.get(key, (Outcome.HELD, ""))[0]
        assert before is Outcome.HELD, f"{key} was {before}, and is {outcome} now"
        self.last[key] = outcome, reason

    def feed(self, arrivals: Iterable[tuple[float, Member]]) -> "Key":
        """What comes when, waking in between when it is due."""
        for now, member in arrivals:
            self.wake(now)
            self.at(now, member)
        return self

    def wake(self, until: float = float("inf")) -> "Key":
        """Wake whenever it is due before `until`."""
        while self.wake_at is not None and (due := (self.wake_at - START).total_seconds()) < until:
            self.at(due)
        return self

    def fired(self) -> list[str]:
        """Names of the events of each run."""
        return [" ".join(member.input_key[2:] for member in run.members) for run in self.runs]

    def outcomes(self) -> dict[str, str]:
        return {key[2:]: str(outcome) for key, (outcome, _) in self.last.items()}

    def reason(self, name: str) -> str:
        return self.last[f"e.{name}"][1]
