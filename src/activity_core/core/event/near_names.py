"""Near names: what a misspelled or missing attribute was probably meant to be.

In: names that `envelope` refuses. Out: the errors, with a hint for the sender.
"""

import difflib
import itertools
from collections.abc import Iterable

from activity_core.core.errors import InvalidEventError
from activity_core.core.event.attributes import ATTRIBUTES, MAX_ATTRIBUTE_LENGTH
from activity_core.core.event.spelling import PLAIN_NAMES


def unknown(name: str) -> InvalidEventError:
    """For a name that neither the standard nor its extensions know."""
    close = _closest(name, (*ATTRIBUTES, *PLAIN_NAMES, "data", "data_base64"))
    return InvalidEventError(
        f"{name[:MAX_ATTRIBUTE_LENGTH]!r} is neither an attribute nor a valid name of an extension",
        hint=f"did you mean {close}?" if close else "extension names are of a-z and 0-9",
    )


def missing(name: str, value: Iterable[str]) -> InvalidEventError:
    """For a required attribute that is none of these names."""
    others = (key for key in value if key not in ATTRIBUTES)
    close = _closest(name, itertools.islice(others, 20))  # comparing is slow, an object may be huge
    return InvalidEventError(
        f"{name} is missing", hint=f"is {close!r} meant to be {name}?" if close else ""
    )


def _closest(name: str, names: Iterable[str]) -> str | None:
    by_folded = {known.lower().replace("-", "_"): known for known in names}
    folded = name[:MAX_ATTRIBUTE_LENGTH].lower().replace("-", "_")
    return by_folded.get(next(iter(difflib.get_close_matches(folded, by_folded, n=1)), ""))
