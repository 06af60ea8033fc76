"""Tasks: lists, details, and what was done to them. What people do is in `task_actions`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from fastapi import Query as Parameter

from activity_core.api.parts import Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.explanations import TaskExplained
from activity_core.api.shapes.runs import TaskItem
from activity_core.api.shapes.tasks import TaskLog, log_item
from activity_core.core.errors import BadInputError
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.task import TaskStatus

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], route_class=StrictRoute)


@router.get("", response_model=PageOf[TaskItem], responses=problems(_400="bad parameters"))
async def list_tasks(
    parts: Parts,
    *,
    run_id: Filter = None,
    definition_id: Filter = None,
    status: TaskStatus | None = None,
    kind: TaskKind | None = None,
    open_: Annotated[bool | None, Parameter(alias="open", description="Not ended yet.")] = None,
    assignee: Filter = None,
    group: Filter = None,
    claimed_by: Filter = None,
    sort: Annotated[
        Literal["newest", "due"],
        Parameter(description="`due`: what people can do now, what is due first comes first."),
    ] = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Tasks: all of them, newest first; or the inbox of people, by when they are due."""
    filters = {
        "run_id": run_id,
        "definition_id": definition_id,
        "status": status,
        "kind": kind,
        "open": None if open_ is None else str(open_).lower(),
        "assignee": assignee,
        "group": group,
        "claimed_by": claimed_by,
    }
    if sort == "newest":
        return listing(await parts.reading.tasks(query(filters, limit, cursor)))
    if kind not in {None, TaskKind.HUMAN} or open_ is False:
        raise BadInputError("`sort=due` lists open tasks of people", hint="leave out kind and open")
    return listing(
        await parts.reading.task_inbox(query(filters | {"kind": None, "open": None}, limit, cursor))
    )


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
    """What people and time did to a task, oldest first: the newest 1,000 lines."""
    log = await parts.task_inbox.log(task_id)
    return JsonResponse({"items": [log_item(entry) for entry in log]})
