"""What did not get in as JSON, with the published field names (see `ports.reading`)."""

from activity_core.adapters.memory.reading_rows import Json
from activity_core.core.expression.condition import rfc3339
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.refusals import Refusal


def dead_letter_item(letter: DeadLetter) -> Json:
    """An item of the list of dead letters."""
    return {
        "dead_letter_id": letter.dead_letter_id,
        "via": letter.via,
        "source_id": letter.source_id,
        "subject": letter.subject,
        "run_id": letter.run_id,
        "definition_id": letter.definition_id,
        "code": letter.code,
        "message": letter.message,
        "buried_at": rfc3339(letter.buried_at),
        "status": str(letter.status),
        "resolved_by": letter.resolved_by,
        "resolved_at": rfc3339(letter.resolved_at) if letter.resolved_at else None,
    }


def refusal_item(refusal: Refusal) -> Json:
    """An item of the list of refusals."""
    return {
        "refused_at": rfc3339(refusal.refused_at),
        "via": refusal.via,
        "sender": refusal.sender,
        "code": refusal.code,
        "message": refusal.message,
        "source": refusal.event_source or None,
        "event_id": refusal.event_id or None,
        "event_type": refusal.event_type or None,
        "dead_letter_id": refusal.dead_letter_id or None,
    }
