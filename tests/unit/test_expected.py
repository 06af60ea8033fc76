"""What is expected follows what was in force at the time, however late one asks."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.schedule.expected import Reign, expected_slots
from activity_core.core.schedule.settlement import ExpectedSlot
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec, SlotSource

START = datetime(2026, 1, 1, tzinfo=UTC)
PAUSED = "paused: for the move"


def every(minutes: int, **rest: object) -> ScheduleSpec:
    interval = IntervalSpec(timedelta(minutes=minutes))
    return ScheduleSpec((SlotSource(interval=interval, **rest),))  # type: ignore[arg-type]


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def expected(reigns: list[Reign], after: int, until: int) -> list[tuple[int, str]]:
    found = expected_slots(reigns, at(after), at(until))
    return [((slot.at - START) // timedelta(minutes=1), slot.blocked) for slot in found]


def test_nothing_is_expected_before_the_first_version():
    assert expected([], 0, 60) == []
    assert expected([Reign(at(25), every(10))], 0, 45) == [(30, ""), (40, "")]


def test_a_change_applies_to_what_comes_after_it():
    reigns = [Reign(at(0), every(10)), Reign(at(30), every(15))]
    assert expected(reigns, 0, 60) == [(10, ""), (20, ""), (30, ""), (45, ""), (60, "")]


def test_a_slot_of_the_new_schedule_at_the_change_itself_is_none():
    reigns = [Reign(at(0), None), Reign(at(30), every(30))]
    assert expected(reigns, 0, 60) == [(60, "")]


def test_a_pause_blocks_its_slots():
    reigns = [Reign(at(0), every(10)), Reign(at(15), every(10), PAUSED), Reign(at(35), every(10))]
    assert expected(reigns, 0, 40) == [(10, ""), (20, PAUSED), (30, PAUSED), (40, "")]


def test_a_retired_definition_expects_nothing():
    assert expected([Reign(at(0), every(10)), Reign(at(25), None)], 0, 60) == [(10, ""), (20, "")]


def test_several_changes_between_two_slots():
    reigns = [Reign(at(0), every(10)), Reign(at(12), every(7)), Reign(at(12), every(10))]
    assert expected(reigns, 0, 20) == [(10, ""), (20, "")]


def test_excluded_days_are_blocked():
    spec = every(12 * 60, excluded={date(2026, 1, 2): "2026-01-02"})
    found = list(expected_slots([Reign(START, spec)], START, START + timedelta(days=2)))
    assert [slot.blocked for slot in found] == [
        "",
        *["outside_validity: excluded, 2026-01-02"] * 2,
        "",
    ]
    paused = [Reign(START, spec, PAUSED)]
    first = next(expected_slots(paused, START, START + timedelta(days=2)))
    assert first == ExpectedSlot(at(12 * 60), PAUSED)


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.sampled_from([None, 3, 7, 10]), st.booleans()), max_size=5
    ).map(lambda reigns: sorted(reigns, key=lambda reign: reign[0])),
    st.lists(st.integers(0, 120), min_size=1, max_size=5).map(sorted),
)
def test_asking_in_pieces_gives_the_same(
    changes: list[tuple[int, int | None, bool]], cuts: list[int]
):
    reigns = [
        Reign(at(minute), every(length) if length else None, PAUSED if paused else "")
        for minute, length, paused in changes
    ]
    pieces = [
        slot
        for after, until in zip([0, *cuts], [*cuts, 120], strict=True)
        for slot in expected(reigns, after, until)
    ]
    assert pieces == expected(reigns, 0, 120)
