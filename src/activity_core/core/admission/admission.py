"""Admission: whether an event may come in, and how it is kept.

In: an envelope, and the source it came by (None for a sender that no source lists). Out: the
envelope as it may be stored, with what its type calls secret masked; or the error that says why
not. Trust in the sender was established before (`verify`, an API key, the broker).
"""

from collections.abc import Sequence

from activity_core.core.admission.type_book import TypeBook
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.errors import ForbiddenError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.patterns import takes


class Admission:
    """The rules in force. `types`: those that are not retired."""

    def __init__(self, types: Sequence[EventType]) -> None:
        self._types = TypeBook(types)

    def admitted(self, envelope: EventEnvelope, source: EventSource | None) -> EventEnvelope:
        """The event as it may be stored.

        Raises:
            ForbiddenError: its source may not send this type, or in this name.
            SchemaMismatchError: it does not fit its type, or has none and must.
        """
        if source is not None:
            _allow(envelope, source)
        policy = "validate" if source is None else source.schema_
        if policy != "ignore":
            self._types.check(envelope, required=policy == "required")
        return self._types.redacted(envelope)


def _allow(envelope: EventEnvelope, source: EventSource) -> None:
    for name, patterns in (("type", source.allow.types), ("source", source.allow.sources)):
        value = getattr(envelope, name)
        if not any(takes(pattern, value) for pattern in patterns):
            raise ForbiddenError(
                f"it may not send events with {name} {value[:200]!r}",
                subject=f"source {source.id}",
                hint="its `allow` says what it may send",
            )
