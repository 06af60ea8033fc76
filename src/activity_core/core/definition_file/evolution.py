"""Evolution: how the schemas of an event type may go on.

In: an event type as it is to be, and as it was published. Out: refusals, as key paths and
sentences. A published schema stays: events were written for it. The next one must keep the promise
of the type's compatibility rule.
"""

from collections.abc import Iterator
from itertools import zip_longest

from activity_core.core.admission.compatibility import incompatibilities
from activity_core.core.definition.event_type import EventType
from activity_core.core.expression.template import Path
from activity_core.core.jsontext import canonical_json


def check_evolution(
    event_type: EventType, published: EventType | None
) -> Iterator[tuple[Path, str]]:
    """What stands against the versions of a type; None: nothing was published of it.

    Versions that were published before are not judged again by a rule that came later.
    """
    old = published.versions if published else ()
    for at, (before, now) in enumerate(zip_longest(old, event_type.versions[: len(old)])):
        if now is None:
            yield ("versions",), f"version {at + 1} was published and must stay, as it was"
            return
        if canonical_json(before) != canonical_json(now):
            new = f"add what is new as version {len(old) + 1}"
            yield ("versions", at), f"version {at + 1} was published and must stay as it was; {new}"
    for at in range(max(1, len(old)), len(event_type.versions)):
        before, now = event_type.versions[at - 1 : at + 1]
        for reason in incompatibilities(before, now, event_type.compatibility):
            yield (
                ("versions", at),
                f"version {at + 1} is not {event_type.compatibility}-compatible: {reason}",
            )
