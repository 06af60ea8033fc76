"""Cases: what ongoing definitions know, and how to end it."""

from fastapi import APIRouter, Response

from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.cases import CaseDetail, CaseItem
from activity_core.core.case.case import CaseStatus

router = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=StrictRoute)


@router.get("", response_model=PageOf[CaseItem], responses=problems(_400="bad parameters"))
async def list_cases(
    parts: Parts,
    *,
    definition_id: Filter = None,
    status: CaseStatus | None = None,
    key: Filter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Cases, newest first. `key` is a text, or the JSON of any other key."""
    filters = {"definition_id": definition_id, "status": status, "key": key}
    return listing(await parts.case_desk.page(query(filters, limit, cursor)))


@router.get("/{case_id}", response_model=CaseDetail, responses=problems(_404="no such case"))
async def show_case(parts: Parts, case_id: str) -> Response:
    """One case: its state, its runs, what it waits for."""
    return JsonResponse(await parts.case_desk.show(case_id))


@router.post(
    "/{case_id}/close",
    response_model=CaseDetail,
    responses=problems(_404="no such case", _409="runs wait for their turn in it"),
)
async def close_case(parts: Parts, actor: Actor, case_id: str) -> Response:
    """End a case now; what comes later for its key opens the next. Fine if it is over."""
    return JsonResponse(await parts.case_desk.close(case_id, actor))
