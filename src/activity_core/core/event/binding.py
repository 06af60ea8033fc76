"""How events travel: headers and a body become envelopes, an envelope becomes headers and a body.

In: the HTTP API (`decode_http`) and messages of brokers (`decode_message`), in every content mode
of the CloudEvents bindings, and plain JSON. Out: the relay (`encode_structured`). Headers are any
mapping of text; their names are compared without case.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from activity_core.core.errors import (
    BadInputError,
    InvalidEventError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)
from activity_core.core.event.binary_mode import HTTP, PROTOCOLS, Carriage
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.media_type import media_type_of
from activity_core.core.event.message import Message
from activity_core.core.jsontext import MAX_DEPTH, JsonValue, parse_json

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

MAX_EVENTS = 1_000
"""Events of a batch, unless the caller says otherwise."""


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
    media_type = media_type_of(fields.get("content-type", ""))
    if media_type == STRUCTURED:
        return DecodedEvents((_event_or_error(parse_json(body, max_depth=max_depth)),), batch=False)
    if media_type == BATCH:
        value = parse_json(body, max_depth=max_depth)
        if not isinstance(value, list):
            return DecodedEvents((InvalidEventError("a batch must be a JSON array"),), batch=False)
        return _batch(value, max_events)
    if not media_type.startswith("application/cloudevents") and HTTP.carries(fields):
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


def decode_message(message: Message, *, protocol: str, max_depth: int = MAX_DEPTH) -> EventEnvelope:
    """Read a broker's message: binary mode if it has headers of it, else a JSON object.

    Without a content type, and with one that says nothing of CloudEvents, either spelling of
    events is read. A batch is refused: no broker's binding has one, and a message is settled as
    one.

    Args:
        message: as it came; its `default_id` is the id of an event that has none.
        protocol: one of `PROTOCOLS`: by which binding attributes are in headers.
        max_depth: levels that the JSON may nest.

    Raises:
        InvalidEventError: not an event; type and source are never derived.
        MalformedJsonError: the body cannot be read.
        UnsupportedMediaTypeError: a CloudEvents format other than single JSON.
    """
    fields = {name.lower(): value for name, value in message.headers.items()}
    try:
        value = _message_value(fields, message.body, PROTOCOLS[protocol], max_depth)
        return EventEnvelope.from_json(value, default_id=message.default_id or None)
    except BadInputError as error:
        error.subject = message.place
        raise


def _message_value(
    fields: Mapping[str, str], body: bytes, carriage: Carriage, max_depth: int
) -> JsonValue:
    media_type = media_type_of(fields.get("content-type", ""))
    if media_type.startswith("application/cloudevents"):
        # The drafts of the NATS binding name the structured mode without the format.
        if media_type not in (STRUCTURED, "application/cloudevents"):
            raise UnsupportedMediaTypeError(
                f"content type {media_type[:80]!r}", hint=f"publish {STRUCTURED}"
            )
    elif carriage.carries(fields):
        return carriage.event(fields, body, max_depth)
    return parse_json(body, max_depth=max_depth)


def encode_structured(envelope: EventEnvelope) -> tuple[dict[str, str], bytes]:
    """Headers and body of the structured mode, the same by every way."""
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
        return EventEnvelope.from_json(HTTP.event(fields, body, max_depth))
    except InvalidEventError as error:
        return error
