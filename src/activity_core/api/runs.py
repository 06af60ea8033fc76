"""Runs: what happened, and why. What is done to them is in `run_control`."""

from fastapi import APIRouter, Response

from activity_core.api.parts import Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.explanations import RunExplained
from activity_core.api.shapes.runs import RunDetail, RunItem
from activity_core.core.run.run import RunStatus

router = APIRouter(prefix="/v1/runs", tags=["runs"], route_class=StrictRoute)


@router.get("", response_model=PageOf[RunItem], responses=problems(_400="bad parameters"))
async def list_runs(
    parts: Parts,
    *,
    definition_id: Filter = None,
    source: Filter = None,
    event_id: Filter = None,
    status: RunStatus | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Runs, newest first; `source` and `event_id` name an event that a run is for."""
    filters = {
        "definition_id": definition_id,
        "source": source,
        "event_id": event_id,
        "status": status,
    }
    return listing(await parts.reading.runs(query(filters, limit, cursor)))


@router.get("/{run_id}", response_model=RunDetail, responses=problems(_404="no such run"))
async def show_run(parts: Parts, run_id: str) -> Response:
    """One run with its context, rules, tasks, decisions, and events out."""
    return JsonResponse(await parts.reading.run(run_id))


@router.get(
    "/{run_id}/explain", response_model=RunExplained, responses=problems(_404="no such run")
)
async def explain_run(parts: Parts, run_id: str) -> Response:
    """Why this run is there, back to the first cause, and what followed."""
    return JsonResponse(await parts.explain.run(run_id))
