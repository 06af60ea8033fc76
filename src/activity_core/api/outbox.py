"""The outbox: what is stuck on its way out."""

from fastapi import APIRouter, Response

from activity_core.api.parts import Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Limit, StrictRoute, problems
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.operations import StuckItem
from activity_core.core.expression.condition import rfc3339

router = APIRouter(prefix="/v1/outbox", tags=["outbox"], route_class=StrictRoute)


@router.get("/stuck", response_model=PageOf[StuckItem], responses=problems(_400="bad parameters"))
async def list_stuck(parts: Parts, limit: Limit = 50) -> Response:
    """Events that could not be published so far, oldest first; one page."""
    rows = await parts.outbox.stuck(limit)
    items = [
        {
            "event_id": row.event_id,
            "key": row.key,
            "type": row.type,
            "attempts": row.attempts,
            "last_error": row.last_error,
            "retry_at": rfc3339(row.retry_at),
        }
        for row in rows
    ]
    return JsonResponse({"items": items, "next": None})
