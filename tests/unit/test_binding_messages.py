"""How events travel by brokers: each official binding, the SDK as sender, and hostile headers."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloudevents.core.bindings import amqp, http, kafka, rabbitmq
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.errors import (
    InvalidEventError,
    MalformedJsonError,
    UnsupportedMediaTypeError,
)
from activity_core.core.event.binary_mode import PROTOCOLS
from activity_core.core.event.binding import BATCH, STRUCTURED, decode_message, encode_structured
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.core.jsontext import JsonValue

FEATURES = Path(__file__).parents[3] / "shared" / "vectors" / "cloudevents"
EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "order.created"}
PREFIXES = {"nats": ["ce-"], "kafka": ["ce_"], "rabbitmq": ["cloudEvents:", "cloudEvents_", "ce-"]}
EACH_PREFIX = [(protocol, prefix) for protocol in PREFIXES for prefix in PREFIXES[protocol]]

Sent = tuple[str, Mapping[str, str], bytes]
"""Protocol, headers and body, as a broker would hand them over."""

text = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
every_protocol = pytest.mark.parametrize("protocol", PREFIXES)
every_prefix = pytest.mark.parametrize(("protocol", "prefix"), EACH_PREFIX)


def received(protocol: str, headers: Mapping[str, str], body: bytes) -> EventEnvelope:
    message = Message(body, headers, "message S/1/42 on events.order", f"{protocol}:S/1/42")
    return decode_message(message, protocol=protocol)


def binary(prefix: str, **attributes: str) -> dict[str, str]:
    """The headers of EVENT and these attributes."""
    return {prefix + name: value for name, value in {**EVENT, **attributes}.items()}


def test_every_broker_has_its_binding() -> None:
    assert set(PROTOCOLS) == set(PREFIXES)


def scenarios() -> list[tuple[dict[str, str], bytes, dict[str, str], object]]:
    """(headers, body, expected attributes, expected data) of each official Kafka example."""
    feature = FEATURES / "kafka-protocol-binding.feature"
    if not feature.exists():
        pytest.skip("the outside vectors are not beside this checkout")
    found = []
    for outline in re.split(r"Scenario(?: Outline)?: ", feature.read_text())[1:]:
        body, data = re.findall(r'"""\n(.*?)"""', outline, re.DOTALL)
        given_part, _, expected = outline.partition("When parsed")
        types = re.findall(r"^ *\| *(application/[^|]*?) *\| *$", outline, re.MULTILINE)
        for content_type in types or [""]:
            headers, attributes = (
                {
                    key: value.replace("<contentType>", content_type)
                    for key, value in re.findall(
                        r"^ *\| *(\S+) *\| *(\S.*?) *\|$", part, re.MULTILINE
                    )
                    if key != "key"
                }
                for part in (given_part, expected)
            )
            found.append((headers, body.encode(), attributes, json.loads(data)))
    return found


def test_official_kafka_scenarios() -> None:
    examples = scenarios()
    assert len(examples) == 3
    for headers, body, attributes, data in examples:
        event = received("kafka", headers, body).to_json()
        assert event.pop("data") == data
        assert event == attributes


def as_sent_by_the_sdk(event: CloudEvent) -> Sequence[Sent]:
    """The event in both modes, by every binding that the SDK has."""
    sent: list[Sent] = [
        ("nats", by_http.headers, by_http.body)
        for by_http in (http.to_binary_event(event), http.to_structured_event(event))
    ]
    for by_kafka in (kafka.to_binary_event(event), kafka.to_structured_event(event)):
        headers = {name: value.decode() for name, value in by_kafka.headers.items()}
        sent.append(("kafka", headers, by_kafka.value))
    for by_rabbitmq in (rabbitmq.to_binary_event(event), rabbitmq.to_structured_event(event)):
        headers = {**by_rabbitmq.headers, "content-type": by_rabbitmq.content_type or ""}
        sent.append(("rabbitmq", headers, by_rabbitmq.body))
    for by_amqp in (amqp.to_binary_event(event), amqp.to_structured_event(event)):
        fields = {**by_amqp.application_properties, **by_amqp.properties}
        headers = {name: str(value) for name, value in fields.items()}  # its time is a number
        sent.append(("rabbitmq", headers, by_amqp.application_data))
    return sent


@given(text, text)
def test_events_of_the_sdk(event_id: str, extension: str) -> None:
    attributes = {**EVENT, "id": event_id, "datacontenttype": "application/json"}
    attributes["partitionkey"] = extension
    time = datetime(2026, 11, 21, 9, 0, 0, 250_000, UTC)
    for protocol, headers, body in as_sent_by_the_sdk(
        CloudEvent({**attributes, "time": time}, {"a": event_id})
    ):
        event = received(protocol, headers, body)
        assert event.time == time
        assert event.to_json() == {
            **attributes,
            "time": "2026-11-21T09:00:00.250000Z",
            "data": {"a": event_id},
        }


@given(text)
def test_encoded_events_are_decoded_again(event_id: str) -> None:
    envelope = EventEnvelope.from_json({**EVENT, "id": event_id, "data": [event_id]})
    headers, body = encode_structured(envelope)
    for protocol in PREFIXES:
        assert received(protocol, headers, body) == envelope
        assert received(protocol, {}, body) == envelope


@every_prefix
def test_binary_mode(protocol: str, prefix: str) -> None:
    headers = {**binary(prefix, subject="s", myext="x"), "Content-Type": "text/plain"}
    assert received(protocol, headers, b"hello").to_json() == {
        **EVENT,
        "subject": "s",
        "myext": "x",
        "datacontenttype": "text/plain",
        "data": "hello",
    }


def test_only_nats_encodes_values() -> None:
    for protocol, prefix in EACH_PREFIX:
        subject = received(protocol, binary(prefix, subject='"100%25"'), b"").subject
        assert subject == ("100%" if protocol == "nats" else '"100%25"')


def test_another_protocols_headers_are_no_attributes() -> None:
    for protocol, prefix in EACH_PREFIX:
        foreign = {name for _, name in EACH_PREFIX} - set(PREFIXES[protocol])
        for other in foreign:
            headers = {**binary(prefix), f"{other}id": "8"}
            assert received(protocol, headers, b"").id == "7"


@every_prefix
def test_the_data_content_type_may_be_an_attribute_too(protocol: str, prefix: str) -> None:
    headers = binary(prefix, datacontenttype="text/plain")
    assert received(protocol, headers, b"hello").data == "hello"
    both = {**headers, "content-type": "application/json"}
    assert received(protocol, both, b"hello").datacontenttype == "text/plain"


def test_two_spellings_of_an_attribute_must_agree() -> None:
    same = {**binary("cloudEvents:"), **binary("cloudEvents_")}
    assert received("rabbitmq", same, b"").id == "7"
    with pytest.raises(InvalidEventError, match="two values for 'id'"):
        received("rabbitmq", {**same, "ce-id": "8"}, b"")


@pytest.mark.parametrize("time", ["9" * 15, "2026-11-21", "1" * 16, "1.5"])
def test_times_that_are_none(time: str) -> None:
    with pytest.raises(InvalidEventError, match="time"):
        received("rabbitmq", binary("ce-", time=time), b"")


def test_only_amqp_has_times_that_are_numbers() -> None:
    millennium = received("rabbitmq", binary("cloudEvents:", time="946684800123"), b"").time
    assert millennium == datetime(2000, 1, 1, 0, 0, 0, 123_000, UTC)
    for protocol in ("nats", "kafka"):
        with pytest.raises(InvalidEventError, match="time"):
            received(protocol, binary(PREFIXES[protocol][0], time="946684800123"), b"")


@every_prefix
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("data", "x", "data travels in the body"),
        ("payload", "x", "data travels in the body"),
        ("subject", "a\0", "subject must be"),
        ("subject", "\udcff", "subject must be"),
        ("my_ext", "x", "my_ext"),
        ("specversion", "0.3", "specversion"),
    ],
)
def test_binary_headers_that_are_refused(
    protocol: str, prefix: str, name: str, value: str, message: str
) -> None:
    with pytest.raises(InvalidEventError, match=message) as caught:
        received(protocol, binary(prefix, **{name: value}), b"")
    assert caught.value.subject == "message S/1/42 on events.order"


@every_prefix
def test_one_attribute_is_enough_to_be_binary(protocol: str, prefix: str) -> None:
    with pytest.raises(InvalidEventError, match="specversion is missing"):
        received(protocol, {prefix + "id": "7"}, json.dumps(EVENT).encode())


@every_protocol
def test_a_message_without_an_id_is_named_by_its_position(protocol: str) -> None:
    body = b'{"type":"t","source":"s","payload":1}'
    assert received(protocol, {}, body).id == f"{protocol}:S/1/42"
    headers = binary(PREFIXES[protocol][0])
    del headers[PREFIXES[protocol][0] + "id"]
    assert received(protocol, headers, b"").id == f"{protocol}:S/1/42"


def test_a_message_without_id_and_place_is_no_event() -> None:
    with pytest.raises(InvalidEventError, match="id"):
        decode_message(Message(b'{"type":"t","source":"s"}'), protocol="nats")


@every_protocol
@pytest.mark.parametrize("body", [b'{"type":"t"}', b'{"source":"s"}', b"[]", b"1"])
def test_only_the_id_of_a_message_is_derived(protocol: str, body: bytes) -> None:
    with pytest.raises(InvalidEventError) as caught:
        received(protocol, {}, body)
    assert caught.value.subject == "message S/1/42 on events.order"


@every_protocol
@pytest.mark.parametrize(
    "content_type", [STRUCTURED, "application/cloudevents", f"{STRUCTURED}; charset=utf-8"]
)
def test_messages_of_the_structured_mode(protocol: str, content_type: str) -> None:
    # Whoever copies the attributes into headers, as the bindings allow, does not make it binary.
    headers = {**binary(PREFIXES[protocol][0], id="8"), "Content-Type": content_type}
    assert received(protocol, headers, json.dumps(EVENT).encode()).id == "7"


@every_protocol
@pytest.mark.parametrize("content_type", [BATCH, "application/cloudevents+avro"])
def test_batches_and_other_formats_are_refused(protocol: str, content_type: str) -> None:
    body = json.dumps([EVENT]).encode()
    with pytest.raises(UnsupportedMediaTypeError, match=re.escape(content_type)) as caught:
        received(protocol, {"content-type": content_type}, body)
    assert caught.value.subject == "message S/1/42 on events.order"
    assert STRUCTURED in str(caught.value.hint)


@every_protocol
def test_levels_of_json_are_bounded(protocol: str) -> None:
    deep = json.dumps({**EVENT, "data": [[[]]]}).encode()
    headers = {**binary(PREFIXES[protocol][0]), "content-type": "application/json"}
    for message in (Message(deep), Message(b"[[[]]]", headers)):
        with pytest.raises(MalformedJsonError, match="deeper than 2"):
            decode_message(message, protocol=protocol, max_depth=2)


@given(
    st.sampled_from(sorted(PREFIXES)),
    st.dictionaries(
        st.sampled_from(
            [prefix + name for _, prefix in EACH_PREFIX for name in (*EVENT, "time", "data", "X")]
            + ["content-type"]
        )
        | st.text(),
        st.text() | st.integers().map(str),
    )
    | st.just({"content-type": BATCH}),
    st.binary() | st.sampled_from([b"[1,{}]", b"{}", json.dumps(EVENT).encode()]),
)
def test_anything_gives_an_event_or_the_documented_errors(
    protocol: str, headers: dict[str, str], body: bytes
) -> None:
    with suppress(InvalidEventError, MalformedJsonError, UnsupportedMediaTypeError):
        value: JsonValue = received(protocol, headers, body).to_json()
        assert value
