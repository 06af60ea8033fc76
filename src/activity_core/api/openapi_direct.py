"""The operations that the door calls itself, for OpenAPI: FastAPI does not know them."""

from typing import Any

from activity_core.api.problem import PROBLEM
from activity_core.core.event.binding import BATCH, STRUCTURED

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
_SOURCE = {
    "name": "source",
    "in": "path",
    "required": True,
    "description": "The id of a source whose way is `webhook`.",
    "schema": {"type": "string"},
}
_ORIGIN = {
    "name": "WebHook-Request-Origin",
    "in": "header",
    "required": True,
    "description": "The system that wants to deliver.",
    "schema": {"type": "string", "maxLength": 255},
}
_NO_KEY: list[dict[str, Any]] = []


def direct_operations() -> dict[tuple[str, str], dict[str, Any]]:
    """By path and method."""
    return {
        ("/v1/events", "post"): _receive_events(),
        ("/v1/events", "options"): _ask_to_deliver("events", "ask_to_deliver_events"),
        ("/v1/hooks/{source}", "post"): _receive_hook(),
        ("/v1/hooks/{source}", "options"): _ask_to_deliver("hooks", "ask_to_deliver_to_hook")
        | {"parameters": [_SOURCE, _ORIGIN]},
    }


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
            "400": _problem("Not JSON, or not an event; of a batch, none was accepted."),
            "403": _problem("No source lists the key, or its source may not send this."),
            "409": _problem("Its source and id came before with another body."),
            "413": _problem("Too many bytes, or events."),
            "415": _problem("Not a content type for events."),
            "422": _problem("It does not fit its type; with `pointers`."),
            **_LATER,
        },
    }


def _receive_hook() -> dict[str, Any]:
    return {
        "tags": ["hooks"],
        "operationId": "receive_hook",
        "summary": "Receive Hook",
        "description": (
            "Accept what a source tells, durably. No API key: the message proves where it is from, "
            "as the source's `verify` says. Its `map` or `preset` makes events of it; without, it "
            "must be CloudEvents. A query is not looked at."
        ),
        "security": _NO_KEY,
        "parameters": [_SOURCE],
        "requestBody": {
            "required": True,
            "content": {"*/*": {"schema": {"description": "Whatever the source sends."}}},
        },
        "responses": {
            "202": _json("Accepted, at least one event.", "AcceptedBatch"),
            "200": _json("Nothing new; or Slack's challenge.", "AcceptedBatch", "SlackChallenge"),
            "400": _problem("No event can be read from it."),
            "401": _problem("It does not prove where it is from."),
            "403": _problem("The source may not send this."),
            "404": _problem("No such source."),
            "409": _problem("An event's source and id came before with another body."),
            "413": _problem("Too many bytes, or events."),
            "415": _problem("Not a content type that can be read."),
            "422": _problem("It cannot be mapped, or does not fit its type; with `pointers`."),
            **_LATER,
        },
    }


def _ask_to_deliver(tag: str, name: str) -> dict[str, Any]:
    return {
        "tags": [tag],
        "operationId": name,
        "summary": "Ask To Deliver",
        "description": "CloudEvents' webhook handshake: whether an origin may deliver events here.",
        "security": _NO_KEY,
        "parameters": [_ORIGIN],
        "responses": {
            "200": {
                "description": "It may.",
                "headers": {
                    name: {"schema": {"type": "string"}}
                    for name in ("WebHook-Allowed-Origin", "WebHook-Allowed-Rate", "Allow")
                },
            },
            "400": _problem("Nobody is named."),
            "403": _problem("It may not."),
        },
    }


def _answer(description: str, example: dict[str, Any]) -> dict[str, Any]:
    answer = _json(description, "Accepted", "AcceptedBatch")
    answer["content"]["application/json"]["example"] = example
    return answer


def _json(description: str, *models: str) -> dict[str, Any]:
    schemas = [{"$ref": f"#/components/schemas/{model}"} for model in models]
    return {
        "description": description,
        "content": {"application/json": {"schema": {"anyOf": schemas}}},
    }


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {PROBLEM: {"schema": schema}}}


_LATER = {
    "429": _problem("Too much at once; send it again after `Retry-After`."),
    "503": _problem("Its source is paused, or it is not known to be stored; send it again."),
}
