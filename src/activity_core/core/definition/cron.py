"""The text of a five-field cron expression, read as Vixie's cron reads it, becomes sets of numbers.

In: the text of a cron trigger. Out: `CronExpression`, which `wall_calendar` compiles further.
"""

import re
from dataclasses import dataclass

_NAMES_OF_MONTHS = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_NAMES_OF_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_WEEKS = 5
_SUNDAY_TOO = 7
_ITEM = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>[0-9]{1,3}))?", re.ASCII)
_NTH = re.compile(r"(?P<day>\w+)#(?P<week>[0-9])", re.ASCII)
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_REFUSED = (
    (re.compile(r"@reboot\b", re.IGNORECASE), "@reboot names no time; use an event trigger"),
    (re.compile(r"@every\b", re.IGNORECASE), "@every is not cron; use `interval: {every: …}`"),
    (re.compile(r"@"), f"unknown macro; there are {', '.join(_MACROS)}"),
    (re.compile(r"(CRON_)?TZ="), "the time zone has a key of its own: `timezone`"),
)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    last: int = 0
    """Where `*` and `5/2` end; not `high` for weekdays, whose 7 is a second Sunday."""


_MINUTE = _Field("minute", 0, 59, last=59)
_HOUR = _Field("hour", 0, 23, last=23)
_DAY = _Field("day-of-month", 1, 31, last=31)
_MONTH = _Field("month", 1, 12, ("", *_NAMES_OF_MONTHS), last=12)
_WEEKDAY = _Field("day-of-week", 0, _SUNDAY_TOO, tuple(_NAMES_OF_DAYS), last=6)


@dataclass(frozen=True, slots=True)
class CronExpression:
    """What the text says, as sets of numbers; Sunday is 0.

    `nth_weekdays` are pairs (day of week, 1..5) from items like `MON#2`. The two flags tell
    whether a field restricts, in Vixie's sense.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days_of_month: frozenset[int]
    months: frozenset[int]
    days_of_week: frozenset[int]
    nth_weekdays: frozenset[tuple[int, int]]
    restricts_day_of_month: bool
    restricts_day_of_week: bool


def parse_cron(text: str) -> CronExpression:
    """Read `0 9 * * MON-FRI` or `@daily`.

    Raises:
        ValueError: not a five-field expression; the message names the field.
    """
    stripped = text.strip()
    expression = _MACROS.get(stripped.lower(), stripped)
    for refused, reason in _REFUSED:
        if refused.match(expression):
            raise ValueError(f"{stripped}: {reason}")
    fields = expression.split()
    if len(fields) != 5:  # noqa: PLR2004 - the five fields of cron
        raise ValueError(
            "expected five fields (minute hour day-of-month month day-of-week; "
            f"no seconds, no years), found {len(fields)}"
        )
    minute, hour, day, month, weekday = fields
    plain, nth = _weekdays(weekday)
    return CronExpression(
        minutes=_numbers(_MINUTE, minute),
        hours=_numbers(_HOUR, hour),
        days_of_month=_numbers(_DAY, day),
        months=_numbers(_MONTH, month),
        days_of_week=plain,
        nth_weekdays=nth,
        restricts_day_of_month=not day.startswith("*"),
        restricts_day_of_week=not weekday.startswith("*"),
    )


def _weekdays(text: str) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    plain: list[str] = []
    nth: set[tuple[int, int]] = set()
    for item in text.split(","):
        if "#" not in item:
            plain.append(item)
            continue
        match = _NTH.fullmatch(item)
        if not match or not 1 <= int(match["week"]) <= _WEEKS:
            raise _wrong(_WEEKDAY, item, "write one day and a week from 1 to 5, like MON#2")
        nth.add((_number(_WEEKDAY, match["day"], item) % 7, int(match["week"])))
    days = _numbers(_WEEKDAY, ",".join(plain)) if plain else frozenset[int]()
    return frozenset(day % 7 for day in days), frozenset(nth)


def _numbers(field: _Field, text: str) -> frozenset[int]:
    return frozenset(number for item in text.split(",") for number in _item(field, item))


def _item(field: _Field, item: str) -> range:
    match = _ITEM.fullmatch(item)
    if not match or (match["low"] == "*" and match["high"]):
        raise _wrong(field, item, "write numbers, ranges, lists and steps, like 1,5-9 or */10")
    step = int(match["step"] or 1)
    if not step:
        raise _wrong(field, item, "a step must be at least 1")
    if match["low"] == "*":
        return range(field.low, field.last + 1, step)
    low = _number(field, match["low"], item)
    if match["high"]:
        high = _number(field, match["high"], item)
        if field is _WEEKDAY and high == 0 < low:
            high = _SUNDAY_TOO  # FRI-SUN
    else:  # `5/10` runs to the end, as in most dialects since Vixie's
        high = field.last if match["step"] else low
    if high < low:
        raise _wrong(field, item, "the range runs backwards; write it as two, like 22-23,0-4")
    return range(low, high + 1, step)


def _number(field: _Field, text: str, item: str) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower())
    if not re.fullmatch(r"[0-9]{1,3}", text):
        hint = f", or names like {field.names[1].upper()}" if field.names else ""
        raise _wrong(
            field, item, f"`{text}` is not a number from {field.low} to {field.high}{hint}"
        )
    if not field.low <= int(text) <= field.high:
        raise _wrong(field, item, f"`{text}` is not from {field.low} to {field.high}")
    return int(text)


def _wrong(field: _Field, item: str, reason: str) -> ValueError:
    return ValueError(f"{field.name} `{item}`: {reason}")
