"""What time does to a human task, step by step: instants injected, every boundary."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.human_task import HumanTask
from activity_core.core.human.chain import Moment, Taken, step
from activity_core.core.human.clock import ChainStep, chain_of, clock_of
from activity_core.core.human.log import Action
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.task import TaskClock, TaskInstance, TaskStatus

START = datetime(2026, 11, 20, 9, tzinfo=UTC)  # a Friday
TINY = timedelta(microseconds=1)
HOUR = timedelta(hours=1)

FULL = {
    "due": "2h",
    "follow_up": "30m",
    "remind": ["1h", "3h", "5h"],
    "reassign": {"after": "2h", "to": {"user": "ann"}},
    "escalate": {"after": "4h", "to": {"group": "leads"}},
    "expire": {"after": "6h", "outcome": "rejected"},
}
RENDERED: dict[str, Any] = {
    "reassign": [{"user": "ann", "groups": []}],
    "escalate": [{"user": None, "groups": ["leads"]}],
}
ORDER = [
    Action.REMINDED,
    Action.REASSIGNED,
    Action.REMINDED,
    Action.ESCALATED,
    Action.REMINDED,
    Action.EXPIRED,
]


def human(**words: Any) -> HumanTask:
    return HumanTask.model_validate({"title": "T"} | words)


def task(of: HumanTask, **changes: Any) -> TaskInstance:
    named = ("task-1", "run-1", "d", 1, "r", "t", 0, TaskKind.HUMAN, "T", TaskStatus.READY)
    made = TaskInstance(*named, dict(RENDERED), groups=("desk",), ready_at=START, run_attempt=2)
    return replace(made, clock=clock_of(of, START, {}), **changes)


def moment(after: timedelta) -> Moment:
    return Moment(START + after, "test")


def take(of: HumanTask, at: TaskInstance, after: timedelta) -> list[Taken]:
    return step(of, at, {}, moment(after))


def actions(taken: Sequence[Taken]) -> list[Action]:
    return [each.entry.action for each in taken]


def test_the_clock_of_a_task():
    assert clock_of(human(**FULL), START, {}) == TaskClock(
        START + 2 * HOUR, START + HOUR / 2, START + HOUR, 0
    )
    assert clock_of(human(), START, {}) == TaskClock()
    assert clock_of(human(expire={"after": "0s"}), START, {}).wake_at == START


def test_each_step_in_its_time_and_none_before():
    of = human(**FULL)
    now = task(of)
    for hour, action in enumerate(ORDER, start=1):
        assert now.clock.wake_at == START + hour * HOUR
        assert take(of, now, hour * HOUR - TINY) == []
        [taken] = take(of, now, hour * HOUR)
        assert (taken.entry.action, taken.entry.at) == (action, START + hour * HOUR)
        assert taken.task.revision == now.revision + 1
        now = taken.task
    assert now.clock.wake_at is None
    assert now.clock.due_at == START + 2 * HOUR
    assert take(of, now, 99 * HOUR) == []


def test_at_the_same_instant_in_this_order():
    of = human(
        remind=["1h"],
        reassign={"after": "1h", "to": {"user": "ann"}},
        escalate={"after": "1h", "to": {"group": "leads"}},
        expire={"after": "1h"},
    )
    taken = take(of, task(of), HOUR)
    in_order = [Action.REMINDED, Action.REASSIGNED, Action.ESCALATED, Action.EXPIRED]
    assert actions(taken) == in_order


def test_a_task_is_handed_over_and_nobody_has_it():
    of = human(reassign={"after": "1h", "to": {"user": "ann"}})
    claimed = task(of, status=TaskStatus.CLAIMED, claimed_by="bob", assignee="bob")
    [taken] = take(of, claimed, HOUR)
    after = taken.task
    assert (after.status, after.claimed_by) == (TaskStatus.READY, None)
    assert (after.assignee, list(after.groups)) == ("ann", [])
    assert taken.entry.data == {"assignee": "ann", "groups": []}
    assert taken.announcement.type == "activity-core.task.reassigned.v1"


def test_an_escalation_adds_groups_and_frees_the_task():
    of = human(escalate={"after": "1h", "to": {"group": "leads"}})
    claimed = task(of, status=TaskStatus.CLAIMED, claimed_by="bob", assignee="bob")
    [taken] = take(of, claimed, HOUR)
    after = taken.task
    assert (after.status, after.claimed_by, after.assignee) == (TaskStatus.READY, None, None)
    assert list(after.groups) == ["desk", "leads"]
    assert taken.entry.data == {"assignee": None, "groups": ["desk", "leads"]}
    assert taken.announcement.type == "activity-core.task.escalated.v1"


def test_a_reminder_leaves_the_task_to_who_has_it():
    of = human(remind="1h")
    claimed = task(of, status=TaskStatus.CLAIMED, claimed_by="bob")
    [taken] = take(of, claimed, HOUR)
    clock = replace(claimed.clock, step=1, wake_at=None)
    assert taken.task == replace(claimed, clock=clock, revision=1)
    assert taken.announcement.type == "activity-core.task.reminded.v1"
    assert (taken.entry.by, taken.entry.data) == ("activity-core", {})


@pytest.mark.parametrize("outcome", [None, "rejected"])
def test_nobody_did_it(outcome: str | None):
    of = human(expire={"after": "1h", "outcome": outcome})
    [taken] = take(of, task(of), HOUR)
    result = taken.task.result
    assert result is not None
    assert (taken.task.status, result.status) == (TaskStatus.EXPIRED, TaskStatus.EXPIRED)
    assert result.outcome == (outcome or "expired")
    assert taken.task.clock.wake_at is None
    assert taken.entry.data == {"outcome": outcome or "expired", "outputs": None}
    assert taken.announcement.type == "activity-core.task.cancelled.v1"


def test_after_an_outage_reminders_become_one_and_the_rest_is_taken_in_turn():
    of = human(**FULL)
    assert actions(take(of, task(of), 4 * HOUR)) == [
        Action.REASSIGNED,
        Action.REMINDED,
        Action.ESCALATED,
    ]
    taken = take(of, task(of), 9 * HOUR)
    assert actions(taken) == [
        Action.REASSIGNED,
        Action.ESCALATED,
        Action.REMINDED,
        Action.EXPIRED,
    ]
    assert [each.task.revision for each in taken] == [1, 2, 3, 4]
    assert list(taken[1].task.groups) == ["leads"]


def test_going_on_after_an_outage():
    of = human(**FULL)
    late = take(of, task(of), 4 * HOUR)[-1].task
    assert (late.clock.step, late.clock.wake_at) == (4, START + 5 * HOUR)
    assert actions(take(of, late, 5 * HOUR)) == [Action.REMINDED]


def test_what_comes_after_the_end_is_not_taken():
    of = human(remind=["1h", "9h"], expire={"after": "2h"})
    taken = take(of, task(of), 99 * HOUR)
    assert taken[-1].task.status is TaskStatus.EXPIRED
    assert actions(take(of, taken[-1].task, 99 * HOUR)) == []
    now = take(of, task(of), HOUR)[-1].task
    assert now.clock.wake_at == START + 2 * HOUR
    assert actions(take(of, now, 2 * HOUR)) == [Action.EXPIRED]


def test_a_reminder_that_was_missed_before_the_end_is_not_lost_to_one_after_it():
    of = human(remind=["1h", "9h"], expire={"after": "2h"})
    assert actions(take(of, task(of), 99 * HOUR)) == [Action.REMINDED, Action.EXPIRED]


@pytest.mark.parametrize(
    "status", sorted(set(TaskStatus) - {TaskStatus.READY, TaskStatus.CLAIMED}), ids=str
)
def test_only_what_waits_for_people_is_kept(status: TaskStatus):
    of = human(**FULL)
    assert take(of, task(of, status=status), 99 * HOUR) == []


def test_announcements_of_the_same_kind_have_ids_of_their_own():
    of = human(remind=["1h", "2h"])
    [first] = take(of, task(of), HOUR)
    [again] = take(of, task(of), HOUR)
    [second] = take(of, first.task, 2 * HOUR)
    assert first.announcement == again.announcement
    assert first.announcement.event_id != second.announcement.event_id


def test_a_calendar_that_changes_moves_what_is_left():
    of = human(expire={"after": {"business_days": 1, "calendar": "office"}})
    now = task(of)
    assert now.clock.wake_at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    closed = {"office": Calendar.model_validate({"id": "office", "days": ["2026-11-23"]})}
    assert clock_of(of, START, closed).wake_at == datetime(2026, 11, 24, 9, tzinfo=UTC)
    # What it was woken for is taken all the same, or it would be woken for nothing for ever.
    [taken] = step(of, now, closed, moment(timedelta(days=3)))
    assert taken.entry.action is Action.EXPIRED


def test_the_end_comes_however_calendars_move_what_is_before_it():
    of = human(
        remind={"business_days": 2, "calendar": "office"},
        expire={"after": "5d"},
    )
    closed = {"office": Calendar.model_validate({"id": "office", "days": ["2026-11-24"]})}
    now = take(of, task(of), timedelta(days=4))[-1].task
    [end] = step(of, now, closed, moment(timedelta(days=5)))
    assert end.entry.action is Action.EXPIRED


hours = st.integers(0, 12).map(lambda n: f"{n}h")
handovers = st.lists(
    st.builds(
        lambda after, to: {"after": after, "to": {"group": to}}, hours, st.sampled_from("ab")
    ),
    max_size=4,
)
humans = st.builds(
    lambda remind, reassign, escalate, expire: human(
        remind=remind,
        reassign=reassign,
        escalate=escalate,
        expire=None if expire is None else {"after": expire},
    ),
    st.lists(hours, max_size=4),
    handovers,
    handovers,
    st.none() | hours,
)


def rendered(of: HumanTask) -> dict[str, Any]:
    return {
        "reassign": [{"user": None, "groups": list(each.to.all_groups)} for each in of.reassign],
        "escalate": [{"user": None, "groups": list(each.to.all_groups)} for each in of.escalate],
    }


def until_the_end(chain: Sequence[ChainStep]) -> list[ChainStep]:
    ends = [at for at, each in enumerate(chain) if each.action is Action.EXPIRED]
    return list(chain[: ends[0] + 1]) if ends else list(chain)


@given(humans, st.lists(st.integers(0, 14), max_size=6))
def test_however_often_it_is_looked_at_everything_is_done_once(of: HumanTask, looks: list[int]):
    now = task(of, inputs=rendered(of))
    all_ = until_the_end(chain_of(of, START, {}))
    done: list[Taken] = []
    for hour in sorted([*looks, 99]):
        taken = take(of, now, hour * HOUR)
        done += taken
        now = taken[-1].task if taken else now
        last = [each for each in all_ if each.at <= START + hour * HOUR]
        assert now.clock.wake_at is None or now.clock.wake_at > START + hour * HOUR
        assert bool(taken) <= bool(last)
    kept = [action for action in actions(done) if action is not Action.REMINDED]
    assert kept == [each.action for each in all_ if each.action is not Action.REMINDED]
    planned = sum(each.action is Action.REMINDED for each in all_)
    assert bool(planned) <= actions(done).count(Action.REMINDED) <= planned
    assert now.clock.wake_at is None
    assert (now.status is TaskStatus.EXPIRED) == (of.expire is not None)


@given(humans)
def test_in_time_nothing_is_left_out(of: HumanTask):
    now = task(of, inputs=rendered(of))
    done: list[Taken] = []
    while now.clock.wake_at is not None:
        taken = take(of, now, now.clock.wake_at - START)
        now = taken[-1].task
        done += taken
    expected = until_the_end(chain_of(of, START, {}))
    same_instant = [
        each
        for each, next_ in zip(expected, [*expected[1:], None], strict=False)
        if each.action is not Action.REMINDED
        or next_ is None
        or (next_.at, next_.action) != (each.at, each.action)
    ]
    assert actions(done) == [each.action for each in same_instant]
