"""How events travel: headers and a body become envelopes, an envelope becomes headers and a body.

In: the HTTP API (`decode_http`) and the NATS adapter (`decode_nats`), in every content mode of
the CloudEvents bindings, and plain JSON. Out: the relay (`encode_structured`). Headers are any
mapping of text; their names are compared without case.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from activity_core.core.errors import (
    BadInputError,
    InvalidEventError,
    MalformedJsonError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import MAX_DEPTH, JsonValue, parse_json

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

MAX_EVENTS = 1_000
"""Events of a batch, unless the caller says otherwise."""

_CE = "ce-"
_JSON_TYPE = re.compile(r"(application|text)/json|[^/]+/[^/]+\+json")
_UTF8_NAMES = ("utf-8", "utf8", "us-ascii")


@dataclass(frozen=True, slots=True)
class DecodedEvents:
    """What one request held; `batch` says whether it was sent as many (also when it was one)."""

    items: tuple[EventEnvelope | InvalidEventError, ...]
    batch: bool


def decode_http(
    headers: Mapping[str, str],
    body: bytes,
    *,
    max_depth: int = MAX_DEPTH,
    max_events: int = MAX_EVENTS,
) -> DecodedEvents:
    """Read a request in structured, batched or binary mode, or plain JSON (object or array).

    An event that is not valid stands as its error among the items and harms no other.

    Raises:
        MalformedJsonError: the body, or the JSON data of a binary event, cannot be read.
        PayloadTooLargeError: a batch of more than `max_events`.
        UnsupportedMediaTypeError: the content type is none of these.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    media_type = _media_type(fields.get("content-type", ""))
    if media_type == STRUCTURED:
        return DecodedEvents((_event_or_error(parse_json(body, max_depth=max_depth)),), batch=False)
    if media_type == BATCH:
        value = parse_json(body, max_depth=max_depth)
        if not isinstance(value, list):
            return DecodedEvents((InvalidEventError("a batch must be a JSON array"),), batch=False)
        return _batch(value, max_events)
    if not media_type.startswith("application/cloudevents") and _has_ce(fields):
        return DecodedEvents((_binary_or_error(fields, body, max_depth),), batch=False)
    if media_type == "application/json":
        value = parse_json(body, max_depth=max_depth)
        if isinstance(value, list):
            return _batch(value, max_events)
        return DecodedEvents((_event_or_error(value),), batch=False)
    raise UnsupportedMediaTypeError(
        f"content type {media_type[:80]!r}" if media_type else "no content type",
        hint=f"send {STRUCTURED}, {BATCH}, application/json, or ce- headers",
    )


def decode_nats(
    headers: Mapping[str, str] | None,
    body: bytes,
    *,
    subject: str,
    position: str,
    max_depth: int = MAX_DEPTH,
) -> EventEnvelope:
    """Read a message: binary mode if it has ce- headers, else a JSON object in either spelling.

    Args:
        headers: as the client gives them; None when there are none.
        body: the payload.
        subject: where it was published; only for the messages of errors.
        position: incarnation and sequence of the stream: the id of a message that has none.
        max_depth: levels that the JSON may nest.

    Raises:
        InvalidEventError: not an event; type and source are never derived.
        MalformedJsonError: the body cannot be read.
        UnsupportedMediaTypeError: a CloudEvents format other than single JSON.
    """
    fields = {name.lower(): value for name, value in (headers or {}).items()}
    media_type = _media_type(fields.get("content-type", ""))
    default_id = f"nats:{position}"
    try:
        if media_type.startswith("application/cloudevents"):
            # The binding's drafts name the structured mode without the format.
            if media_type not in (STRUCTURED, "application/cloudevents"):
                raise UnsupportedMediaTypeError(
                    f"content type {media_type[:80]!r}", hint=f"publish {STRUCTURED}"
                )
        elif _has_ce(fields):
            return EventEnvelope.from_json(_binary(fields, body, max_depth), default_id=default_id)
        return EventEnvelope.from_json(parse_json(body, max_depth=max_depth), default_id=default_id)
    except BadInputError as error:
        error.subject = f"message {position} on {subject}"
        raise


def encode_structured(envelope: EventEnvelope) -> tuple[dict[str, str], bytes]:
    """Headers and body of the structured mode, the same for HTTP and NATS."""
    return {"content-type": STRUCTURED}, envelope.to_bytes()


def _batch(values: list[JsonValue], max_events: int) -> DecodedEvents:
    # Before any of them is checked: a megabyte of `{}` holds 340,000, which takes seconds.
    if len(values) > max_events:
        raise PayloadTooLargeError(
            f"{len(values)} events in one batch, over the limit of {max_events}",
            hint="send several batches",
        )
    return DecodedEvents(tuple(map(_event_or_error, values)), batch=True)


def _event_or_error(value: JsonValue) -> EventEnvelope | InvalidEventError:
    try:
        return EventEnvelope.from_json(value)
    except InvalidEventError as error:
        return error


def _binary_or_error(
    fields: Mapping[str, str], body: bytes, max_depth: int
) -> EventEnvelope | InvalidEventError:
    try:
        return EventEnvelope.from_json(_binary(fields, body, max_depth))
    except InvalidEventError as error:
        return error


def _has_ce(fields: Mapping[str, str]) -> bool:
    return any(name.startswith(_CE) for name in fields)


def _binary(fields: Mapping[str, str], body: bytes, max_depth: int) -> dict[str, JsonValue]:
    # NATS carries datacontenttype as a ce- header, HTTP as its content type; either is read.
    event: dict[str, JsonValue] = {}
    if content_type := fields.get("content-type"):
        event["datacontenttype"] = content_type
    for name, value in fields.items():
        if name.startswith(_CE):
            event[name.removeprefix(_CE)] = _attribute(name, value)
    if "specversion" not in event:
        raise InvalidEventError("header ce-specversion is missing")
    for name in ("data", "data_base64", "payload"):
        if name in event:
            raise InvalidEventError(f"header {_CE}{name}: data travels in the body")
    if body:
        key, data = _data(str(event.get("datacontenttype", "")), body, max_depth)
        event[key] = data
    return event


def _data(content_type: str, body: bytes, max_depth: int) -> tuple[str, JsonValue]:
    """JSON as its value, text in UTF-8 as a string, anything else as base64."""
    media_type = _media_type(content_type)
    if _JSON_TYPE.fullmatch(media_type):
        return "data", parse_json(body, max_depth=max_depth)
    try:
        if media_type.startswith("text/") and _is_utf8(content_type):
            return "data", body.decode()
        if not media_type:  # JSON is CloudEvents' default, but nobody said so
            return "data", parse_json(body, max_depth=max_depth)
    except (UnicodeDecodeError, MalformedJsonError):
        pass
    return "data_base64", base64.b64encode(body).decode()


def _attribute(name: str, value: str) -> str:
    """Undo a header's quoting and one round of percent-encoding (HTTP binding, 3.1.3.2)."""
    if value[:1] == value[-1:] == '"' and len(value) > 1:
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if "%" not in value:
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError:
        raise InvalidEventError(f"header {name} is not percent-encoded UTF-8") from None


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _is_utf8(content_type: str) -> bool:
    charset = re.search(r";\s*charset\s*=\s*\"?([^\s;\"]+)", content_type, re.IGNORECASE)
    return charset is None or charset[1].lower() in _UTF8_NAMES
