"""How events travel by HTTP: the official scenarios, every content mode, and hostile headers."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from cloudevents.core.bindings.http import to_binary_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.errors import (
    InvalidEventError,
    MalformedJsonError,
    UnsupportedMediaTypeError,
)
from activity_core.core.event.binding import (
    BATCH,
    STRUCTURED,
    decode_http,
    encode_structured,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import JsonValue

FEATURES = Path(__file__).parents[3] / "shared" / "vectors" / "cloudevents"
EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "order.created"}
NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)
CE = {f"ce-{name}": value for name, value in EVENT.items()}
JSON = {"content-type": "application/json"}

text = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
events = st.fixed_dictionaries(
    {**{name: st.just(value) for name, value in EVENT.items()}, "id": text, "type": text},
    optional={
        "subject": text,
        "time": st.just("2026-11-21T09:00:00.25Z"),
        "data": st.dictionaries(text, text | st.integers(0, 99) | st.none()),
        "partitionkey": text | st.booleans(),
    },
)


def one(headers: dict[str, str], body: bytes) -> EventEnvelope:
    decoded = decode_http(headers, body)
    (item,) = decoded.items
    if isinstance(item, InvalidEventError):
        raise item
    assert not decoded.batch
    return item


def scenarios() -> list[tuple[dict[str, str], bytes, dict[str, str], object]]:
    """(headers, body, expected attributes, expected data) of each official example."""
    feature = FEATURES / "http-protocol-binding.feature"
    if not feature.exists():
        pytest.skip("the outside vectors are not beside this checkout")
    found = []
    for outline in feature.read_text().split("Scenario Outline:")[1:]:
        request, data = re.findall(r'"""\n(.*?)"""', outline, re.DOTALL)
        table = re.findall(r"^ *\| *(\S+) *\| *(\S.*?) *\|$", outline, re.MULTILINE)
        head, _, body = re.sub(r"(?m)^ {8}", "", request).partition("\n\n")
        for content_type in re.findall(
            r"^ *\| *(application/[^|]*?) *\| *$", outline, re.MULTILINE
        ):
            lines = [line.partition(": ") for line in head.splitlines()[1:]]
            found.append(
                (
                    {
                        name: value.replace("<contentType>", content_type)
                        for name, _, value in lines
                    },
                    body.encode(),
                    {k: v.replace("<contentType>", content_type) for k, v in table if k != "key"},
                    json.loads(data),
                )
            )
    return found


def test_official_http_scenarios() -> None:
    examples = scenarios()
    assert len(examples) == 4
    for headers, body, attributes, data in examples:
        event = one(headers, body).to_json()
        assert event.pop("data") == data
        assert event == attributes


@given(events)
def test_encoded_events_are_decoded_again(value: dict[str, JsonValue]) -> None:
    envelope = EventEnvelope.from_json(value)
    headers, body = encode_structured(envelope)
    assert one(headers, body) == envelope


@given(events)
def test_binary_events_of_the_sdk(value: dict[str, JsonValue]) -> None:
    attributes = {name: value[name] for name in ("id", "type", "source", "specversion")}
    attributes |= {"datacontenttype": "application/json", "myext": value["type"]}
    theirs = CloudEvent({**attributes, "time": NINE}, {"a": value["id"]})
    message = to_binary_event(theirs)
    event = one(message.headers, message.body)
    assert event.time == NINE
    assert event.to_json() == {
        **attributes,
        "time": "2026-11-21T09:00:00Z",
        "data": {"a": value["id"]},
    }


@given(
    st.dictionaries(
        st.sampled_from([*CE, "content-type", "ce-data", "ce-X"]) | st.text(), st.text()
    )
    | st.just({"content-type": BATCH}),
    st.binary() | st.sampled_from([b"[1,{}]", b"{}"]),
)
def test_anything_gives_events_or_the_documented_errors(
    headers: dict[str, str], body: bytes
) -> None:
    with suppress(MalformedJsonError, UnsupportedMediaTypeError):
        decode_http(headers, body)


@pytest.mark.parametrize("content_type", [BATCH, "application/json"])
def test_one_bad_item_of_a_batch_harms_no_other(content_type: str) -> None:
    body = json.dumps([EVENT, {**EVENT, "id": ""}, 3, {**EVENT, "id": "8"}]).encode()
    decoded = decode_http({"Content-Type": content_type}, body)
    assert decoded.batch
    first, bad, no_object, last = decoded.items
    assert isinstance(first, EventEnvelope)
    assert isinstance(bad, InvalidEventError)
    assert isinstance(no_object, InvalidEventError)
    assert isinstance(last, EventEnvelope)
    assert (first.id, last.id) == ("7", "8")


def test_batches_may_be_empty_but_must_be_arrays() -> None:
    assert decode_http({"content-type": BATCH}, b"[]").items == ()
    with pytest.raises(InvalidEventError, match="JSON array"):
        one({"content-type": BATCH}, json.dumps(EVENT).encode())


def test_plain_json_over_http() -> None:
    event = one(JSON, b'{"event_id":"7","type":"t","source":"s","payload":[1]}')
    assert (event.id, event.data) == ("7", [1])


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b'{"a":1}', {"data": {"a": 1}}),
        ("application/vnd.x+json; v=1", b"[1]", {"data": [1]}),
        ("text/plain", "é\0".encode(), {"data": "é\0"}),
        ("text/plain; charset=iso-8859-1", b"\xc3\xa9", {"data_base64": "w6k="}),
        ("text/plain", b"\xff", {"data_base64": "/w=="}),
        ("application/octet-stream", b"{}", {"data_base64": "e30="}),
        (None, b'{"a":1}', {"data": {"a": 1}}),
        (None, b'{"a":1,"a":1}', {"data_base64": "eyJhIjoxLCJhIjoxfQ=="}),
        ("application/json", b"", {}),
    ],
)
def test_binary_data_by_content_type(
    content_type: str | None, body: bytes, expected: dict[str, JsonValue]
) -> None:
    headers = {**CE, "content-type": content_type} if content_type else CE
    declared = {"datacontenttype": content_type} if content_type else {}
    assert one(headers, body).to_json() == {**EVENT, **declared, **expected}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"a \\"b\\" \\\\"', 'a "b" \\'),
        ("100%25", "100%"),
        ("%2525", "%25"),
        ('"', '"'),
        ("+", "+"),
    ],
)
def test_header_values_are_unquoted_and_decoded_once(header: str, value: str) -> None:
    assert one({**CE, "CE-Subject": header}, b"").subject == value


@given(text)
def test_percent_encoded_values_survive(value: str) -> None:
    assert one({**CE, "ce-subject": quote(value, safe="")}, b"").subject == value


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"ce-id": "7"}, "ce-specversion is missing"),
        ({**CE, "ce-data": "x"}, "data travels in the body"),
        ({**CE, "ce-subject": "%FF"}, "not percent-encoded UTF-8"),
        ({**CE, "ce-subject": "%00"}, "subject must be"),
        ({**CE, "ce-subject": "\udcff"}, "subject must be"),
        ({**CE, "ce-my_ext": "x"}, "my_ext"),
        ({**CE, "ce-data_base64": "eA=="}, "data travels in the body"),
    ],
)
def test_binary_headers_that_are_refused(headers: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidEventError, match=message):
        one(headers, b"")


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/cloudevents+avro", "application/xml"]
)
def test_other_media_types(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        decode_http({"content-type": content_type} if content_type else {}, b"{}")


@pytest.mark.parametrize("headers", [JSON, {"content-type": STRUCTURED}, {**CE, **JSON}])
def test_bodies_that_cannot_be_read(headers: dict[str, str]) -> None:
    with pytest.raises(MalformedJsonError):
        decode_http(headers, b'{"a":1,"a":2}')
    with pytest.raises(MalformedJsonError, match="deeper than 2"):
        decode_http(headers, b"[[[]]]", max_depth=2)
