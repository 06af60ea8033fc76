"""What reads messages from outside, under damaged ones: an event that can be kept, or our error.

An event that can be kept is written as JSON and read again as itself, has a digest, and holds no
text that the store or a header refuses.
"""

import base64
import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.hostile import DATA, EVENT, documents, json_values, messages, with_headers, words
from tests.unit.proofs import SCHEMES, SECRET, verification

from activity_core.core.admission.mapping import events_of
from activity_core.core.admission.message_body import proof_headers
from activity_core.core.admission.presets import PRESETS
from activity_core.core.admission.redaction import MASK
from activity_core.core.admission.type_book import TypeBook
from activity_core.core.admission.verify import verified
from activity_core.core.definition.event_source import EventMap
from activity_core.core.definition.event_type import EventType
from activity_core.core.errors import (
    InvalidEventError,
    MalformedJsonError,
    MappingError,
    PayloadTooLargeError,
    SchemaMismatchError,
    UnsupportedMediaTypeError,
    UnverifiedError,
)
from activity_core.core.event.binding import decode_http, decode_message
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.core.jsontext import JsonValue, parse_json

MOST = 5
DOCUMENTED = (
    InvalidEventError,
    MalformedJsonError,
    UnsupportedMediaTypeError,
    PayloadTooLargeError,
)
repeatable = settings(derandomize=True, database=None, deadline=None, max_examples=250)
fewer = settings(repeatable, max_examples=120)
MAPS = [
    *PRESETS.values(),
    *(
        EventMap.model_validate(keys)
        for keys in (
            {"type": '"x"'},
            {"type": "body.type", "id": "body.id", "time": "body.time", "data": "body.data"},
            {"type": '"x"', "each": "body", "id": "item.id", "data": "item"},
            {"type": '"x"', "each": "body.data.lines", "id": "item.sku", "data": "[item, body]"},
            {"type": '"x"', "each": "[body, headers, 1, null, []]", "data": "item"},
            {"type": "string(body)", "subject": "body", "id": "headers['x']"},
            {
                "type": '"x"',
                "time": "double(body.data.id) * 1e300",
                "id": "string(1 / body.data.id)",
            },
            {"type": '"x"', "data": "body.map(k, [k, body])", "source": "body.source"},
            {"type": '"x"', "data": "{body.id: 1, 2: body}", "subject": "headers"},
            {"type": "headers.map(name, headers[name])[0]", "data": "headers"},
            {"type": '"x"', "data": "b'\\377' + bytes(string(body.id))"},
            {"type": '"x"', "time": "timestamp(body.time) + duration('100000h')"},
        )
    ),
]
SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "required": ["id"], "properties": {"id": {"multipleOf": 0.1}}},
    {"uniqueItems": True, "maxItems": 2, "items": {"type": "string", "format": "date-time"}},
    {"patternProperties": {"^(a+)+$": {"maxLength": 2}}, "additionalProperties": {"type": "null"}},
    {"$ref": "#/$defs/tree", "$defs": {"tree": {"items": {"$ref": "#/$defs/tree"}, "maxItems": 1}}},
    {"not": {}, "title": "nothing fits"},
]


def keepable(envelope: EventEnvelope) -> None:
    assert EventEnvelope.from_json(parse_json(envelope.to_bytes())) == envelope
    assert len(envelope.digest) == 32
    assert envelope.causation_depth >= 0
    names = (envelope.id, envelope.source, envelope.type, envelope.subject or "")
    for text in (*names, *map(str, envelope.extensions.values())):
        assert not set(text.encode()) & {*range(32), 127}
        assert len(text) <= 1024
    assert envelope.for_conditions()["id"] == envelope.id


@repeatable
@given(messages("http"))
def test_http(message: Message) -> None:
    with suppress(*DOCUMENTED):
        decoded = decode_http(message.headers, message.body, max_depth=20, max_events=MOST)
        assert len(decoded.items) <= MOST
        for item in decoded.items:
            if isinstance(item, EventEnvelope):
                keepable(item)


@pytest.mark.parametrize("protocol", ["nats", "kafka", "rabbitmq"])
@repeatable
@given(data=st.data())
def test_brokers(protocol: str, data: st.DataObject) -> None:
    message = data.draw(messages(protocol))
    with suppress(*DOCUMENTED):
        keepable(decode_message(message, protocol=protocol, max_depth=20))


read_bodies = documents().map(lambda value: Message(json.dumps(value).encode()))


@fewer
@given(read_bodies | messages("http"))
def test_maps(message: Message) -> None:
    for event_map in MAPS:
        with suppress(MappingError, *DOCUMENTED):
            events = events_of(event_map, message, source_id="s", max_depth=20, max_events=MOST)
            assert len(events) <= MOST
            for event in events:
                keepable(event)


PROOFS = [
    *(verification(**scheme.verify) for scheme in SCHEMES.values()),
    verification(bearer={"secrets": ["env:A"]}),
    verification(bearer={"secrets": ["env:A"], "header": "X-Token"}),
    verification(mtls={"subjects": ["CN=a"]}),
]
SIGNED = [scheme.message() for scheme in SCHEMES.values()]
NAMES = sorted({name for message in SIGNED for name in message.headers} | {"x-token", "x-time"})


@repeatable
@given(
    st.sampled_from(PROOFS),
    messages("http"),
    st.dictionaries(st.sampled_from(NAMES), words | st.text("v1=,t. 0aBer"), max_size=4),
    st.lists(st.sampled_from([SECRET, "", "\0", "whsec_", "whsec_!", "-----BEGIN"]), max_size=2),
    st.lists(st.dictionaries(st.sampled_from(["kty", "kid", "n", "e", "x"]), words), max_size=2),
    st.datetimes(timezones=st.just(UTC)),
)
def test_proofs(  # noqa: PLR0917 - all that a judgement takes
    proof: Any,
    message: Message,
    headers: dict[str, str],
    secrets: list[str],
    keys: list[dict[str, Any]],
    at: datetime,
) -> None:
    with pytest.raises(UnverifiedError) as refused:
        verified(proof, with_headers(message, headers), secrets, keys, at)
    assert SECRET not in f"{refused.value} {refused.value.reason}"


@fewer
@given(st.sampled_from(list(SCHEMES.values())), messages("http"))
def test_a_proof_survives_other_headers(scheme: Any, message: Message) -> None:
    """What stands beside the proof changes nothing, and mappings do not see the proof."""
    signed = scheme.message(message.body)
    others = {name: value for name, value in message.headers.items() if name not in NAMES}
    whole = with_headers(signed, others)
    scheme.check(whole)
    seen = EventMap.model_validate({"type": '"x"', "data": "headers"})
    hidden = proof_headers(verification(**scheme.verify))
    with suppress(MappingError, *DOCUMENTED):
        [event] = events_of(seen, whole, source_id="s", max_depth=64, max_events=1, hidden=hidden)
        shown = event.to_bytes().decode()
        assert not any(
            value in shown for name, value in signed.headers.items() if "signature" in name
        )


def envelope(data: JsonValue, **more: Any) -> EventEnvelope:
    return EventEnvelope.from_json({**EVENT, "data": data, **more})


def at(value: JsonValue, pointer: str) -> JsonValue:
    """What a pointer leads to, by the letter of RFC 6901."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[name]
        else:
            assert isinstance(value, list)
            value = value[int(name)]
    return value


@repeatable
@given(st.just(DATA) | json_values, st.sampled_from(SCHEMAS))
def test_schemas(data: JsonValue, schema: dict[str, Any]) -> None:
    made = EventType.model_validate({"id": "t", "type": "order.*", "versions": [schema]})
    found: SchemaMismatchError | None = None
    try:
        TypeBook([made]).check(envelope(data), required=True)
    except SchemaMismatchError as error:
        found = error
    if found is not None:
        assert 1 <= len(found.pointers) <= 5
        for pointer in found.pointers:
            at(data, pointer)
        assert "4111" not in str(found)


@repeatable
@given(
    json_values,
    st.lists(st.sampled_from(["card", "*", "0", "-", "", "~0", "~1", "\0"]) | words, max_size=3),
)
def test_redaction(data: JsonValue, path: list[str]) -> None:
    whole: JsonValue = {"card": data, "open": data, "": [data]}
    tokens = [token.replace("~", "~0").replace("/", "~1")[:50] for token in path]
    pointer = "".join(f"/{token}" for token in ("card", *tokens))
    made = EventType.model_validate(
        {"id": "t", "type": "order.*", "versions": [{}], "redact": ["/card/*", pointer]}
    )
    masked = TypeBook([made]).redacted(envelope(whole)).data
    assert isinstance(masked, dict)
    assert (masked["open"], masked[""]) == (data, [data])
    inner = masked["card"]
    values: Iterable[JsonValue] = ()
    if isinstance(inner, dict):
        values = inner.values()
    elif isinstance(inner, list):
        values = inner
    assert all(value == MASK for value in values)


@fewer
@given(st.binary(max_size=50))
def test_binary_data_is_masked_whole(raw: bytes) -> None:
    made = EventType.model_validate(
        {"id": "t", "type": "order.*", "versions": [{}], "redact": ["/a"]}
    )
    binary = EventEnvelope.from_json({**EVENT, "data_base64": base64.b64encode(raw).decode()})
    masked = TypeBook([made]).redacted(binary)
    assert (masked.data, masked.data_base64) == (MASK, None)
