"""Events: in by `POST /v1/events`, out by lists, details and explanations.

Accepting is the hot path: the body goes through `core.event.binding` to `services.reception` and
back as a few bytes, without models or dependencies.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from activity_core.api.body import read_body
from activity_core.api.header_fields import header_fields
from activity_core.api.parts import ApiLimits, ApiParts, Parts
from activity_core.api.problem import JsonResponse, problem_of
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.events import EventDetail, EventExplained, EventItem, EventRefused
from activity_core.core.errors import (
    ActivityCoreError,
    BadInputError,
    EventConflictError,
    InvalidEventError,
    SchemaMismatchError,
)
from activity_core.core.event.binding import DecodedEvents, decode_http
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.inbox import Acceptance
from activity_core.services.reception import Answer, Decoded

_STATUSES: dict[type[ActivityCoreError], str] = {
    InvalidEventError: "invalid",
    EventConflictError: "conflict",
}

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=StrictRoute)


async def receive_events(request: Request) -> Response:
    """Accept one event or a batch, durably, before answering."""
    parts: ApiParts = request.app.state.parts
    visitor = await parts.reception.visitor_of_key(request.scope["state"]["actor"])
    try:
        decoded = await _decoded(request)
    except ActivityCoreError as error:
        await parts.reception.refuse(visitor, error)
        raise
    answers = await parts.reception.receive(decoded.items, visitor)
    if decoded.batch:
        return _batch_answer(decoded.items, answers)
    return await _single_answer(parts, decoded.items[0], answers[0])


async def _decoded(request: Request) -> DecodedEvents:
    if request.scope["query_string"]:
        raise BadInputError("POST /v1/events has no query parameters")
    limits: ApiLimits = request.app.state.limits
    body = await read_body(request, limits.max_body_bytes)
    return decode_http(
        header_fields(request),
        body,
        max_depth=limits.max_json_depth,
        max_events=limits.max_batch_events,
    )


async def _single_answer(parts: ApiParts, item: Decoded, answer: Answer) -> Response:
    if isinstance(answer, ActivityCoreError):
        raise answer
    result = item_result(item, answer)
    if answer is Acceptance.ACCEPTED:
        return JsonResponse(result, status_code=202)
    first = await parts.reading.event(result["source"], result["id"])
    result |= {"received_at": first["received_at"], "state": first["state"], "runs": _runs(first)}
    return JsonResponse(result)


def _batch_answer(items: Sequence[Decoded], answers: Sequence[Answer]) -> Response:
    """Per-item results: what may come in is accepted, whatever stands beside it."""
    results = [item_result(*each) for each in zip(items, answers, strict=True)]
    if Acceptance.ACCEPTED in answers:
        return JsonResponse({"items": results}, status_code=202)
    if Acceptance.DUPLICATE in answers or not results:
        return JsonResponse({"items": results})
    return problem_of(BadInputError("no event of the batch was accepted"), items=results)


def item_result(item: Decoded, answer: Answer) -> dict[str, Any]:
    """What became of one of many; an error stands in its result."""
    event = item if isinstance(item, EventEnvelope) else None
    result: dict[str, Any] = {
        "source": event.source if event else None,
        "id": event.id if event else None,
    }
    if not isinstance(answer, ActivityCoreError):
        return result | {"status": answer.value}
    detail = f"{answer.message} ({answer.hint})" if answer.hint else answer.message
    error: dict[str, Any] = {"code": answer.code, "detail": detail}
    if isinstance(answer, SchemaMismatchError):
        error["pointers"] = list(answer.pointers)
    return result | {"status": _STATUSES.get(type(answer), "refused"), "error": error}


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


@router.get("/explain", response_model=EventExplained | EventRefused, responses=_ONE)
async def explain_event(parts: Parts, id: str, source: Filter = None) -> Response:  # noqa: A002
    """Why it did, or did not, fire: a verdict of every definition that listened, and the runs.

    An event that never came in is explained by its refusals.
    """
    return JsonResponse(await parts.explain.event(source, id))


@router.get("/{event_id:path}", response_model=EventDetail, responses=_ONE)
async def show_event(parts: Parts, event_id: str, source: Filter = None) -> Response:
    """One event with its envelope, routing and decisions."""
    return JsonResponse(await parts.reading.event(source, event_id))
