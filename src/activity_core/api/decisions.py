"""Decisions: what became of each occurrence for each definition, and why."""

from dataclasses import replace

from fastapi import APIRouter, Response

from activity_core.api.parts import Parts
from activity_core.api.route import (
    Cursor,
    Filter,
    Limit,
    Moment,
    StrictRoute,
    listing,
    moment,
    problems,
    query,
)
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.runs import DecisionItem
from activity_core.core.decision import Outcome

router = APIRouter(prefix="/v1/decisions", tags=["decisions"], route_class=StrictRoute)


@router.get("", response_model=PageOf[DecisionItem], responses=problems(_400="bad parameters"))
async def list_decisions(
    parts: Parts,
    *,
    definition_id: Filter = None,
    outcome: Outcome | None = None,
    occurrence_key: Filter = None,
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Decisions, newest first, made at or after `since` and before `until`.

    `filtered` leaves no row; explaining the event recomputes it.
    """
    filters = {
        "definition_id": definition_id,
        "outcome": outcome,
        "occurrence_key": occurrence_key,
    }
    now = parts.clock.now()
    wanted = replace(
        query(filters, limit, cursor),
        since=None if since is None else moment(since, now),
        until=None if until is None else moment(until, now),
    )
    return listing(await parts.reading.decisions(wanted))
