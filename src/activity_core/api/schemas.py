"""The published JSON Schemas, for editors and producers."""

from typing import Any

from fastapi import APIRouter, Response

from activity_core.api.problem import JsonResponse
from activity_core.api.route import StrictRoute
from activity_core.core.definition_file.schema import (
    calendar_json_schema,
    connection_json_schema,
    definition_json_schema,
    event_type_json_schema,
    source_json_schema,
)
from activity_core.core.event.envelope import envelope_json_schema

router = APIRouter(prefix="/v1/schemas", tags=["schemas"], route_class=StrictRoute)


@router.get("/event-envelope", response_model=dict[str, Any])
async def show_event_schema() -> Response:
    """JSON Schema of the event envelope."""
    return JsonResponse(envelope_json_schema())


@router.get("/activity-definition", response_model=dict[str, Any])
async def show_definition_schema() -> Response:
    """JSON Schema of one activity definition."""
    return JsonResponse(definition_json_schema())


@router.get("/connection", response_model=dict[str, Any])
async def show_connection_schema() -> Response:
    """JSON Schema of one connection."""
    return JsonResponse(connection_json_schema())


@router.get("/calendar", response_model=dict[str, Any])
async def show_calendar_schema() -> Response:
    """JSON Schema of one calendar."""
    return JsonResponse(calendar_json_schema())


@router.get("/event-source", response_model=dict[str, Any])
async def show_source_schema() -> Response:
    """JSON Schema of one event source."""
    return JsonResponse(source_json_schema())


@router.get("/event-type", response_model=dict[str, Any])
async def show_event_type_schema() -> Response:
    """JSON Schema of one event type."""
    return JsonResponse(event_type_json_schema())
