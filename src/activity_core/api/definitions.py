"""Definitions: applied as a set, listed, retired, paused, resumed, triggered by hand."""

import asyncio
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from activity_core.api.body import Body, documented, json_body, media_type, read_body
from activity_core.api.parts import Actor, ApiLimits, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Limit, StrictRoute, listing, problems
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.definitions import (
    AppliedSet,
    DefinitionDetail,
    DefinitionItem,
    Triggered,
)
from activity_core.core.condition import rfc3339
from activity_core.core.definition_file import parse_definitions
from activity_core.core.errors import BadInputError, UnsupportedMediaTypeError
from activity_core.ports.reading import Page
from activity_core.ports.registry import RegistryEntry
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
_TEXT = {"schema": {"type": "string"}}
_DOCUMENTS = {"schema": {"type": ["object", "array"], "items": {"type": "object"}}}


class Because(Body):
    """Why somebody does this; it is kept in the registry's log."""

    reason: Annotated[str, Field(max_length=2_000)] = ""


class Triggering(Body):
    """A manual request; the same `request_id` again finds the same run."""

    request_id: Annotated[str | None, Field(max_length=64)] = None
    input: dict[str, Any] = Field(default_factory=dict)


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
    """Upsert a set of definitions and connections, all or nothing; absent ones stay."""
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
            "definitions": [
                {
                    "definition_id": item.definition_id,
                    "version": item.version,
                    "change": item.change,
                }
                for item in report.definitions
            ],
            "connections": list(report.connections),
        }
    )


@router.get("", response_model=PageOf[DefinitionItem], responses=problems(_400="bad parameters"))
async def list_definitions(parts: Parts, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Definitions with their current versions, by id, retired ones included."""
    snapshot = await parts.registry_store.snapshot()
    ids = sorted(id_ for id_ in snapshot.entries if cursor is None or id_ > cursor)
    page = [_item(snapshot.entries[id_]) for id_ in ids[:limit]]
    return listing(Page(page, ids[limit - 1] if len(ids) > limit else None))


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
    return JsonResponse(
        _item(entry)
        | {"shown_version": version or entry.version, "definition": definition.document()}
    )


_CHANGED = problems(_404="no such definition", _409="its state does not allow this")
_WHY = documented(Because, {"reason": "the mail server is being moved"}, required=False)
Reason = Annotated[Because, Depends(json_body(Because))]


@router.delete("/{definition_id}", response_model=DefinitionItem, responses=_CHANGED)
async def retire_definition(parts: Parts, actor: Actor, definition_id: str) -> Response:
    """Take it out of service: open runs finish, nothing new starts, its schedule goes."""
    return JsonResponse(_item(await parts.registry.retire(definition_id, actor)))


@router.post(
    "/{definition_id}/pause",
    response_model=DefinitionItem,
    openapi_extra=_WHY,
    responses=_CHANGED,
)
async def pause_definition(
    parts: Parts, actor: Actor, definition_id: str, because: Reason
) -> Response:
    """Let nothing fire until it is resumed, however often it is applied meanwhile."""
    return JsonResponse(_item(await parts.registry.pause(definition_id, actor, because.reason)))


@router.post(
    "/{definition_id}/resume",
    response_model=DefinitionItem,
    openapi_extra=_WHY,
    responses=_CHANGED,
)
async def resume_definition(
    parts: Parts, actor: Actor, definition_id: str, because: Reason
) -> Response:
    """Let it fire again from now on."""
    return JsonResponse(_item(await parts.registry.resume(definition_id, actor, because.reason)))


@router.post(
    "/{definition_id}/trigger",
    status_code=202,
    response_model=Triggered,
    openapi_extra=documented(
        Triggering, {"request_id": "rerun-2026-11-21", "input": {"dry": False}}, required=False
    ),
    responses=_CHANGED | {200: {"model": Triggered, "description": "The request came before."}},
)
async def trigger_definition(
    parts: Parts,
    actor: Actor,
    definition_id: str,
    wanted: Annotated[Triggering, Depends(json_body(Triggering))],
) -> Response:
    """Run it now; without a request id every call is a new request."""
    request_id = secrets.token_hex(16) if wanted.request_id is None else wanted.request_id
    submission = await parts.manual_trigger.fire(definition_id, request_id, wanted.input, actor)
    return JsonResponse(
        {
            "definition_id": definition_id,
            "request_id": request_id,
            "run_id": submission.run_id,
            "status": "accepted" if submission.created else "duplicate",
        },
        status_code=202 if submission.created else 200,
    )


def _item(entry: RegistryEntry) -> dict[str, Any]:
    definition = entry.definition
    trigger = definition.trigger
    return {
        "definition_id": definition.id,
        "version": entry.version,
        "title": definition.title,
        "owner": definition.owner,
        "status": _status(entry),
        "triggers": [
            name for name in ("cron", "interval", "event", "manual") if getattr(trigger, name)
        ],
        "revision": entry.revision,
        "reason": entry.reason,
        "actor": entry.actor,
        "changed_at": entry.changed_at and rfc3339(entry.changed_at),
    }


def _status(entry: RegistryEntry) -> str:
    if entry.retired:
        return "retired"
    if entry.paused:
        return "paused"
    return "active" if entry.definition.enabled else "disabled"
