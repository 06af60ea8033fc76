"""Composites against oracles that try everything, on virtual time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from time import perf_counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.composites import START, Key, absent, config, count, event

from activity_core.core.definition.composite import CompositeTriggerConfig
from activity_core.core.flow.group import FlowState, Member
from activity_core.core.flow.state_text import state_of, state_text

WITHIN = 4
NAMES = ["a", "b", "c"]
thorough = settings(max_examples=200, deadline=None)

Arrivals = list[tuple[float, Member]]


def wholes_of() -> st.SearchStrategy[CompositeTriggerConfig]:
    kinds: list[CompositeTriggerConfig] = [
        config(all_of=NAMES, within="4s"),
        config(all_of=NAMES[:2], within="4s"),
        config(sequence=NAMES, within="4s"),
        config(sequence=NAMES[:2], within="4s"),
        config(any_of=NAMES, within="4s"),
        config(any_of=NAMES, within="4s", at_least=2),
        count(2, within="4s"),
        count(3, within="4s"),
    ]
    return st.sampled_from(kinds)


@st.composite
def arrivals(draw: st.DrawFn, parts: Sequence[str], most: int = 9) -> Arrivals:
    """At rising times, never just when another's time is over; their own times are anywhere."""
    now, found = 0.0, []
    for number in range(draw(st.integers(0, most))):
        now += draw(st.sampled_from([0, 0.5, 1, 1, 2, 3])) + 1 / 64
        off = draw(st.sampled_from([0, 0, 0, -1, -2, -3, -30, 1, 7]))
        may_be = draw(st.sets(st.sampled_from(parts), min_size=1, max_size=2))
        found.append((now, event(str(number), " ".join(sorted(may_be)), round(now) + off)))
    return found


def names_of(trigger: CompositeTriggerConfig) -> list[str]:
    return [name for name, _ in trigger.parts]


def is_whole(trigger: CompositeTriggerConfig, events: Sequence[Member]) -> bool:
    """Whether these events, each as the part of its place, are a whole."""
    if max(e.at for e in events) - min(e.at for e in events) > trigger.within:
        return False
    return trigger.sequence_ is None or list(events) == sorted(events, key=lambda e: e.at)


def choices(
    trigger: CompositeTriggerConfig, pool: Sequence[Member]
) -> Iterator[tuple[Member, ...]]:
    """All wholes that the pool has, by trying everything."""
    names = names_of(trigger)
    size = len(names)
    if trigger.count_ is not None:
        names = names * trigger.count_.at_least
        size = len(names)
    if trigger.any_of_ is not None:
        size = trigger.at_least or 1
    for wanted in permutations(names, size) if trigger.any_of_ else [names]:
        for events in permutations(pool, size):
            fits = all(name in e.parts for name, e in zip(wanted, events, strict=True))
            if fits and is_whole(trigger, events):
                yield events


@dataclass
class Oracle:
    """What is held, kept as lists; it says what may fire, and takes over what did."""

    trigger: CompositeTriggerConfig
    pool: list[tuple[Member, float]] = field(default_factory=list)
    runs: list[tuple[Sequence[Member], float]] = field(default_factory=list)

    def check(self, now: float, came: Member, fired: Sequence[Sequence[Member]]) -> None:
        own = (came.at - START).total_seconds()
        until = max(now, min(own, now + WITHIN)) + WITHIN
        self.pool = [(each, end) for each, end in self.pool if end >= now]
        self.runs = [(run, end) for run, end in self.runs if end >= now]
        if any(self._near(run, came) for run, _ in self.runs):
            assert not fired
            return
        self.pool.append((came, until))
        possible = list(choices(self.trigger, [each for each, _ in self.pool]))
        assert len(fired) == bool(possible)
        for run in fired:
            assert came in run
            assert sorted(run, key=_name) in [sorted(each, key=_name) for each in possible]
            assert run[0].at == min(min(e.at for e in each) for each in possible)
            assert list(run) == sorted(run, key=lambda e: e.at)
            self.pool = [(each, end) for each, end in self.pool if each not in run]
            if self.trigger.any_of_:
                self.runs.append((run, until))
                self.pool = [item for item in self.pool if not self._near(run, item[0])]

    def _near(self, run: Sequence[Member], event: Member) -> bool:
        return all(abs(each.at - event.at) <= self.trigger.within for each in run)


def _name(member: Member) -> str:
    return member.input_key


@thorough
@given(st.data(), wholes_of())
def test_fires_exactly_when_a_whole_is_there(data: st.DataObject, trigger: CompositeTriggerConfig):
    key, oracle = Key(trigger), Oracle(trigger)
    for now, came in data.draw(arrivals(names_of(trigger), 7)):
        key.wake(now)
        step = key.at(now, came)
        oracle.check(now, came, [run.members for run in step.released])
        assert all(run.leader is came for run in step.released)
        assert [g.leader for g in key.state.waiting] == [e for e, end in oracle.pool if end > now]
    ends(key)


def ends(key: Key) -> None:
    """Left alone, all is decided, nothing is kept, and nobody is woken again."""
    key.wake()
    assert key.state == FlowState()
    assert set(key.outcomes()) == {name[2:] for name in key.came}
    assert "held" not in key.outcomes().values()


ALL_KINDS = st.one_of(
    wholes_of(), st.sampled_from([absent(within="4s"), absent(after=False, within="4s")])
)


@thorough
@given(st.data(), ALL_KINDS)
def test_when_it_is_woken_and_kept_in_the_store_makes_no_difference(
    data: st.DataObject, trigger: CompositeTriggerConfig
):
    came = data.draw(arrivals(names_of(trigger)))
    wakes = data.draw(st.lists(st.floats(0.01, 30), max_size=8))
    punctual = Key(trigger).feed(came).wake()
    disturbed = Key(trigger)
    for now, events in sorted(
        [*((now, [e]) for now, e in came), *((now, []) for now in wakes)], key=lambda item: item[0]
    ):
        disturbed.state = state_of(state_text(disturbed.state))
        disturbed.at(now, *events)
    disturbed.wake()
    assert disturbed.outcomes() == punctual.outcomes()
    assert disturbed.fired() == punctual.fired()
    ends(disturbed)


@thorough
@given(st.data(), ALL_KINDS)
def test_a_step_twice_is_a_step_once(data: st.DataObject, trigger: CompositeTriggerConfig):
    key = Key(trigger)
    for now, came in data.draw(arrivals(names_of(trigger))):
        key.at(now, came)
        before, wake_at = key.state, key.wake_at
        step = key.at(now)
        assert (step.released, step.settled) == ([], [])
        assert (key.state, key.wake_at) == (before, wake_at)


@given(st.data(), st.sampled_from(["all_of", "sequence", "count"]))
def test_one_whole_fires_once_and_alike_in_any_order(data: st.DataObject, kind: str):
    times = sorted(data.draw(st.lists(st.integers(0, WITHIN), min_size=3, max_size=3)))
    trigger = count(3, within="4s") if kind == "count" else config(**{kind: NAMES}, within="4s")
    names = ["t"] * 3 if kind == "count" else NAMES
    events = [
        event(name + str(n), name, at)
        for n, (name, at) in enumerate(zip(names, times, strict=True))
    ]
    came = data.draw(st.permutations(events))
    key = Key(trigger).feed([(WITHIN + n, each) for n, each in enumerate(came)]).wake()
    assert [run.occurrence_key for run in key.runs] == [
        Key(trigger).feed([(WITHIN, each) for each in events]).runs[0].occurrence_key
    ]
    assert key.runs[0].leader is came[-1]


@given(st.data())
def test_in_one_window_as_many_fire_as_there_are_of_the_rarest_part(data: st.DataObject):
    parts = data.draw(st.lists(st.sampled_from(NAMES), max_size=12))
    events = [event(str(n), name, n % WITHIN) for n, name in enumerate(parts)]
    key = Key(config(all_of=NAMES, within="4s")).feed([(WITHIN, each) for each in events])
    assert len(key.runs) == min(parts.count(name) for name in NAMES)


@thorough
@given(arrivals(["x", "y"]))
def test_absences_are_what_was_not_answered(came: Arrivals):
    def until(now: float, each: Member) -> float:
        return max(now, min((each.at - START).total_seconds(), now + WITHIN)) + WITHIN

    def answers(asked: tuple[float, Member], answer: tuple[float, Member]) -> bool:
        (asked_at, y), (answered_at, x) = asked, answer
        if x is y or "x" not in x.parts or not 0 <= (x.at - y.at).total_seconds() <= WITHIN:
            return False
        before = came.index(answer) < came.index(asked)
        return asked_at <= until(answered_at, x) if before else answered_at <= until(asked_at, y)

    expected = {
        y.input_key[2:]: until(now, y)
        for now, y in came
        if "y" in y.parts and not any(answers((now, y), each) for each in came)
    }
    key = Key(absent(within="4s")).feed(came).wake()
    assert dict(zip(key.fired(), key.run_at, strict=True)) == expected
    ends(key)


@thorough
@given(arrivals(["x"]))
def test_silences_are_what_lies_between_heartbeats(came: Arrivals):
    expected: list[tuple[str, float]] = []
    chain: list[tuple[float, Member]] = []
    for now, each in [*came, (1e9, None)]:
        if chain and now > (end := max(until for until, _ in chain)):
            last = max((m for _, m in chain), key=lambda m: (m.at, m.input_key))
            expected.append((last.input_key[2:], end))
            chain = []
        if each is not None:
            own = (each.at - START).total_seconds()
            chain.append((max(now, min(own, now + WITHIN)) + WITHIN, each))
    key = Key(absent(after=False, within="4s")).feed(came).wake()
    assert list(zip(key.fired(), key.run_at, strict=True)) == expected
    ends(key)


def test_a_stream_that_is_never_complete_is_cheap():
    key = Key(config(all_of=NAMES, within="1h"))
    batch = [event(str(n), "a b" if n % 2 else "b", n / 10) for n in range(1_500)]
    started = perf_counter()
    for first in range(0, len(batch), 100):
        key.at(first, *batch[first : first + 100])
    assert perf_counter() - started < 30
