"""Slots of one definition: those that come next, and what became of one."""

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Query as Parameter

from activity_core.api.parts import Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import StrictRoute, problems
from activity_core.api.shapes.slots import SchedulePreview, SlotExplained
from activity_core.services.schedules import MOST_PREVIEWED

router = APIRouter(
    prefix="/v1/definitions/{definition_id}", tags=["definitions"], route_class=StrictRoute
)

After = Annotated[
    str | None,
    Parameter(
        alias="from",
        max_length=64,
        description="Slots later than this: RFC 3339, or a wall time of the schedule's zone.",
    ),
]
Count = Annotated[int, Parameter(ge=1, le=MOST_PREVIEWED, description="How many slots.")]

_PROBLEMS = problems(_400="no schedule, or no time", _404="no such definition")


@router.get("/schedule", response_model=SchedulePreview, responses=_PROBLEMS)
async def preview_schedule(
    parts: Parts, definition_id: str, after: After = None, count: Count = 10
) -> Response:
    """The next slots by the schedule in force, as its clock shows them."""
    items = await parts.schedules.preview(definition_id, after, count)
    return JsonResponse({"definition_id": definition_id, "items": list(items)})


@router.get("/slots/{time}", response_model=SlotExplained, responses=_PROBLEMS)
async def explain_slot(parts: Parts, definition_id: str, time: str) -> Response:
    """What became of a slot, or why nothing did; `time` as `from` of the schedule."""
    return JsonResponse(await parts.explain_slot.slot(definition_id, time))
