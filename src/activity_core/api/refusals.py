"""Refusals: what was turned away, so that its sender can be told why."""

from fastapi import APIRouter, Response

from activity_core.api.parts import Parts
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.events import RefusalItem

router = APIRouter(prefix="/v1/refusals", tags=["refusals"], route_class=StrictRoute)


@router.get("", response_model=PageOf[RefusalItem], responses=problems(_400="bad parameters"))
async def list_refusals(
    parts: Parts,
    *,
    via: Filter = None,
    sender: Filter = None,
    code: Filter = None,
    source: Filter = None,
    event_id: Filter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Refusals, newest first; `sender` is an API key's name, a source's id, or a subject."""
    filters = {
        "via": via,
        "sender": sender,
        "code": code,
        "source": source,
        "event_id": event_id,
    }
    return listing(await parts.reading.refusals(query(filters, limit, cursor)))
