"""Redaction: what a type calls secret is masked before an event is stored.

In: JSON pointers as `EventType.redact` has them (`*` stands for every item or member), and the
data of events. Out: the same data with `***` in their places. What is not there stays so.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from activity_core.core.jsontext import JsonValue

MASK = "***"
"""Stands for any secret value, whatever it was: a number, null or a whole object."""

ANY = "*"
Path: TypeAlias = tuple[str, ...]

_INDEX = re.compile(r"0|[1-9][0-9]{0,15}")


def parsed(pointer: str) -> Path:
    """The reference tokens of a JSON pointer (RFC 6901)."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def masked(value: JsonValue, paths: Sequence[Path]) -> JsonValue:
    """The value with `***` wherever a path leads.

    The value itself is never changed; what holds no secret is shared with the result. Masking
    again changes nothing, and the order of the paths does not matter.
    """
    for path in paths:
        value = _masked(value, path)
    return value


def _masked(value: JsonValue, path: Path) -> JsonValue:
    if not path:
        return MASK
    new = {place: _masked(item, path[1:]) for place, item in _reached(value, path[0])}
    if isinstance(value, dict):
        return value | new if any(value[key] is not new[key] for key in new) else value
    if isinstance(value, list) and any(value[place] is not new[place] for place in new):
        return [new.get(place, item) for place, item in enumerate(value)]
    return value


def _reached(value: JsonValue, token: str) -> Iterable[tuple[Any, JsonValue]]:
    """Where a token leads from here: keys or indexes, and what is there."""
    if isinstance(value, dict):
        return value.items() if token == ANY else [(token, value[token])] if token in value else ()
    if isinstance(value, list):
        return enumerate(value) if token == ANY else _item(value, token)
    return ()


def _item(value: list[JsonValue], token: str) -> Iterable[tuple[int, JsonValue]]:
    if not _INDEX.fullmatch(token) or int(token) >= len(value):
        return ()
    return [(int(token), value[int(token)])]
