"""Event replays: recorded events to be judged again, how far that is, and how to stop it."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Body, Why, Words, documented, json_body
from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Filter, Limit, StrictRoute, moment, problems
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.event_replays import EventReplayItem, EventReplayPreview
from activity_core.core.expression.condition import rfc3339
from activity_core.ports.event_replays import EventReplay
from activity_core.services.event_replay_range import (
    MOST_RATE,
    EventReplayPlan,
    EventReplayRange,
)

router = APIRouter(prefix="/v1/event-replays", tags=["event replays"], route_class=StrictRoute)


class Replaying(Body):
    """A definition, and when its events were received; both ends included, to now if left out.

    Both are instants like `2026-11-21T09:00:00Z`, or say how long ago, like `2h`. The same
    `request_id` again finds the same replay. `rate`: events that match a second.
    """

    definition_id: Annotated[Words, Field(min_length=1, max_length=255)]
    since: Annotated[str, Field(max_length=64)]
    until: Annotated[str, Field(max_length=64)] | None = None
    rate: Annotated[float, Field(gt=0, le=MOST_RATE, strict=False)] | None = None
    dry_run: bool = False
    reason: Why = ""
    request_id: Annotated[str | None, Field(max_length=64)] = None


_EXAMPLE = {
    "definition_id": "triage",
    "since": "2026-11-01T00:00:00Z",
    "until": "2026-11-08T00:00:00Z",
    "reason": "its filter was wrong",
    "request_id": "triage-mended",
}


@router.post(
    "",
    status_code=202,
    response_model=EventReplayItem,
    openapi_extra=documented(Replaying, _EXAMPLE),
    responses=problems(_404="no such definition", _409="its state does not allow this")
    | {200: {"model": EventReplayPreview, "description": "With `dry_run`: what it would find."}},
)
async def request_event_replay(
    parts: Parts, actor: Actor, wanted: Annotated[Replaying, Depends(json_body(Replaying))]
) -> Response:
    """Judge recorded events again for one definition; those that have a run of it are left alone.

    It is worked off by and by. One at a time per definition.
    """
    now = parts.clock.now()
    range_ = EventReplayRange(
        wanted.definition_id,
        moment(wanted.since, now),
        None if wanted.until is None else moment(wanted.until, now),
    )
    if wanted.dry_run:
        return JsonResponse(_preview(range_, await parts.event_replay_desk.plan(range_)))
    replay = await parts.event_replay_desk.request(
        secrets.token_hex(16) if wanted.request_id is None else wanted.request_id,
        range_,
        rate=wanted.rate,
        actor=actor,
        reason=wanted.reason,
    )
    return JsonResponse(_item(replay), status_code=202)


@router.get("", response_model=PageOf[EventReplayItem], responses=problems(_400="bad parameters"))
async def list_event_replays(
    parts: Parts, *, definition_id: Filter = None, limit: Limit = 50
) -> Response:
    """Event replays, newest first; one page."""
    found = await parts.event_replays.recent(definition_id, limit)
    return JsonResponse({"items": [_item(replay) for replay in found], "next": None})


@router.get(
    "/{replay_id}", response_model=EventReplayItem, responses=problems(_404="no such replay")
)
async def show_event_replay(parts: Parts, replay_id: str) -> Response:
    """How far an event replay is."""
    return JsonResponse(_item(await parts.event_replays.progress(replay_id)))


@router.post(
    "/{replay_id}/stop", response_model=EventReplayItem, responses=problems(_404="no such replay")
)
async def stop_event_replay(parts: Parts, replay_id: str) -> Response:
    """Judge no further events; runs that it made go on. Fine if it is over."""
    return JsonResponse(_item(await parts.event_replay_desk.stop(replay_id)))


def _item(replay: EventReplay) -> dict[str, Any]:
    request, tally = replay.request, replay.tally
    return {
        "replay_id": request.replay_id,
        "definition_id": request.definition_id,
        "since": rfc3339(request.since),
        "until": rfc3339(request.until),
        "rate": request.rate,
        "actor": request.actor,
        "reason": request.reason,
        "status": replay.status,
        "looked_at": tally.looked_at,
        "existing": tally.existing,
        "matched": tally.matched,
        "fired": tally.fired,
        "reached": rfc3339(replay.place.received_at),
        "requested_at": rfc3339(replay.requested_at),
        "finished_at": replay.finished_at and rfc3339(replay.finished_at),
    }


def _preview(wanted: EventReplayRange, plan: EventReplayPlan) -> dict[str, Any]:
    return {
        "definition_id": wanted.definition_id,
        "looked_at": plan.tally.looked_at,
        "existing": plan.tally.existing,
        "matched": plan.tally.matched,
        "reached": plan.reached and rfc3339(plan.reached),
    }
