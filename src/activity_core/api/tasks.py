"""Tasks: lists, details, and what was done to them. What people do is in `task_actions`."""

from fastapi import APIRouter, Response

from activity_core.api.parts import Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.explanations import TaskExplained
from activity_core.api.shapes.runs import TaskItem
from activity_core.api.shapes.tasks import TaskLog, log_item
from activity_core.core.run.task import TaskStatus

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], route_class=StrictRoute)


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


@router.get("/{task_id}/log", response_model=TaskLog, responses=problems(_404="no such task"))
async def show_task_log(parts: Parts, task_id: str) -> Response:
    """What people and time did to a task, oldest first."""
    log = await parts.task_inbox.log(task_id)
    return JsonResponse({"items": [log_item(entry) for entry in log]})
