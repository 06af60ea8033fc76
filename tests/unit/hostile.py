"""Strategies for messages that nobody should send: valid ones with something wrong in them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from activity_core.core.event.message import Message

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "7",
    "source": "/shop",
    "type": "order.paid",
    "subject": "b\u00fccher",
    "time": "2026-01-01T00:00:00Z",
    "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
}
DATA: dict[str, Any] = {
    "id": 7,
    "card": {"number": "4111", "holders": ["ann", "bob"]},
    "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2.5}],
    "url_verification": None,
}
PREFIXES = {"http": "ce-", "nats": "ce-", "kafka": "ce_", "rabbitmq": "cloudEvents:"}
CONTENT_TYPES = (
    *("application/json", "application/cloudevents+json", "application/cloudevents-batch+json"),
    *("application/cloudevents", "application/x-www-form-urlencoded", "text/plain", "text/json"),
    *("application/octet-stream", "text/plain; charset=utf-16", "application/vnd.x+json", "", "/"),
)
TOKENS = [
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"-0", b"1e999", b"NaN"),
    *(b"\\u0000", b"\\ud800", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b"\r\n", b"%00"),
    *(b"9" * 40, b"-9223372036854775809", b"1E-400", b"[" * 70, b'{"a":' * 70, b"&", b"=", b"+"),
    *(b'"data":1,', b'"id":"8",', b'"data_base64":"AA==",', b'"":0,', b"__proto__", b"%ff%fe"),
]
words = st.text(max_size=30) | st.sampled_from([token.decode("latin-1") for token in TOKENS])
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes with up to three cuts, each filled by something else or more of it."""
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(raw)))
        end = draw(st.integers(start, min(len(raw), start + 12)))
        filling = draw(st.sampled_from([b"", raw[start:end] * 2, *TOKENS]) | st.binary(max_size=4))
        raw = raw[:start] + filling + raw[end:]
    return raw


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """Events, data, or batches, as JSON, with members that are missing, odd, or too many."""
    event = {**EVENT, "data": draw(st.just(DATA) | json_values)}
    for name in draw(st.lists(st.sampled_from([*event, "data_base64", "note", "X"]), max_size=2)):
        if draw(st.booleans()):
            event.pop(name, None)
        else:
            event[name] = draw(json_values)
    return draw(
        st.sampled_from([event, [event], [event, {}, event], event.get("data")]) | json_values
    )


@st.composite
def messages(draw: st.DrawFn, protocol: str) -> Message:
    """Messages of any content mode as they might come by a protocol."""
    prefix = PREFIXES[protocol]
    headers: dict[str, str] = {}
    if draw(st.booleans()):
        encoded = prefix == "ce-"
        headers = {
            (prefix + name).lower(): quote(str(value)) if encoded else str(value)
            for name, value in EVENT.items()
        }
    if draw(st.booleans()):
        headers["content-type"] = draw(st.sampled_from(CONTENT_TYPES) | words)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*headers, (prefix + "data").lower(), "x"]) | words)
        if draw(st.booleans()):
            headers.pop(name, None)
        else:  # brokers may hand over the surrogates of bytes that are not UTF-8
            headers[name.lower()] = draw(words | st.just("\udcff") | st.just("%ff"))
    body = json.dumps(draw(documents()), ensure_ascii=draw(st.booleans())).encode(errors="replace")
    default = draw(st.sampled_from(["", "nats:S/1/2"]))
    return Message(draw(damaged(body)), headers, f"message 1 on {protocol}", default)


def with_headers(message: Message, headers: Mapping[str, str]) -> Message:
    """The message with further headers."""
    return Message(message.body, {**message.headers, **headers}, message.place, message.default_id)
