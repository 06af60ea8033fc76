"""Callbacks: `POST /v1/callbacks/{task_id}/{token}`, without an API key: the address is the proof.

In: what the other side of an http task says of its end. Out: `services.callbacks`.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Body, Words, documented, json_body
from activity_core.api.parts import Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import StrictRoute, problems
from activity_core.api.shapes.operations import TaskEnd
from activity_core.services.callbacks import Report

PREFIX = "/v1/callbacks/"

router = APIRouter(prefix=PREFIX.rstrip("/"), tags=["callbacks"], route_class=StrictRoute)


class Telling(Body):
    """How the task ended: with outputs if it is completed, with an error if it failed."""

    status: Literal["completed", "failed"]
    outputs: Any = None
    error: Annotated[Words, Field(max_length=2_000)] = ""


@router.post(
    "/{task_id}/{token}",
    response_model=TaskEnd,
    openapi_extra=documented(
        Telling,
        {"status": "completed", "outputs": {"rows": 12_345}},
        {"status": "failed", "error": "the disk is full"},
    )
    | {"security": []},
    responses=problems(
        _400="the body does not fit",
        _404="no such callback",
        _409="the task does not wait, or ended otherwise",
    ),
)
async def tell_the_end(
    parts: Parts, task_id: str, token: str, said: Annotated[Telling, Depends(json_body(Telling))]
) -> Response:
    """End a task whose other side answers later, once; the same again answers the same."""
    report = Report(said.status == "completed", said.outputs, said.error)
    task = await parts.callbacks.end(task_id, token, report)
    return JsonResponse({"task_id": task.task_id, "status": task.status})
