"""Events: in by `POST /v1/events`, out by lists, details and explanations.

Accepting is the hot path: the body goes through `core.binding` to `services.ingest` and back as
a few bytes, without models or dependencies.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from activity_core.api.body import read_body
from activity_core.api.parts import ApiLimits, ApiParts, Parts
from activity_core.api.problem import JsonResponse, problem_of
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.events import EventDetail, EventExplained, EventItem
from activity_core.core.errors import BadInputError, InvalidEventError
from activity_core.core.event.binding import decode_http
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.inbox import Acceptance
from activity_core.services.intake import event_conflict

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=StrictRoute)

VIA = "http"
Decoded = EventEnvelope | InvalidEventError


async def receive_events(request: Request) -> Response:
    """Accept one event or a batch, durably, before answering."""
    if request.scope["query_string"]:
        raise BadInputError("POST /v1/events has no query parameters")
    parts: ApiParts = request.app.state.parts
    limits: ApiLimits = request.app.state.limits
    body = await read_body(request, limits.max_body_bytes)
    headers = {
        name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]
    }
    decoded = decode_http(
        headers, body, max_depth=limits.max_json_depth, max_events=limits.max_batch_events
    )
    if decoded.batch:
        return await _accept_batch(parts, decoded.items)
    return await _accept_one(parts, decoded.items[0])


async def _accept_one(parts: ApiParts, item: Decoded) -> Response:
    if isinstance(item, InvalidEventError):
        raise item
    [answer] = await parts.ingest.accept([item], VIA)
    if answer is Acceptance.CONFLICT:
        raise event_conflict(item)
    result: dict[str, Any] = {"source": item.source, "id": item.id, "status": answer.value}
    if answer is Acceptance.ACCEPTED:
        return JsonResponse(result, status_code=202)
    first = await parts.reading.event(item.source, item.id)
    result |= {"received_at": first["received_at"], "state": first["state"], "runs": _runs(first)}
    return JsonResponse(result)


async def _accept_batch(parts: ApiParts, items: Sequence[Decoded]) -> Response:
    """Per-item results: what is valid is accepted, whatever stands beside it."""
    valid = [item for item in items if isinstance(item, EventEnvelope)]
    answers = iter(await parts.ingest.accept(valid, VIA) if valid else ())
    results = [
        _invalid(item) if isinstance(item, InvalidEventError) else _result(item, next(answers))
        for item in items
    ]
    statuses = {result["status"] for result in results}
    if Acceptance.ACCEPTED in statuses:
        return JsonResponse({"items": results}, status_code=202)
    if Acceptance.DUPLICATE in statuses or not results:
        return JsonResponse({"items": results})
    return problem_of(BadInputError("no event of the batch was accepted"), items=results)


def _result(item: EventEnvelope, answer: Acceptance) -> dict[str, Any]:
    result: dict[str, Any] = {"source": item.source, "id": item.id, "status": answer.value}
    if answer is Acceptance.CONFLICT:
        error = event_conflict(item)
        result["error"] = {"code": error.code, "detail": error.message}
    return result


def _invalid(error: InvalidEventError) -> dict[str, Any]:
    detail = f"{error.message} ({error.hint})" if error.hint else error.message
    return {
        "source": None,
        "id": None,
        "status": "invalid",
        "error": {"code": error.code, "detail": detail},
    }


def _runs(event: Any) -> list[str]:
    """The runs that were decided for an event, each once."""
    return list(dict.fromkeys(item["run_id"] for item in event["decisions"] if item["run_id"]))


@router.get("", response_model=PageOf[EventItem], responses=problems(_400="bad parameters"))
async def list_events(
    parts: Parts,
    *,
    source: Filter = None,
    type: Filter = None,  # noqa: A002 - the parameter's name
    id: Filter = None,  # noqa: A002 - the parameter's name
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Events, newest first."""
    filters = {"source": source, "type": type, "id": id}
    return listing(await parts.reading.events(query(filters, limit, cursor)))


_ONE = problems(_404="no such event", _409="several sources sent that id: say which")


@router.get("/explain", response_model=EventExplained, responses=_ONE)
async def explain_event(parts: Parts, id: str, source: Filter = None) -> Response:  # noqa: A002
    """Why it did, or did not, fire: a verdict of every definition that listened, and the runs."""
    return JsonResponse(await parts.explain.event(source, id))


@router.get("/{event_id:path}", response_model=EventDetail, responses=_ONE)
async def show_event(parts: Parts, event_id: str, source: Filter = None) -> Response:
    """One event with its envelope, routing and decisions."""
    return JsonResponse(await parts.reading.event(source, event_id))
