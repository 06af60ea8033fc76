"""Simulations: what would become of an event that nobody sent. They change nothing."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Body, Words, documented, json_body
from activity_core.api.parts import Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import StrictRoute, problems
from activity_core.api.shapes.explanations import SimulatedEvent
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.event.envelope import EventEnvelope

router = APIRouter(prefix="/v1/simulations", tags=["simulations"], route_class=StrictRoute)

NAMELESS = "simulated"
"""The id of an event that has none."""


class SimulatingEvent(Body):
    """An event, the source that would send it, and YAML or JSON documents that would be applied.

    Without `sender`, it is sent by somebody whom no source lists.
    """

    event: dict[str, Any]
    sender: Annotated[Words, Field(max_length=63)] | None = None
    drafts: str | None = None


_EXAMPLE = {
    "event": {
        "specversion": "1.0",
        "id": "o-1",
        "source": "/shop",
        "type": "order.created",
        "data": {"amount": 120},
    },
    "sender": "shop",
}


@router.post(
    "/event",
    response_model=SimulatedEvent,
    openapi_extra=documented(SimulatingEvent, _EXAMPLE),
    responses=problems(_400="no event", _404="no such sender", _422="drafts with `issues`"),
)
async def simulate_event(
    parts: Parts, wanted: Annotated[SimulatingEvent, Depends(json_body(SimulatingEvent))]
) -> Response:
    """What every definition would make of an event, and what would follow; nothing is stored.

    Drafts stand in the place of what they would replace.
    """
    event = EventEnvelope.from_json(wanted.event, default_id=NAMELESS)
    drafts = None
    if wanted.drafts is not None:  # a megabyte of YAML takes a while
        drafts = await asyncio.to_thread(parse_definitions, wanted.drafts, file="drafts")
    answer = await parts.simulation.event(event, sender=wanted.sender, drafts=drafts)
    return JsonResponse(answer)
