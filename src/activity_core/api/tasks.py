"""Tasks: lists, details, and the completion of those that people do."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Body, Words, documented, json_body
from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.explanations import TaskExplained
from activity_core.api.shapes.runs import TaskItem
from activity_core.core.run.task import TaskStatus
from activity_core.services.task_inbox import Completion

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], route_class=StrictRoute)


class Completing(Body):
    """What somebody says about a task they did; `data` must fit the task's form."""

    outcome: Annotated[Words, Field(min_length=1, max_length=200)]
    data: Any = None
    comment: Annotated[Words, Field(max_length=20_000)] = ""


@router.get("", response_model=PageOf[TaskItem], responses=problems(_400="bad parameters"))
async def list_tasks(
    parts: Parts,
    *,
    run_id: Filter = None,
    definition_id: Filter = None,
    status: TaskStatus | None = None,
    assignee: Filter = None,
    group: Filter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Tasks, newest first."""
    filters = {
        "run_id": run_id,
        "definition_id": definition_id,
        "status": status,
        "assignee": assignee,
        "group": group,
    }
    return listing(await parts.reading.tasks(query(filters, limit, cursor)))


@router.get("/{task_id}", response_model=TaskItem, responses=problems(_404="no such task"))
async def show_task(parts: Parts, task_id: str) -> Response:
    """One task."""
    return JsonResponse(await parts.reading.task(task_id))


@router.get(
    "/{task_id}/explain", response_model=TaskExplained, responses=problems(_404="no such task")
)
async def explain_task(parts: Parts, task_id: str) -> Response:
    """Why this task is there, back to the first cause."""
    return JsonResponse(await parts.explain.task(task_id))


@router.post(
    "/{task_id}/complete",
    response_model=TaskItem,
    openapi_extra=documented(
        Completing, {"outcome": "done", "data": {"reached": True}, "comment": "paid by Friday"}
    ),
    responses=problems(
        _400="the body, or its data, does not fit",
        _404="no such task",
        _409="it cannot be completed",
    ),
)
async def complete_task(
    parts: Parts,
    actor: Actor,
    task_id: str,
    said: Annotated[Completing, Depends(json_body(Completing))],
) -> Response:
    """Complete a task of a person, once; the same completion again answers the same."""
    completion = Completion(said.outcome, said.data, said.comment, actor)
    await parts.task_inbox.complete(task_id, completion)
    return JsonResponse(await parts.reading.task(task_id))
