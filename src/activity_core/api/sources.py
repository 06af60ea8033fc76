"""Event sources: listed, shown, paused, resumed, retired. They are applied with the definitions."""

from typing import Any

from fastapi import APIRouter, Response

from activity_core.api.body import Reason
from activity_core.api.definition_control import WHY
from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Limit, StrictRoute, ids_of_page, listing, problems
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.entrances import SourceDetail, SourceItem
from activity_core.core.definition.event_source import EventSource
from activity_core.core.expression.condition import rfc3339
from activity_core.ports.entrances import EntranceEntry
from activity_core.ports.reading import Page

router = APIRouter(prefix="/v1/sources", tags=["sources"], route_class=StrictRoute)

Entry = EntranceEntry[EventSource]

_CHANGED = problems(_404="no such source", _409="its state does not allow this")


@router.get("", response_model=PageOf[SourceItem], responses=problems(_400="bad parameters"))
async def list_sources(parts: Parts, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Event sources with their current versions, by id, retired ones included."""
    entries = {entry.part.id: entry for entry in await parts.entrance_desk.sources()}
    ids, following = ids_of_page(entries, limit, cursor)
    return listing(Page([_item(entries[id_]) for id_ in ids], following))


@router.get("/{source_id}", response_model=SourceDetail, responses=problems(_404="no such source"))
async def show_source(parts: Parts, source_id: str) -> Response:
    """One source; how it proves itself is told by its kind alone."""
    entry = await parts.entrance_desk.source(source_id)
    settings = entry.part.document()[entry.part.way]
    settings.pop("verify", None)
    return JsonResponse(_item(entry) | {"settings": settings})


@router.delete("/{source_id}", response_model=SourceItem, responses=_CHANGED)
async def retire_source(parts: Parts, actor: Actor, source_id: str) -> Response:
    """Take it out of service: nothing that it sends comes in any more."""
    return JsonResponse(_item(await parts.entrance_desk.retire(source_id, actor)))


@router.post("/{source_id}/pause", response_model=SourceItem, openapi_extra=WHY, responses=_CHANGED)
async def pause_source(parts: Parts, actor: Actor, source_id: str, because: Reason) -> Response:
    """Let nothing in until it is resumed: 503 over HTTP, and brokers keep what they have."""
    return JsonResponse(_item(await parts.entrance_desk.pause(source_id, actor, because.reason)))


@router.post(
    "/{source_id}/resume", response_model=SourceItem, openapi_extra=WHY, responses=_CHANGED
)
async def resume_source(parts: Parts, actor: Actor, source_id: str, because: Reason) -> Response:
    """Let it send again."""
    return JsonResponse(_item(await parts.entrance_desk.resume(source_id, actor, because.reason)))


def _item(entry: Entry) -> dict[str, Any]:
    source = entry.part
    changed_at = entry.changed_at and rfc3339(entry.changed_at)
    return {
        "source_id": source.id,
        "version": entry.version,
        "title": source.title,
        "owner": source.owner,
        "status": entry.status,
        "way": source.way,
        "verify": _proof(source),
        "allow": {"types": list(source.allow.types), "sources": list(source.allow.sources)},
        "schema": source.schema_,
        "rate": source.rate and source.rate.model_dump(mode="json"),
        "revision": entry.revision,
        "reason": entry.reason,
        "actor": entry.actor,
        "changed_at": changed_at,
        "paused_since": changed_at if entry.status == "paused" else None,
        "paused_by": entry.actor if entry.status == "paused" else None,
    }


def _proof(source: EventSource) -> str | None:
    """The kind of proof: an API's is its keys, a broker's may be its own."""
    verify = source.mapped.verify if source.mapped else None
    return verify.given if verify else None
