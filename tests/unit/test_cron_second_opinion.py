"""Cron expressions mean what cronsim, which follows Debian's cron, says they mean.

It differs knowingly in three things, which are left out here. It refuses ranges that end on Sunday
by name (`FRI-SUN`). A step without an end goes on to 7 in the field for weekdays, so that its `1/3`
has Sunday in it; ours ends at Saturday, as `*` does. It reads `5-5/2` as `5/2`; to Vixie's cron and
ours it is 5. Where clocks change it follows Debian's rules, so the comparison is in UTC.
"""

from datetime import UTC, datetime
from itertools import islice

from cronsim import CronSim, CronSimError
from hypothesis import assume, example, given
from hypothesis import strategies as st

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.schedule.slots import next_slots
from activity_core.core.schedule.spec import ScheduleSpec, SlotSource

COMPARED = 20
LAST_YEAR_COMPARED = 2060


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


def items(low: int, high: int, *, open_steps: bool = True) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    pairs = st.lists(number, min_size=2, max_size=2, unique=True)
    ranges = pairs.map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.integers(1, high).map(lambda step: f"/{step}")
    kinds = [
        numbers(low, high),
        ranges,
        st.builds(str.__add__, ranges, steps),
        st.builds(str.__add__, st.just("*"), steps),
    ]
    if open_steps:
        kinds.append(st.builds(str.__add__, numbers(low, high), steps))
    return st.one_of(kinds)


def fields(item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(item, min_size=1, max_size=3).map(",".join)


MONTHS = st.sampled_from(["JAN", "feb", "Jun", "DEC", "MAR-MAY", "Sep-NOV/2"])
WEEKDAYS = st.sampled_from(["SUN", "mon", "Wed", "MON-FRI", "tue-sat/2", "7", "5-7", "0-7/3"])
NTH = st.builds("{}#{}".format, st.sampled_from(["MON", "fri", "0", "7", "3"]), st.integers(1, 5))

expressions = st.tuples(
    fields(items(0, 59)),
    fields(items(0, 23)),
    fields(items(1, 31)),
    fields(items(1, 12) | MONTHS),
    fields(items(0, 6, open_steps=False) | WEEKDAYS | NTH),
).map(" ".join)
starts = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001 - aware next
    lambda start: start.replace(tzinfo=UTC, microsecond=0)
)


def ours(text: str, after: datetime) -> list[datetime]:
    source = SlotSource(calendars(parse_cron(text)))
    return [slot.at for slot in next_slots(ScheduleSpec((source,)), after, COMPARED)]


def theirs(text: str, after: datetime) -> list[datetime]:
    return list(islice(CronSim(text, after), COMPARED))


@given(expressions, starts)
@example("0 0 13 * FRI", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 */2 * MON", datetime(2026, 1, 1, tzinfo=UTC))  # `*/2` restricts nothing: and
@example("0 0 1-31/2 * MON", datetime(2026, 1, 1, tzinfo=UTC))  # or
@example("0 0 1 * */2", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 1 * MON#2", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 * * MON#2,FRI", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 29 2 *", datetime(2026, 1, 1, tzinfo=UTC))
def test_two_readers_agree(text: str, after: datetime):
    try:
        mine = ours(text, after)
    except ValueError:  # 30 February, which cronsim finds out in other ways
        assert never(text, after)
        return
    wanted = [slot for slot in mine if slot.year <= LAST_YEAR_COMPARED]
    assume(wanted)
    assert theirs(text, after)[: len(wanted)] == wanted


def never(text: str, after: datetime) -> bool:
    try:
        return theirs(text, after) == []
    except CronSimError:
        return True


@given(expressions)
def test_fields_of_weekdays_may_end_on_sunday_by_name(text: str):
    *others, _ = text.split()
    assume(others[2].startswith("*"))
    named, numbered = (" ".join([*others, days]) for days in ("FRI-SUN", "5-7"))
    assert calendars(parse_cron(named)) == calendars(parse_cron(numbered))
