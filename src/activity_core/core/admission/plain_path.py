"""Expressions that only name a place, like `body.order.id`: looked up, not evaluated.

Read by `mapping`. To CEL and back takes longer than all else about a large body, and would replace
what CEL cannot hold. The result is the same; what is not there is left to CEL, whose errors are
better.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from activity_core.core.jsontext import JsonValue

_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


def found_at(text: str, all_values: Iterable[Mapping[str, JsonValue]]) -> list[JsonValue] | None:
    """What the path leads to in each of the values; None if it is no path, or leads nowhere."""
    if not _PATH.fullmatch(text):
        return None
    names = text.split(".")
    try:
        return [_at(names, values) for values in all_values]
    except (LookupError, TypeError):
        return None


def _at(names: Iterable[str], found: Any) -> Any:
    for name in names:
        found = found[name]
    return found
