"""Durations as people write them: `250ms`, `10s`, `5m`, `24h`, `7d`, `P2D`, `PT24H`.

Read by every model that holds a length of time; written back as ISO 8601, to the microsecond.
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SHORT = re.compile(r"(?:[0-9]+(?:ms|s|m|h|d))+")
_SHORT_PART = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_ISO = re.compile(
    r"P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST_TEXT = 64
LONGEST = timedelta(days=3_660)
"""Ten years: beyond it a number is a typing error, not a plan."""


def parse_duration(value: object) -> timedelta:
    """Read `1h30m`, `PT1H30M` or a timedelta.

    Raises:
        ValueError: not a duration, negative, or longer than ten years.
    """
    try:
        found = value if isinstance(value, timedelta) else _read(value)
    except OverflowError:
        found = timedelta.max
    if not timedelta() <= found <= LONGEST:
        raise ValueError(f"{_shown(value)} is not between zero and ten years")
    return found


def _read(value: object) -> timedelta:
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        if _SHORT.fullmatch(value):
            parts = _SHORT_PART.findall(value)
            return sum((timedelta(**{_UNITS[unit]: int(n)}) for n, unit in parts), timedelta())
        if match := _ISO.fullmatch(value):
            return timedelta(**{unit: float(n) for unit, n in match.groupdict().items() if n})
    raise ValueError(f"{_shown(value)} is not a duration; write 10s, 5m, 24h, 7d, P2D or PT24H")


def _shown(value: object) -> str:
    return f"{value!r:.{_LONGEST_TEXT}}" if isinstance(value, str | int | float) else "this"


def format_duration(value: timedelta) -> str:
    """ISO 8601, in days and seconds: `P2D`, `PT90S`, `P1DT0.25S`."""
    seconds = value.seconds + value.microseconds / 1_000_000
    time = f"T{seconds:.6f}".rstrip("0").rstrip(".") + "S" if seconds else ""
    days = f"{value.days}D" if value.days or not time else ""
    return f"P{days}{time}"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(([0-9]+(ms|s|m|h|d))+|P[0-9.WDTHMS]+)$",
            "examples": ["10s", "5m", "24h", "P2D", "PT24H"],
        }
    ),
]
