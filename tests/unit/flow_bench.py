"""A bench for flow stages on virtual time: feeds them, and checks what must hold of every step.

The state goes through its text before each step, as if the process had started anew.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings

from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.flow.group import FlowState, Group, Member, Settled, Step
from activity_core.core.flow.state_text import state_of, state_text

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
leisurely = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For machines that are busy with other things."""
StageStep = Callable[[FlowState, Sequence[Group], Collection[str], datetime], Step]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def seconds(length: float) -> timedelta:
    return timedelta(seconds=length)


def member(number: int, *, same_as: str = "", **fields) -> Member:
    """The event of that number; those that are the `same_as` something have one occurrence."""
    input_key = ids.occurrence_of_event("test", str(number))
    same = ids.occurrence_of_dedupe_key(same_as or str(number))
    fields["keys"] = {"seen": same, **fields.get("keys", {})}
    given: dict[str, Any] = {
        "event_key": ids.event_key("main", "test", str(number)),
        "received_at": START,
        "at": START,
        "version": 1,
        "occurrence_key": ids.occurrence_of_dedupe_key(same_as) if same_as else input_key,
    }
    return Member(input_key, **given | fields)


def one(number: int, **fields) -> Group:
    return Group((member(number, **fields),))


def inputs(groups: Iterable[Group]) -> list[str]:
    return [each.input_key for group in groups for each in group.members]


def final(settled: Iterable[Settled]) -> list[Settled]:
    return [item for item in settled if item.outcome is not Outcome.HELD]


def held(settled: Iterable[Settled]) -> list[str]:
    return inputs(item.group for item in settled if item.outcome is Outcome.HELD)


@dataclass
class Bench:
    """One stage with one state; `released` has what it let through, and when."""

    step: StageStep
    now: datetime = START
    text: str = "{}"
    wake_at: datetime | None = None
    released: list[tuple[datetime, Group]] = field(default_factory=list)
    settled: list[tuple[datetime, Settled]] = field(default_factory=list)

    @property
    def state(self) -> FlowState:
        return state_of(self.text)

    def feed(self, arrived: Sequence[Group] = (), ended: Collection[str] = ()) -> Step:
        before = self.state
        taken = self.step(before, arrived, ended, self.now)
        check_conservation(before, arrived, taken)
        check_liveness(taken, self.now)
        check_repetition(self.step, taken, self.now)
        self.text = state_text(taken.state)
        assert self.state == taken.state
        self.wake_at = taken.wake_at
        self.released += [(self.now, group) for group in taken.released]
        self.settled += [(self.now, item) for item in taken.settled]
        return taken

    def wait_until(self, then: datetime, *, punctual: bool = True) -> None:
        """Time passes; who is punctual wakes at every `wake_at`, who is not sleeps over them."""
        while punctual and self.wake_at is not None and self.wake_at <= then:
            self.now, before = self.wake_at, self.state
            taken = self.feed()
            assert taken.state != before, "woken for nothing"
        self.now = max(self.now, then)

    def drain(self) -> None:
        """Until time alone changes nothing any more."""
        for _ in range(10_000):
            if self.wake_at is None:
                return
            self.wait_until(self.wake_at)
        raise AssertionError("it never rests")

    def groups(self) -> list[list[str]]:
        return [inputs([group]) for _, group in self.released]


def check_conservation(before: FlowState, arrived: Sequence[Group], taken: Step) -> None:
    """Who waited or came waits, goes on, or is settled: one of them; who begins to wait is told."""
    waited = inputs(before.waiting)
    came = [key for key in inputs(arrived) if key not in waited]
    waits = inputs(taken.state.waiting)
    decided = inputs(item.group for item in final(taken.settled))
    outgoing = Counter(waits) + Counter(inputs(taken.released)) + Counter(decided)
    assert outgoing == Counter(dict.fromkeys([*waited, *came], 1))
    assert Counter(held(taken.settled)) == Counter(key for key in waits if key not in waited)
    assert all(item.reason for item in taken.settled)


def check_liveness(taken: Step, now: datetime) -> None:
    assert taken.wake_at is None or taken.wake_at > now
    if taken.state.waiting:
        assert taken.wake_at is not None or taken.state.running, "it would wait for ever"


def check_repetition(step: StageStep, taken: Step, now: datetime) -> None:
    """Nothing new, or the same again, changes nothing and decides nothing."""
    unmoved = replace(taken, released=[], settled=[], displaced=())
    for repeated in ((), taken.state.waiting):
        again = step(taken.state, repeated, (), now)
        assert replace(again, released=[*again.released], settled=[*again.settled]) == unmoved
