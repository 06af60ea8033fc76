"""CloudEvents' SDK for Python as a sender."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

BATCH = "application/cloudevents-batch+json"


async def send(mode: str, url: str, events: Sequence[dict[str, Any]]) -> None:
    """Send CloudEvents (given in the JSON format); AssertionError if they are not taken."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for message in _messages(mode, [_event(dict(event)) for event in events]):
            answer = await client.post(url, content=message.body, headers=message.headers)
            assert answer.is_success, answer.text


def _messages(mode: str, events: Sequence[CloudEvent]) -> Sequence[http.HTTPMessage]:
    if mode == "binary":
        return [http.to_binary_event(event) for event in events]
    if mode == "structured":
        return [http.to_structured_event(event) for event in events]
    # It knows no batches; the format is an array of what it makes of each event.
    body = b"[" + b",".join(map(JSONFormat().write, events)) + b"]"
    return [http.HTTPMessage({"content-type": BATCH}, body)]


def _event(event: dict[str, Any]) -> CloudEvent:
    data = event.pop("data", None)
    if (encoded := event.pop("data_base64", None)) is not None:
        data = base64.b64decode(encoded)
    event["time"] = datetime.fromisoformat(event["time"])
    return CloudEvent(event, data)
