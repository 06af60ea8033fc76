"""Event types: listed, shown, retired. They are applied with the definitions."""

from typing import Any

from fastapi import APIRouter, Response

from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Limit, StrictRoute, ids_of_page, listing, problems
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.entrances import EventTypeDetail, EventTypeItem
from activity_core.core.definition.event_type import EventType
from activity_core.core.expression.condition import rfc3339
from activity_core.ports.entrances import EntranceEntry
from activity_core.ports.reading import Page

router = APIRouter(prefix="/v1/event-types", tags=["event types"], route_class=StrictRoute)

Entry = EntranceEntry[EventType]


@router.get("", response_model=PageOf[EventTypeItem], responses=problems(_400="bad parameters"))
async def list_event_types(parts: Parts, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Event types with their current versions, by id, retired ones included."""
    entries = {entry.part.id: entry for entry in await parts.entrance_desk.event_types()}
    ids, following = ids_of_page(entries, limit, cursor)
    return listing(Page([_item(entries[id_]) for id_ in ids], following))


@router.get(
    "/{event_type_id}",
    response_model=EventTypeDetail,
    responses=problems(_404="no such event type"),
)
async def show_event_type(parts: Parts, event_type_id: str) -> Response:
    """One event type with its schemas."""
    entry = await parts.entrance_desk.event_type(event_type_id)
    versions = entry.part.document()["versions"]
    return JsonResponse(_item(entry) | {"versions": versions})


@router.delete(
    "/{event_type_id}",
    response_model=EventTypeItem,
    responses=problems(_404="no such event type"),
)
async def retire_event_type(parts: Parts, actor: Actor, event_type_id: str) -> Response:
    """Forget its rules: data of this type is as good as of any that nobody registered."""
    return JsonResponse(_item(await parts.entrance_desk.retire_event_type(event_type_id, actor)))


def _item(entry: Entry) -> dict[str, Any]:
    event_type = entry.part
    return {
        "event_type_id": event_type.id,
        "version": entry.version,
        "type": event_type.type,
        "title": event_type.title,
        "owner": event_type.owner,
        "status": entry.status,
        "compatibility": event_type.compatibility,
        "schemas": len(event_type.versions),
        "redact": list(event_type.redact),
        "revision": entry.revision,
        "actor": entry.actor,
        "changed_at": entry.changed_at and rfc3339(entry.changed_at),
    }
