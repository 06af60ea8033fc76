"""OpenAPI: FastAPI's own document, plus what it cannot see.

That is the hot path (`POST /v1/events` is no FastAPI route), the API keys (checked at the door)
and the shape of problems.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from activity_core.api.problem import PROBLEM
from activity_core.api.shapes.base import IssueItem, Problem
from activity_core.api.shapes.events import Accepted, AcceptedBatch
from activity_core.core.event.binding import BATCH, STRUCTURED
from activity_core.core.event.envelope import envelope_json_schema

_EXAMPLE = {
    "specversion": "1.0",
    "id": "order-1042",
    "source": "/shop/orders",
    "type": "order.created",
    "data": {"order_id": "1042", "amount": 120},
}
_ACCEPTED = {"source": "/shop/orders", "id": "order-1042", "status": "accepted"}
_DUPLICATE = _ACCEPTED | {
    "status": "duplicate",
    "received_at": "2026-11-21T09:00:00Z",
    "state": "routed",
    "runs": ["run-5b6e9766cbfb5486f6e4dca8e3ff2e21"],
}
_REF = "#/components/schemas/{model}"


def install_openapi(app: FastAPI, *, with_keys: bool) -> None:
    """Make `/openapi.json` say all of it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _complete(document, with_keys=with_keys)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _complete(document: dict[str, Any], *, with_keys: bool) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Problem, IssueItem, Accepted, AcceptedBatch):
        schema = model.model_json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    schemas["EventEnvelope"] = {
        key: value for key, value in envelope_json_schema().items() if not key.startswith("$")
    }
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in document["paths"].values():
        for operation in path.values():
            if "HTTPValidationError" in str(operation["responses"].get("422", "")):
                del operation["responses"]["422"]  # ours are 400, and problems
    document["paths"].setdefault("/v1/events", {})["post"] = _receive_events()
    if with_keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]


def _receive_events() -> dict[str, Any]:
    one = {"$ref": "#/components/schemas/EventEnvelope"}
    return {
        "tags": ["events"],
        "operationId": "receive_events",
        "summary": "Receive Events",
        "description": (
            "Accept one CloudEvent (structured, binary with `ce-` headers, or its plain JSON "
            "spelling) or a batch, durably. The same event again is a `duplicate`; the same "
            "source and id with another body is a conflict. In a batch every event has its own "
            "result, and valid ones are accepted beside invalid ones."
        ),
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": one, "example": _EXAMPLE},
                BATCH: {"schema": {"type": "array", "items": one}, "example": [_EXAMPLE]},
                "application/json": {"schema": {"anyOf": [one, {"type": "array", "items": one}]}},
                "*/*": {"schema": {"description": "Data of an event in binary mode."}},
            },
        },
        "responses": {
            "202": _answer("Accepted; of a batch, at least one.", _ACCEPTED),
            "200": _answer("Nothing new: it came before.", _DUPLICATE),
            "400": _problem("Not JSON, or not an event; of a batch, none is."),
            "409": _problem("Its source and id came before with another body."),
            "413": _problem("Too many bytes, or events."),
            "415": _problem("Not a content type for events."),
            "503": _problem("Not known to be stored; send it again."),
        },
    }


def _answer(description: str, example: dict[str, Any]) -> dict[str, Any]:
    schemas = [{"$ref": f"#/components/schemas/{name}"} for name in ("Accepted", "AcceptedBatch")]
    return {
        "description": description,
        "content": {"application/json": {"schema": {"anyOf": schemas}, "example": example}},
    }


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {PROBLEM: {"schema": schema}}}
