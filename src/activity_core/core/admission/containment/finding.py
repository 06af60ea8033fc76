"""What keeps one schema from being contained in another, at one place.

Made by the checks in `containment`; put into sentences by `compatibility`.
"""

from dataclasses import dataclass
from typing import Any

from activity_core.core.expression.message import shorten
from activity_core.core.jsontext import canonical_json

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """At `path` (a pointer into the wider schema) the narrower says `narrow`, the wider `wide`.

    Without `narrow` and `wide`: the two cannot be compared there.
    """

    path: str
    narrow: str = ""
    wide: str = ""


def shown(value: Any) -> str:
    """A value of a schema, in a few words."""
    return shorten(canonical_json(value).decode(), _LONGEST)


def within(path: str, *tokens: str | int) -> str:
    """A pointer further down."""
    return path + "".join(
        "/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens
    )
