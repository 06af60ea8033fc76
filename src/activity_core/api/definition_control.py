"""What is done to one definition: retired, paused, resumed, triggered by hand."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Because, Body, Reason, documented, json_body
from activity_core.api.definitions import definition_answer
from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import StrictRoute, problems
from activity_core.api.shapes.definitions import DefinitionItem, Triggered

router = APIRouter(
    prefix="/v1/definitions/{definition_id}", tags=["definitions"], route_class=StrictRoute
)


class Triggering(Body):
    """A manual request; the same `request_id` again finds the same run."""

    request_id: Annotated[str | None, Field(max_length=64)] = None
    input: dict[str, Any] = Field(default_factory=dict)


_CHANGED = problems(_404="no such definition", _409="its state does not allow this")
WHY = documented(Because, {"reason": "the mail server is being moved"}, required=False)


@router.delete("", response_model=DefinitionItem, responses=_CHANGED)
async def retire_definition(parts: Parts, actor: Actor, definition_id: str) -> Response:
    """Take it out of service: open runs finish, nothing new starts, its schedule goes."""
    entry = await parts.registry.retire(definition_id, actor)
    return JsonResponse(await definition_answer(parts, entry))


@router.post(
    "/pause",
    response_model=DefinitionItem,
    openapi_extra=WHY,
    responses=_CHANGED,
)
async def pause_definition(
    parts: Parts, actor: Actor, definition_id: str, because: Reason
) -> Response:
    """Let nothing fire until it is resumed, however often it is applied meanwhile."""
    entry = await parts.registry.pause(definition_id, actor, because.reason)
    return JsonResponse(await definition_answer(parts, entry))


@router.post(
    "/resume",
    response_model=DefinitionItem,
    openapi_extra=WHY,
    responses=_CHANGED,
)
async def resume_definition(
    parts: Parts, actor: Actor, definition_id: str, because: Reason
) -> Response:
    """Let it fire again from now on."""
    entry = await parts.registry.resume(definition_id, actor, because.reason)
    return JsonResponse(await definition_answer(parts, entry))


@router.post(
    "/trigger",
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
