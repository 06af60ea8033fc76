"""Near misses: names that were probably meant to be the same.

In: the type of an event and the patterns of those who listen. Out: how a pattern would have to
differ to take it. Two edits are a typing error; more would be another name.
"""

from collections.abc import Iterator

from activity_core.core.event.patterns import takes

_FEW = 6
"""Names shorter than this have room for one edit only."""
_TOO_MANY = 3
_SEPARATORS = str.maketrans(dict.fromkeys("_-/:", "."))


def nearness(pattern: str, name: str) -> str | None:
    """How a name that a pattern does not take just misses it; None if it is far from that.

    >>> nearness("order.created", "order.craeted")
    'one edit away'
    >>> nearness("order.*", "Order/created")
    'differs only in case or separators'
    """
    if takes(pattern, name):
        return None
    wanted = pattern.removesuffix("*")
    parts = list(_parts(wanted, name, is_prefix=wanted != pattern))
    if _folded(wanted) in map(_folded, parts):
        return "differs only in case or separators"
    edits = min((_edits(wanted, part) for part in parts), default=_TOO_MANY)
    if edits > (1 if len(wanted) < _FEW else 2):
        return None
    return "one edit away" if edits == 1 else "two edits away"


def _parts(wanted: str, name: str, *, is_prefix: bool) -> Iterator[str]:
    """What of the name may stand for the pattern: the whole, or beginnings of about its length."""
    if not is_prefix:
        yield name
        return
    for longer in (0, 1, -1, 2, -2):
        if 0 < len(wanted) + longer < len(name):
            yield name[: len(wanted) + longer]


def _folded(name: str) -> str:
    return name.lower().translate(_SEPARATORS)


def _edits(one: str, other: str) -> int:
    """Insertions, deletions, exchanges of a character and swaps of neighbours (Damerau).

    Swapped characters are not edited again (optimal string alignment). Counts to `_TOO_MANY`.
    """
    if abs(len(one) - len(other)) >= _TOO_MANY:
        return _TOO_MANY
    before: list[int] = []
    row = list(range(len(other) + 1))
    for y, a in enumerate(one, 1):
        above, row = row, [y]
        for x, b in enumerate(other, 1):
            best = min(above[x] + 1, row[x - 1] + 1, above[x - 1] + (a != b))
            if y > 1 and x > 1 and a == other[x - 2] and one[y - 2] == b:
                best = min(best, before[x - 2] + 1)
            row.append(best)
        if min(row) >= _TOO_MANY:
            return _TOO_MANY
        before = above
    return min(row[-1], _TOO_MANY)
