"""Cron text is read as Vixie's cron reads it, and its calendars say the same."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.definition.cron import CronExpression, parse_cron
from activity_core.core.definition.wall_calendar import CalendarSpec, Range, calendars

ALL_DAYS = set(range(1, 32))
ALL_WEEKDAYS = set(range(7))


def values(ranges: tuple[Range, ...]) -> set[int]:
    return {value for part in ranges for value in part.values()}


def test_reads_names_ranges_steps_and_lists() -> None:
    cron = parse_cron("*/20,5 8-10/2,22 1,15 JAN,jul-Sep MON-FRI")
    assert cron == CronExpression(
        minutes=frozenset({0, 5, 20, 40}),
        hours=frozenset({8, 10, 22}),
        days_of_month=frozenset({1, 15}),
        months=frozenset({1, 7, 8, 9}),
        days_of_week=frozenset({1, 2, 3, 4, 5}),
        nth_weekdays=frozenset(),
        restricts_day_of_month=True,
        restricts_day_of_week=True,
    )


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("7", {0}),
        ("0-7", ALL_WEEKDAYS),
        ("5-7", {5, 6, 0}),
        ("FRI-SUN", {5, 6, 0}),
        ("SUN-TUE", {0, 1, 2}),
        ("*/2", {0, 2, 4, 6}),
        ("1/3", {1, 4}),
        ("SUN,7,0", {0}),
    ],
)
def test_sunday_is_0_and_7(field: str, meant: set[int]) -> None:
    assert parse_cron(f"0 0 * * {field}").days_of_week == meant


@pytest.mark.parametrize(
    ("macro", "text"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@Weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        (" @annually ", "0 0 1 1 *"),
    ],
)
def test_macros(macro: str, text: str) -> None:
    assert parse_cron(macro) == parse_cron(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("60 * * * *", "minute `60`: `60` is not from 0 to 59"),
        ("* 24 * * *", "hour `24`"),
        ("* * 0 * *", "day-of-month `0`: `0` is not from 1 to 31"),
        ("* * * 13 *", "month `13`"),
        ("* * * MAI *", "month `MAI`: `MAI` is not a number from 1 to 12, or names like JAN"),
        ("* * * * 8", "day-of-week `8`"),
        ("* * * * MON-", "day-of-week `MON-`"),
        ("1,,2 * * * *", "minute ``"),
        ("*/0 * * * *", "minute `*/0`: a step must be at least 1"),
        ("1-2-3 * * * *", "minute `1-2-3`"),
        ("*-5 * * * *", "minute `*-5`"),
        ("٣ * * * *", "minute `٣`"),
        ("* 22-4 * * *", "hour `22-4`: the range runs backwards"),
        ("* * * * MON#6", "day-of-week `MON#6`: write one day and a week from 1 to 5"),
        ("* * * * MON-FRI#2", "day-of-week `MON-FRI#2`"),
        ("* * * * 8#2", "day-of-week `8#2`: `8` is not from 0 to 7"),
        ("* * 1#2 * *", "day-of-month `1#2`"),
        ("0 0 L * *", "day-of-month `L`"),
        ("0 0 ? * *", "day-of-month `?`"),
        ("0 0 15W * *", "day-of-month `15W`"),
        ("0 0 * * 5L", "day-of-week `5L`"),
        ("* * * *", "found 4"),
        ("0 0 * * * *", "no seconds, no years), found 6"),
        ("", "found 0"),
        ("@reboot", "@reboot names no time"),
        ("@every 5m", "`interval: {every: …}`"),
        ("@fortnightly", "unknown macro"),
        ("TZ=UTC 0 0 * * *", "`timezone`"),
        ("CRON_TZ=Europe/Berlin 0 0 * * *", "`timezone`"),
    ],
)
def test_each_error_names_the_field(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the next line is exact
        parse_cron(text)
    assert reason in str(error.value)


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 2 */1"])
def test_a_date_that_never_comes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no such date"):
        calendars(parse_cron(text))


def test_the_day_that_never_comes_is_dropped_from_an_or() -> None:
    assert calendars(parse_cron("0 0 30 2 MON")) == calendars(parse_cron("0 0 * 2 MON"))


def test_either_day_makes_two_calendars() -> None:
    by_date, by_weekday = calendars(parse_cron("0 0 13 * FRI"))
    assert (values(by_date.day_of_month), values(by_date.day_of_week)) == ({13}, ALL_WEEKDAYS)
    assert (values(by_weekday.day_of_month), values(by_weekday.day_of_week)) == (ALL_DAYS, {5})


def test_a_field_that_starts_with_a_star_does_not_restrict() -> None:
    (only,) = calendars(parse_cron("0 0 */2 * MON"))
    assert (values(only.day_of_month), values(only.day_of_week)) == (set(range(1, 32, 2)), {1})


def test_second_monday() -> None:
    (only,) = calendars(parse_cron("0 0 * * MON#2"))
    assert (values(only.day_of_month), values(only.day_of_week)) == (set(range(8, 15)), {1})


def test_second_monday_or_friday_or_the_first() -> None:
    found = [
        (values(c.day_of_month), values(c.day_of_week))
        for c in calendars(parse_cron("0 0 1 * MON#2,FRI"))
    ]
    assert found == [({1}, ALL_WEEKDAYS), (ALL_DAYS, {5}), (set(range(8, 15)), {1})]


def test_regular_numbers_are_one_range() -> None:
    (spec,) = calendars(parse_cron("*/15 0,8-11,20,23 * * *"))
    assert spec.minute == (Range(0, 45, 15),)
    assert spec.hour == (Range(0, 0), Range(8, 11), Range(20, 20), Range(23, 23))


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    a_range = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, high).map(lambda step: f"/{step}")
    item = st.one_of(
        number.map(str), a_range, st.just("*"), st.builds("{}{}".format, a_range, step),
        step.map(lambda text: f"*{text}"),
    )  # fmt: skip
    return st.lists(item, min_size=1, max_size=3).map(",".join)


weekday = st.one_of(
    field(0, 7), st.builds("{}#{}".format, st.sampled_from(["MON", "sun", "7"]), st.integers(1, 5))
)


def vixie_matches(cron: CronExpression, day: date) -> bool:
    """The rule as cron's manual says it, without calendars."""
    by_date = day.day in cron.days_of_month
    weekday = day.isoweekday() % 7
    by_weekday = weekday in cron.days_of_week or (weekday, (day.day + 6) // 7) in cron.nth_weekdays
    if cron.restricts_day_of_month and cron.restricts_day_of_week:
        by_day = by_date or by_weekday
    else:
        by_day = by_date and by_weekday
    return by_day and day.month in cron.months


def covers(calendar: CalendarSpec, day: date) -> bool:
    return (
        day.day in values(calendar.day_of_month)
        and day.month in values(calendar.month)
        and day.isoweekday() % 7 in values(calendar.day_of_week)
    )


@given(
    st.builds(
        "{} {} {} {} {}".format, field(0, 59), field(0, 23), field(1, 31), field(1, 12), weekday
    )
)
def test_calendars_say_what_the_text_says(text: str) -> None:
    cron = parse_cron(text)
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(1500)]
    wanted = [day for day in days if vixie_matches(cron, day)]
    try:
        found = calendars(cron)
    except ValueError:
        assert not wanted
        return
    assert [day for day in days if any(covers(calendar, day) for calendar in found)] == wanted
    for calendar in found:
        assert values(calendar.minute) == cron.minutes
        assert values(calendar.hour) == cron.hours


@given(st.text(alphabet="0123456789*/,-#@ LWMONFRI?", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        calendars(parse_cron(text))
    except ValueError:
        return
