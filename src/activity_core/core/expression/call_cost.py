"""Calls: what a function or an operator of CEL costs by itself, and how large its result is.

In: the sizes of the arguments, from `budget`. Out: nanoseconds, measured with cel-cpp and rounded
up, for all evaluations of the call together. What is made counts with 2.5 ns per byte.
"""

from activity_core.core.expression.regex_cost import cost_of_character, cost_of_unknown
from activity_core.core.expression.sizes import Known, Size, Sized, scalar, text_of

MADE_ITEM = 40.0
_CHAR, _MADE_CHAR = 5.0, 2.5
_COMPARED, _COMPARED_CHAR, _LOOKED_AT = 30.0, 0.2, 20.0
_SPLIT, _JOINED, _REPLACED, _SEARCHED = 80.0, 100.0, 40.0, 0.02
_NUMBER = 1_100.0  # characters of `%.999f`
_SCALARS = frozenset(
    {"_&&_", "_||_", "!_", "_-_", "_*_", "_/_", "_%_", "-_", "@not_strictly_false"}
)
_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "startsWith", "endsWith"})
_SEARCHES = frozenset({"contains", "indexOf", "lastIndexOf"})


def cost_of_call(  # noqa: C901, PLR0911 - one case per function
    function: str, arguments: list[Sized], times: float
) -> tuple[float, Sized]:
    """The work, and the result; `arguments` begins with the receiver of a method."""
    match function, arguments:
        case name, _ if name in _SCALARS:
            return 0.0, scalar(times)
        case "@in", [value, of]:
            return _membership(value, of), scalar(times)
        case name, [one, other] if name in _COMPARISONS:
            least = one.total.lesser(other.total)
            return _COMPARED * least.nodes + _COMPARED_CHAR * least.chars, scalar(times)
        case name, [text, part, *_] if name in _SEARCHES:
            return _CHAR * text.total.chars + _search(text, part), scalar(times)
        case "size", [value]:
            return value.total.length, scalar(times)
        case "_+_", [one, other]:
            return _sum(one, other)
        case "matches", [text, pattern]:
            return _per_character(pattern) * text.total.chars, scalar(times)
        case "replace", [text, old, new, *_]:
            return _replaced(text, old, new, times)
        case "split", [text, separator, *rest]:
            work, pieces = _split(text, separator, times)
            if isinstance(text, Known) and isinstance(separator, Known) and not rest:
                pieces = text.split(separator.data) or pieces
            return work, pieces
        case "join", [items, *rest]:
            return _joined(items, rest[0] if rest else scalar(0.0), times)
        case "format", [text, values]:
            return _formatted(text, values, times)
    most = 64 + 2 * sum(argument.most.chars for argument in arguments)
    total = 64 * times + 2 * sum(argument.total.chars for argument in arguments)
    return (_CHAR + _MADE_CHAR) * total, text_of(most, total, times)


def _membership(value: Sized, of: Sized) -> float:
    nodes = min(of.total.nodes, of.total.length * (value.most.nodes - 1))
    chars = min(of.total.chars, of.total.length * value.most.chars)
    return _LOOKED_AT * of.total.length + _COMPARED * nodes + _COMPARED_CHAR * chars


def _sum(one: Sized, other: Sized) -> tuple[float, Sized]:
    most, total = one.most.plus(other.most), one.total.plus(other.total)
    if one.is_text or other.is_text:
        return _MADE_CHAR * total.chars, Sized(most, total, is_text=True)
    each = one.each.greater(other.each) if one.each and other.each else None
    work = max(_MADE_CHAR * total.chars, MADE_ITEM * total.length)
    return work, Sized(most, total, each=each)


def _per_character(pattern: Sized) -> float:
    if isinstance(pattern, Known) and all(isinstance(each, str) for each in pattern.data):
        return max(map(cost_of_character, pattern.data), default=0.0)
    return cost_of_unknown(pattern.most.chars)


def _search(text: Sized, part: Sized) -> float:
    one, other = text.most.chars * part.total.chars, text.total.chars * part.most.chars
    return _SEARCHED * min(one, other)


def _replaced(text: Sized, old: Sized, new: Sized, times: float) -> tuple[float, Sized]:
    # Between any two characters too, if what is replaced is empty.
    most_places, places = text.most.chars + 1, text.total.chars + times
    added = min(most_places * new.total.chars, places * new.most.chars)
    result = text_of(
        text.most.chars + most_places * new.most.chars, text.total.chars + added, times
    )
    work = _REPLACED * places + _search(text, old) + _MADE_CHAR * result.total.chars
    return work, result


def _split(text: Sized, separator: Sized, times: float) -> tuple[float, Sized]:
    most, total = (
        Size(size.chars + many, 4 * size.chars + 3 * many, size.chars + many)
        for size, many in ((text.most, 1.0), (text.total, times))
    )
    each = Size(text.most.chars, text.most.chars, 1.0)
    return _SPLIT * total.length + _search(text, separator), Sized(most, total, each=each)


def _joined(items: Sized, separator: Sized, times: float) -> tuple[float, Sized]:
    most = items.most.chars + items.most.length * separator.most.chars
    total = items.total.chars + items.total.length * separator.most.chars
    return _JOINED * items.total.length + _MADE_CHAR * total, text_of(most, total, times)


def _formatted(text: Sized, values: Sized, times: float) -> tuple[float, Sized]:
    most = text.most.chars * _NUMBER / 2
    if isinstance(text, Known) and all(isinstance(each, str) for each in text.data):
        numbers = max((each.count("%") - each.count("%s") for each in text.data), default=0)
        most = text.most.chars + _NUMBER * numbers
    result = text_of(most + 2 * values.most.chars, most * times + 2 * values.total.chars, times)
    return _COMPARED * values.total.nodes + _MADE_CHAR * result.total.chars, result
