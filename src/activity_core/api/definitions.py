"""Definitions: applied as a set, listed, shown. What else is done to one is in its control."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from activity_core.api.body import media_type, read_body
from activity_core.api.parts import Actor, ApiLimits, ApiParts, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Limit, StrictRoute, ids_of_page, listing, problems
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.definitions import (
    AppliedSet,
    DefinitionDetail,
    DefinitionItem,
)
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import BadInputError, UnsupportedMediaTypeError
from activity_core.core.expression.condition import rfc3339
from activity_core.core.rollout import Rollout
from activity_core.ports.reading import Page, Row
from activity_core.ports.registry import RegistryEntry
from activity_core.services.backfill_range import paused_since
from activity_core.services.publication import AppliedEntrance
from activity_core.services.registry import entry_of

router = APIRouter(prefix="/v1/definitions", tags=["definitions"], route_class=StrictRoute)

MEDIA_TYPES = (
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "application/json",
)
_EXAMPLE = """\
id: look-at-large-orders
trigger:
  event: {type: order.created, filter: event.data.amount > 1000}
rules:
  - id: look
    tasks:
      - id: look
        human: {title: "Look at order ${event.data.order_id}", assign: {group: sales}}
"""
_TEXT = {"schema": {"type": "string"}, "example": _EXAMPLE}
_DOCUMENTS = {"schema": {"type": ["object", "array"], "items": {"type": "object"}}}


@router.put(
    "",
    response_model=AppliedSet,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/yaml": _TEXT,
                "text/plain": _TEXT,
                "application/json": _DOCUMENTS,
            },
        }
    },
    responses=problems(_413="too large", _415="neither YAML nor JSON", _422="with `issues`"),
)
async def apply_definitions(parts: Parts, actor: Actor, request: Request) -> Response:
    """Upsert a set of definitions and what they need, all or nothing; absent ones stay.

    Documents of every `kind`: definition, source, event_type, connection, calendar.
    """
    limits: ApiLimits = request.app.state.limits
    if media_type(request) not in MEDIA_TYPES:
        raise UnsupportedMediaTypeError(
            f"content type {media_type(request)[:80]!r}",
            hint="send application/yaml or application/json",
        )
    raw = await read_body(request, limits.max_body_bytes)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadInputError(f"not UTF-8 at byte {error.start}") from None
    # A megabyte of YAML takes a while; events go on meanwhile.
    bundle = await asyncio.to_thread(parse_definitions, text, file="body")
    report = await parts.registry.apply(bundle, actor)
    return JsonResponse(
        {
            "revision": report.revision,
            "definitions": [asdict(item) for item in report.definitions],
            "connections": list(report.connections),
            "calendars": list(report.calendars),
            "sources": [_applied("source_id", item) for item in report.sources],
            "event_types": [_applied("event_type_id", item) for item in report.event_types],
            "warnings": [asdict(issue) for issue in report.warnings],
        }
    )


def _applied(id_key: str, item: AppliedEntrance) -> dict[str, Any]:
    return {id_key: item.part_id, "version": item.version, "change": item.change}


@router.get("", response_model=PageOf[DefinitionItem], responses=problems(_400="bad parameters"))
async def list_definitions(parts: Parts, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Definitions with their current versions, by id, retired ones included."""
    snapshot = await parts.registry_store.snapshot()
    ids, following = ids_of_page(snapshot.entries, limit, cursor)
    standings = await parts.schedules.standings(ids)
    page = [definition_item(snapshot.entries[id_], standings[id_]) for id_ in ids]
    return listing(Page(page, following))


@router.get(
    "/{definition_id}",
    response_model=DefinitionDetail,
    responses=problems(_404="no such definition, or version"),
)
async def show_definition(
    parts: Parts, definition_id: str, version: Annotated[int | None, Field(ge=1)] = None
) -> Response:
    """One definition, in its current version or an older one."""
    entry = entry_of((await parts.registry_store.snapshot()).entries, definition_id)
    definition = entry.definition
    if version is not None:
        definition = await parts.registry_store.version(definition_id, version)
    since = await paused_since(parts.registry_store, entry)
    return JsonResponse(
        await definition_answer(parts, entry)
        | {
            "shown_version": version or entry.version,
            "paused_since": since and rfc3339(since),
            "definition": definition.document(),
        }
    )


async def definition_answer(parts: ApiParts, entry: RegistryEntry) -> dict[str, Any]:
    """One definition as an item of the list."""
    id_ = entry.definition.id
    return definition_item(entry, (await parts.schedules.standings([id_]))[id_])


def definition_item(entry: RegistryEntry, standing: Row) -> dict[str, Any]:
    """An item of the list; `standing` is where its schedule stands."""
    definition = entry.definition
    return {
        "definition_id": definition.id,
        "version": entry.version,
        "title": definition.title,
        "owner": definition.owner,
        "status": entry.status,
        "triggers": definition.trigger.kinds,
        "revision": entry.revision,
        "reason": entry.reason,
        "actor": entry.actor,
        "changed_at": entry.changed_at and rfc3339(entry.changed_at),
        "rollout": entry.rollout and _rollout(entry.rollout),
        **standing,
    }


def _rollout(rollout: Rollout) -> dict[str, Any]:
    return asdict(rollout) | {"since": rfc3339(rollout.since)}
