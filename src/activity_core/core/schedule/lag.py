"""Lag: how late a slot is, in words for the reasons of decisions."""

from datetime import timedelta

_TENTH = timedelta(milliseconds=100)
_UNITS = ((864_000, "d"), (36_000, "h"), (600, "min"), (10, "s"))


def spelled(lag: timedelta) -> str:
    """`12.3 s`, `2 min 5 s`, `2 h 5 min`, `3 d 4 h`: two units at most, cut off, never negative."""
    tenths = max(lag, timedelta()) // _TENTH
    for number, (size, unit) in enumerate(_UNITS[:-1]):
        if tenths >= size:
            next_size, next_unit = _UNITS[number + 1]
            rest = tenths % size // next_size
            return f"{tenths // size} {unit}" + (f" {rest} {next_unit}" if rest else "")
    return f"{tenths // 10}.{tenths % 10} s"
