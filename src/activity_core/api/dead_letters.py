"""Dead letters: what could not be processed, to be looked at, replayed or discarded."""

import base64
from typing import Any

from fastapi import APIRouter, Response

from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.operations import DeadLetterDetail, DeadLetterItem, ResolvedLetter
from activity_core.core.expression.condition import rfc3339
from activity_core.ports.dead_letters import DeadLetter, DeadLetterStatus

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], route_class=StrictRoute)

_GONE = problems(_404="no such dead letter", _409="it was closed before")


@router.get("", response_model=PageOf[DeadLetterItem], responses=problems(_400="bad parameters"))
async def list_dead_letters(
    parts: Parts,
    *,
    status: DeadLetterStatus | None = None,
    via: Filter = None,
    code: Filter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Dead letters, newest first."""
    filters = {"status": status, "via": via, "code": code}
    return listing(await parts.reading.dead_letters(query(filters, limit, cursor)))


@router.get(
    "/{dead_letter_id}",
    response_model=DeadLetterDetail,
    responses=problems(_404="no such dead letter"),
)
async def show_dead_letter(parts: Parts, dead_letter_id: str) -> Response:
    """One of them with its headers and raw bytes."""
    return JsonResponse(_shown(await parts.dead_letters.get(dead_letter_id)))


@router.post("/{dead_letter_id}/replay", response_model=ResolvedLetter, responses=_GONE)
async def replay_dead_letter(parts: Parts, actor: Actor, dead_letter_id: str) -> Response:
    """Send it the way of any other event; what is still no event stays, with the error."""
    envelope = await parts.dead_letter_desk.replay(dead_letter_id, actor)
    answer = _resolved(dead_letter_id, DeadLetterStatus.REPLAYED)
    return JsonResponse(answer | {"source": envelope.source, "id": envelope.id})


@router.post("/{dead_letter_id}/discard", response_model=ResolvedLetter, responses=_GONE)
async def discard_dead_letter(parts: Parts, actor: Actor, dead_letter_id: str) -> Response:
    """Close it without processing it; its bytes are kept."""
    await parts.dead_letter_desk.discard(dead_letter_id, actor)
    answer = _resolved(dead_letter_id, DeadLetterStatus.DISCARDED)
    return JsonResponse(answer | {"source": None, "id": None})


def _resolved(dead_letter_id: str, status: DeadLetterStatus) -> dict[str, Any]:
    return {"dead_letter_id": dead_letter_id, "status": status}


def _shown(letter: DeadLetter) -> dict[str, Any]:
    """Bytes as text if they are UTF-8, as base64 in any case."""
    try:
        text = letter.body.decode()
    except UnicodeDecodeError:
        text = None
    return {
        "dead_letter_id": letter.dead_letter_id,
        "via": letter.via,
        "subject": letter.subject,
        "code": letter.code,
        "message": letter.message,
        "buried_at": rfc3339(letter.buried_at),
        "status": letter.status,
        "resolved_by": letter.resolved_by,
        "resolved_at": letter.resolved_at and rfc3339(letter.resolved_at),
        "headers": dict(letter.headers),
        "body": text,
        "body_base64": base64.b64encode(letter.body).decode(),
    }
