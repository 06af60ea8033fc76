"""Cases: what a turn makes of a state, and when timers fire, whoever looks and whenever."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.case.case import Case
from activity_core.core.case.timers import TimerDue, due_timer, next_timer
from activity_core.core.case.turn import Turn, after, turn, version_for
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.errors import LimitExceededError

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEPT = Turn({}, is_ending=False)


def definition(**changes: Any) -> ActivityDefinition:
    return ActivityDefinition.model_validate(
        {
            "id": "follow",
            "lifecycle": "ongoing",
            "correlation": "event.data.order",
            "trigger": {"event": {"type": "order.*"}},
            "rules": [{"id": "r", "tasks": [{"id": "look", "human": {"title": "Look"}}]}],
        }
        | changes
    )


def case(**changes: Any) -> Case:
    return replace(Case("case-1", "follow", '"o"', 1, 1, T0, T0), **changes)


def deep_enough(state: Any, levels: int) -> Any:
    for _ in range(levels):
        state = {"was": state}
    return state


def came(type_: str = "order.paid", **data: Any) -> Occurrence:
    event = EventEnvelope(id="1", source="/shop", type=type_, data={"order": "o", **data})
    return Occurrence("e.1", TriggerKind.EVENT, event=event, events=[event])


def fired(name: str) -> Occurrence:
    return Occurrence("t.1", TriggerKind.TIMER, timer=name)


def test_a_case_begins_with_the_initial_state():
    follow = definition(state={"initial": {"n": 1}, "update": '{"n": state.n + 1}'})
    assert turn(follow, None, came()) == Turn({"n": 2}, is_ending=False)
    assert turn(follow, {"n": 5}, came()) == Turn({"n": 6}, is_ending=False)


def test_without_an_update_the_state_stays():
    follow = definition(state={"initial": {"n": 1}})
    assert turn(follow, None, came()).state == {"n": 1}


def test_the_end_is_asked_of_the_state_after_the_update():
    follow = definition(state={"update": '{"paid": true}'}, ends_when="state.paid")
    assert turn(follow, None, came()).is_ending


def test_an_update_sees_which_timer_fired_and_an_event_without_a_type():
    follow = definition(state={"update": '{"timer": timer, "type": event.type}'})
    assert turn(follow, None, fired("late")).state == {"timer": "late", "type": ""}
    assert turn(follow, None, came()).state == {"timer": "", "type": "order.paid"}


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"state": {"update": "[1]"}}, ExpressionError, "state.update: must be a map"),
        ({"state": {"update": '{"n": event.data.none}'}}, ExpressionError, "state.update: "),
        ({"ends_when": "state.none"}, ExpressionError, "ends_when: "),
        ({"ends_when": "'yes'"}, ExpressionError, "ends_when: "),
        (
            {"state": {"update": '{"text": event.data.text + event.data.text}'}},
            LimitExceededError,
            "over the limit of 65536",
        ),
    ],
)
def test_what_cannot_be_a_state(changes: Any, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        turn(definition(**changes), None, came(text="x" * 40_000))


def test_a_state_that_wraps_itself_again_and_again_is_refused():
    follow = definition(state={"update": '{"was": state}'})
    now: Any = {}
    for _ in range(50):
        now = turn(follow, now, came()).state
    deep: Any = {}
    for _ in range(2_000):
        deep = {"was": deep}
    for state in (deep, deep_enough(now, 64)):
        with pytest.raises((LimitExceededError, ExpressionError)):
            turn(follow, state, came())


@pytest.mark.parametrize(
    ("state", "matched", "migrate", "takes"),
    [
        (None, 3, "pinned", 3),
        ({}, 3, "pinned", 2),
        ({}, 3, "newest", 3),
        ({}, 1, "newest", 2),
    ],
)
def test_the_newer_version_says_whether_open_cases_come_to_it(
    state: Any, matched: int, migrate: str, takes: int
):
    assert version_for(case(state=state, version=2), definition(migrate=migrate), matched) == takes


def test_a_failed_turn_leaves_the_state_but_it_came():
    now = after(case(state={"n": 1}), came(), T0 + MINUTE, None)
    assert (now.state, now.last_event_at, now.taken) == ({"n": 1}, T0 + MINUTE, 1)


def test_a_timer_fires_once_unless_it_repeats():
    once = definition(timers={"t": {"after": "1m", "since": "opened"}})
    assert next_timer(once, case()) == TimerDue("t", T0 + MINUTE)
    gone = after(case(), fired("t"), T0 + MINUTE, KEPT)
    assert next_timer(once, gone) is None
    again = definition(timers={"t": {"after": "1m", "since": "opened", "repeat": True}})
    assert next_timer(again, gone) == TimerDue("t", T0 + 2 * MINUTE)


def test_an_event_winds_up_a_timer_of_silence():
    quiet = definition(timers={"t": {"after": "5m"}})
    now = after(case(), came(), T0 + 3 * MINUTE, KEPT)
    assert next_timer(quiet, now) == TimerDue("t", T0 + 8 * MINUTE)
    now = after(now, fired("t"), T0 + 8 * MINUTE, KEPT)
    assert next_timer(quiet, now) is None
    now = after(now, came(), T0 + 8 * MINUTE, KEPT)
    assert next_timer(quiet, now) == TimerDue("t", T0 + 13 * MINUTE)


def test_a_repeating_timer_makes_up_for_what_it_missed_at_once():
    again = definition(timers={"t": {"after": "1m", "repeat": True}})
    assert due_timer(again, case(), T0 + 59 * timedelta(seconds=1)) is None
    assert due_timer(again, case(), T0 + 10.5 * MINUTE) == TimerDue("t", T0 + 10 * MINUTE)


def test_an_event_that_is_found_late_does_not_turn_the_clock_back():
    quiet = definition(timers={"t": {"after": "5m"}})
    now = after(case(), fired("t"), T0 + 5 * MINUTE, KEPT)
    now = after(now, came(), T0 + MINUTE, KEPT)
    assert now.last_event_at == T0 + 5 * MINUTE
    assert next_timer(quiet, now) == TimerDue("t", T0 + 10 * MINUTE)


def test_an_old_instant_that_is_retried_does_not_wind_a_timer_back():
    again = definition(timers={"t": {"after": "1m", "repeat": True}})
    now = after(case(fired={"t": T0 + 5 * MINUTE}), fired("t"), T0 + MINUTE, KEPT)
    assert next_timer(again, now) == TimerDue("t", T0 + 6 * MINUTE)


@dataclass
class Keeper:
    """Takes turns as `services.case_turns` does; `told` is what happened, in order."""

    definition: ActivityDefinition
    case: Case
    told: list[tuple[str, datetime]]

    def look(self, queued: Sequence[datetime], now: datetime) -> None:
        waiting = list(queued)
        while True:
            until = min([now, *waiting[:1]])
            due = due_timer(self.definition, self.case, until)
            if due is not None:
                occurrence, at = fired(due.name), due.at
            elif waiting:
                occurrence, at = came(), waiting.pop(0)
            else:
                return
            self.told.append((occurrence.timer, at))
            self.case = after(self.case, occurrence, at, KEPT)


instants = st.integers(0, 500).map(lambda n: T0 + n * timedelta(seconds=10))
timers = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.fixed_dictionaries(
        {
            "after": st.integers(1, 3_000).map(lambda n: f"{n}s"),
            "since": st.sampled_from(["opened", "last_event"]),
        }
    ),
)


@given(events=st.lists(instants, max_size=12).map(sorted), timers=timers, looks=st.sets(instants))
def test_what_happens_does_not_depend_on_when_somebody_looks(
    events: list[datetime], timers: Any, looks: set[datetime]
):
    end = T0 + timedelta(days=1)
    follow = definition(timers=timers)
    late, prompt = Keeper(follow, case(), []), Keeper(follow, case(), [])
    late.look(events, end)
    seen = 0
    for look in [*sorted(looks), end]:
        there = sum(at <= look for at in events)
        prompt.look(events[seen:there], look)
        seen = there
    assert prompt.told == late.told
    assert prompt.case == late.case
    assert [at for timer, at in late.told if not timer] == events
    assert next_timer(follow, late.case) is None


@given(events=st.lists(instants, max_size=12).map(sorted), looks=st.sets(instants, max_size=20))
def test_a_repeating_timer_never_fires_twice_for_an_instant(
    events: list[datetime], looks: set[datetime]
):
    follow = definition(timers={"t": {"after": "45s", "since": "opened", "repeat": True}})
    keeper = Keeper(follow, case(), [])
    for look in sorted(looks):
        keeper.look([at for at in events if at == look], look)
    found = [at for timer, at in keeper.told if timer]
    assert found == sorted(set(found))
    assert all((at - T0) % timedelta(seconds=45) == timedelta() for at in found)
