"""The door, asked about an event that nobody sent.

In: an event, and the id of the source that would send it. Out: the event as it would be stored, and
what its sender would be told. Rates are not counted: one event says nothing about them.
"""

from activity_core.core.admission.admission import Admission
from activity_core.core.errors import (
    ActivityCoreError,
    ForbiddenError,
    NotFoundError,
    PausedError,
    SchemaMismatchError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.reading import Row
from activity_core.services.draft_registry import DraftRegistry
from activity_core.services.gate import Gate, active_source

_REFUSALS = (ForbiddenError, SchemaMismatchError, PausedError)


def at_the_door(
    registry: DraftRegistry, gate: Gate, event: EventEnvelope, sender: str | None
) -> tuple[EventEnvelope, Row]:
    """The event with its secrets masked, or as it is if it is refused; and why it would be.

    Keys: sender, allowed, code and message (null if it is allowed), pointers, masked. Without a
    `sender`, it is somebody whom no source lists.

    Raises:
        NotFoundError: no such source.
    """
    types = [entry.part for entry in registry.event_types.values() if not entry.retired]
    stored = event
    refusal: ActivityCoreError | None = None
    try:
        source = None
        if sender is None:
            gate.let_unlisted("a sender without a source")
        else:
            if (entry := registry.sources.get(sender)) is None or entry.retired:
                raise NotFoundError("no such source", subject=f"source {sender[:63]}")
            source = active_source(entry)
        stored = Admission(types).admitted(event, source)
    except _REFUSALS as error:
        refusal = error
    return stored, {
        "sender": sender,
        "allowed": refusal is None,
        "code": None if refusal is None else refusal.code,
        "message": None if refusal is None else _told(refusal),
        "pointers": list(refusal.pointers) if isinstance(refusal, SchemaMismatchError) else [],
        "masked": stored is not event,
    }


def _told(error: ActivityCoreError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
