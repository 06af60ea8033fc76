"""Backfills: past slots to be run, how far that is, and how to stop it."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Body, Why, documented, json_body
from activity_core.api.instant import Instant
from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Filter, Limit, StrictRoute, problems
from activity_core.api.shapes.backfills import BackfillItem, BackfillPreview
from activity_core.api.shapes.base import PageOf
from activity_core.core.expression.condition import rfc3339
from activity_core.ports.backfills import BackfillOrder, BackfillProgress
from activity_core.services.backfill import MOST_CONCURRENT
from activity_core.services.backfill_range import BackfillPlan, BackfillRange

router = APIRouter(prefix="/v1", tags=["backfills"], route_class=StrictRoute)

_MOST_LISTED = 1_000


class Backfilling(Body):
    """A range of time, both ends included; the same `request_id` again finds the same backfill."""

    from_: Instant = Field(alias="from")
    to: Instant
    order: Annotated[BackfillOrder, Field(strict=False)] = BackfillOrder.OLDEST
    max_concurrent: Annotated[int, Field(ge=1, le=MOST_CONCURRENT)] = 1
    dry_run: bool = False
    confirm: bool = False
    reason: Why = ""
    request_id: Annotated[str | None, Field(max_length=64)] = None


_EXAMPLE = {
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-11-08T00:00:00Z",
    "order": "oldest",
    "max_concurrent": 2,
    "reason": "the warehouse was loaded late",
    "request_id": "november-1",
}


@router.post(
    "/definitions/{definition_id}/backfills",
    status_code=202,
    response_model=BackfillItem,
    openapi_extra=documented(Backfilling, _EXAMPLE),
    responses=problems(_404="no such definition", _409="its state does not allow this")
    | {200: {"model": BackfillPreview, "description": "With `dry_run`: what it would do."}},
)
async def request_backfill(
    parts: Parts,
    actor: Actor,
    definition_id: str,
    wanted: Annotated[Backfilling, Depends(json_body(Backfilling))],
) -> Response:
    """Run the slots of its schedule in a range of the past that have no run yet.

    More than 1,000 of them need `confirm`. They are made by and by, `max_concurrent` at a time.
    """
    range_ = BackfillRange(definition_id, wanted.from_, wanted.to, wanted.order)
    if wanted.dry_run:
        return JsonResponse(_preview(range_, await parts.backfiller.plan(range_)))
    progress = await parts.backfiller.request(
        secrets.token_hex(16) if wanted.request_id is None else wanted.request_id,
        range_,
        max_concurrent=wanted.max_concurrent,
        actor=actor,
        reason=wanted.reason,
        confirmed=wanted.confirm,
    )
    return JsonResponse(_item(progress), status_code=202)


@router.get(
    "/backfills", response_model=PageOf[BackfillItem], responses=problems(_400="bad parameters")
)
async def list_backfills(
    parts: Parts, *, definition_id: Filter = None, limit: Limit = 50
) -> Response:
    """Backfills, newest first; one page."""
    found = await parts.backfills.recent(definition_id, limit)
    return JsonResponse({"items": [_item(progress) for progress in found], "next": None})


@router.get(
    "/backfills/{backfill_id}",
    response_model=BackfillItem,
    responses=problems(_404="no such backfill"),
)
async def show_backfill(parts: Parts, backfill_id: str) -> Response:
    """How far a backfill is."""
    return JsonResponse(_item(await parts.backfills.progress(backfill_id)))


@router.post(
    "/backfills/{backfill_id}/stop",
    response_model=BackfillItem,
    responses=problems(_404="no such backfill"),
)
async def stop_backfill(parts: Parts, backfill_id: str) -> Response:
    """Make no further runs of it; those that are open go on. Fine if it is over."""
    return JsonResponse(_item(await parts.backfiller.stop(backfill_id)))


def _item(progress: BackfillProgress) -> dict[str, Any]:
    return {
        "backfill_id": progress.backfill_id,
        "definition_id": progress.definition_id,
        "from": rfc3339(progress.first),
        "to": rfc3339(progress.last),
        "order": progress.order,
        "max_concurrent": progress.max_concurrent,
        "actor": progress.actor,
        "reason": progress.reason,
        "status": progress.status,
        "slots": progress.slots,
        "counts": dict(progress.counts),
        "requested_at": rfc3339(progress.requested_at),
        "finished_at": progress.finished_at and rfc3339(progress.finished_at),
    }


def _preview(wanted: BackfillRange, plan: BackfillPlan) -> dict[str, Any]:
    return {
        "definition_id": wanted.definition_id,
        "from": rfc3339(wanted.first),
        "to": rfc3339(wanted.last),
        "order": wanted.order,
        "slots": [rfc3339(slot) for slot in plan.to_run[:_MOST_LISTED]],
        "counts": {"waiting": len(plan.to_run), "existing": len(plan.existing)},
    }
