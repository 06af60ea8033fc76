"""What operators do to runs and their tasks: cancel, terminate, retry, run again, skip."""

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Because, Reason, documented, json_body
from activity_core.api.parts import Actor, ApiParts, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import StrictRoute, problems
from activity_core.api.shapes.runs import RerunAnswer, RunStanding, TaskItem
from activity_core.services.rerun import RerunRequest

router = APIRouter(prefix="/v1", tags=["runs"], route_class=StrictRoute)


class Cancelling(Because):
    """`compensate`: undo first what can be undone."""

    compensate: bool = False


class Rerunning(Because):
    """The same `request_id` again finds the same run."""

    context: Literal["same", "fresh"] = "same"
    version: Literal["same", "newest"] = "same"
    request_id: Annotated[str | None, Field(max_length=64)] = None


_RUN = problems(_404="no such run", _409="its state does not allow this")
_WHY = documented(Because, {"reason": "the shop sent it twice"}, required=False)


@router.post(
    "/runs/{run_id}/cancel",
    response_model=RunStanding,
    openapi_extra=documented(
        Cancelling, {"reason": "the customer called", "compensate": True}, required=False
    ),
    responses=_RUN,
)
async def cancel_run(
    parts: Parts,
    actor: Actor,
    run_id: str,
    wanted: Annotated[Cancelling, Depends(json_body(Cancelling))],
) -> Response:
    """End an open run; with `compensate` it undoes what it did, then ends."""
    if wanted.compensate:
        await parts.run_desk.compensate(run_id, actor, wanted.reason)
    else:
        await parts.run_desk.cancel(run_id, actor, wanted.reason)
    return await _standing(parts, run_id)


@router.post(
    "/runs/{run_id}/terminate", response_model=RunStanding, openapi_extra=_WHY, responses=_RUN
)
async def terminate_run(parts: Parts, actor: Actor, run_id: str, because: Reason) -> Response:
    """End an open run at once: its workflow gets no last word."""
    await parts.run_desk.cancel(run_id, actor, because.reason, at_once=True)
    return await _standing(parts, run_id)


@router.post(
    "/runs/{run_id}/retry",
    status_code=202,
    response_model=RunStanding,
    openapi_extra=_WHY,
    responses=_RUN,
)
async def retry_run(parts: Parts, actor: Actor, run_id: str, because: Reason) -> Response:
    """Run a failed run again, on the version it pinned; tasks that are done stay done."""
    await parts.run_desk.retry(run_id, actor, because.reason)
    return await _standing(parts, run_id, status_code=202)


@router.post(
    "/runs/{run_id}/rerun",
    status_code=202,
    response_model=RerunAnswer,
    openapi_extra=documented(
        Rerunning, {"context": "fresh", "request_id": "again-1", "reason": "the rate was wrong"}
    ),
    responses=_RUN | {200: {"model": RerunAnswer, "description": "The request came before."}},
)
async def rerun_run(
    parts: Parts,
    actor: Actor,
    run_id: str,
    wanted: Annotated[Rerunning, Depends(json_body(Rerunning))],
) -> Response:
    """A new run for the same events, slot or input; with the context of then, or asked anew."""
    request_id = secrets.token_hex(16) if wanted.request_id is None else wanted.request_id
    request = RerunRequest(request_id, actor, wanted.reason, wanted.context, wanted.version)
    submission = await parts.rerunner.rerun(run_id, request)
    return JsonResponse(
        {
            "run_id": submission.run_id,
            "rerun_of": run_id,
            "request_id": request_id,
            "status": "accepted" if submission.created else "duplicate",
        },
        status_code=202 if submission.created else 200,
    )


@router.post(
    "/tasks/{task_id}/skip",
    response_model=TaskItem,
    openapi_extra=_WHY,
    responses=problems(_404="no such task", _409="its state does not allow this"),
    tags=["tasks"],
)
async def skip_task(parts: Parts, actor: Actor, task_id: str, because: Reason) -> Response:
    """Skip a task that is open, or failed in a failed run; what needs it goes on."""
    await parts.run_desk.skip(task_id, actor, because.reason)
    return JsonResponse(await parts.reading.task(task_id))


async def _standing(parts: ApiParts, run_id: str, *, status_code: int = 200) -> Response:
    run = await parts.reading.run(run_id)
    names = ("run_id", "attempt", "status", "stop")
    return JsonResponse({name: run[name] for name in names}, status_code=status_code)
