"""Regexes: what one character of a text costs, in nanoseconds, with RE2.

In: patterns. Out: bounds for `budget`. RE2 makes states of a pattern as the text needs them, and
goes on without when they become too many: then every part of the pattern counts for every
character. That takes parts that fit several characters, once for each repetition that is counted.
"""

import re

_QUICK, _LOST, _PER_PART = 30.0, 500.0, 30.0
_QUICK_PARTS = 10
_MOST_REPEATED, _MOST_PARTS = 1_000, 200_000  # by RE2 itself, whatever nests
_TOKEN = re.compile(
    r"\\(?:Q[\s\S]*?(?:\\E|$)|[pP]\{[^}]*\}|x\{[^}]*\}|[\s\S])"
    r"|\[\^?\]?(?:\\[\s\S]|\[:\w+:\]|[^\]\\])*\]"
    r"|\{(?P<least>\d+)(?P<comma>,)?(?P<most>\d+)?\}"
    r"|[\s\S]"
)


def cost_of_character(pattern: str) -> float:
    """For a pattern that is written out, or in the data."""
    parts, wild = _parts(pattern)
    return _QUICK if wild <= _QUICK_PARTS else _LOST + _PER_PART * parts


def cost_of_unknown(length: float) -> float:
    """For any pattern of so many characters."""
    return _LOST + _PER_PART * min(_MOST_REPEATED * length, _MOST_PARTS)


def _parts(pattern: str) -> tuple[int, int]:
    """How many there are when repetitions are written out; those that fit several characters."""
    open_groups: list[tuple[int, int]] = []
    parts = wild = 0
    last = (0, 0)
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if text == "(":
            open_groups.append((parts, wild))
            last = (0, 0)
        elif text == ")" and open_groups:
            before = open_groups.pop()
            last = (parts - before[0] + 2, wild - before[1])
            parts += 2
        elif token["least"]:
            times = int(token["most"] or token["least"]) + bool(token["comma"]) - 1
            parts += last[0] * times
            wild += (last[1] or bool(token["comma"])) * times
        else:
            is_wild = text[0] in "[.|?*+" or (text[0] == "\\" and text[1:2] in "dDwWsSpPC")
            # A class of what takes several bytes, or any case, has several parts.
            last = (4 if is_wild or not text.isascii() else len(text), int(is_wild))
            parts, wild = parts + last[0], wild + last[1]
    return parts, wild
