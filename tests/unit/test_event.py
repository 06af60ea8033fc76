"""The envelope: both spellings, what is refused and how, and what a redelivery is."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import jsonschema_rs
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.errors import InvalidEventError
from activity_core.core.event.envelope import (
    MAX_ATTRIBUTE_LENGTH,
    EventEnvelope,
    envelope_json_schema,
)
from activity_core.core.jsontext import JsonValue

OFFICIAL_SCHEMA = (
    Path(__file__).parents[3] / "shared" / "vectors" / "cloudevents" / "cloudevents.schema.json"
)
MINIMAL: dict[str, JsonValue] = {
    "specversion": "1.0",
    "id": "7",
    "source": "/shop",
    "type": "order.created",
}
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

text = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
uri_parts = st.text("abcXYZ09-._~!$&'()*+,;=@/?", min_size=1, max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
CORE_NAMES = {"id", "source", "type", "specversion", "subject", "time", "datacontenttype"} | {
    "dataschema",
    "data",
    "payload",
}
extension_names = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(
    lambda name: name not in CORE_NAMES
)
bodies = st.one_of(
    json_values.map(lambda data: {"data": data}),
    st.sampled_from(["", "AP8=", "Zm9vYg=="]).map(lambda data: {"data_base64": data}),
)
envelopes = st.builds(
    lambda body, **attributes: EventEnvelope(**attributes, **body),
    body=bodies,
    id=text,
    source=uri_parts,
    type=text,
    subject=st.none() | text,
    time=st.none() | st.datetimes(timezones=st.just(UTC)),
    datacontenttype=st.sampled_from([None, "application/json", "text/xml; charset=utf-8"]),
    dataschema=st.none() | uri_parts.map("urn:x:{}".format),
    extensions=st.dictionaries(
        extension_names, text | st.booleans() | st.integers(-(2**31), 2**31 - 1), max_size=3
    ),
)


@given(envelopes)
def test_round_trip(envelope: EventEnvelope) -> None:
    assert EventEnvelope.from_json(envelope.to_json()) == envelope
    assert EventEnvelope.from_json(json.loads(envelope.to_bytes())) == envelope


@given(envelopes)
def test_what_we_write_fits_the_published_schema(envelope: EventEnvelope) -> None:
    SCHEMA.validate(envelope.to_json())


SCHEMA = jsonschema_rs.Draft202012Validator(envelope_json_schema(), offline=True)


@given(envelopes)
def test_what_we_write_fits_the_official_schema(envelope: EventEnvelope) -> None:
    if not OFFICIAL_SCHEMA.exists():
        pytest.skip("the outside vectors are not beside this checkout")
    official = json.loads(OFFICIAL_SCHEMA.read_bytes())
    jsonschema_rs.Draft7Validator(official, offline=True).validate(envelope.to_json())


@given(
    st.dictionaries(
        st.sampled_from(
            [*sorted(CORE_NAMES), "event_id", "occurred_at", "trace_id", "schema_version", "ext"]
        )
        | st.text(),
        json_values | st.sampled_from(["1.0", TRACE_ID, "2026-11-21T09:00:00Z", "/shop"]),
    )
    | json_values
)
def test_any_json_is_an_event_or_the_documented_error(value: JsonValue) -> None:
    try:
        envelope = EventEnvelope.from_json(value)
    except InvalidEventError:
        return
    assert EventEnvelope.from_json(envelope.to_json()) == envelope
    assert SCHEMA.is_valid(envelope.to_json())
    assert len(envelope.digest) == 32
    envelope.for_conditions()


@given(envelopes, envelopes)
def test_digests_are_equal_iff_the_bodies_are(one: EventEnvelope, other: EventEnvelope) -> None:
    def body(envelope: EventEnvelope) -> str:
        names = ("type", "subject", "datacontenttype", "dataschema", "data", "data_base64")
        return json.dumps([getattr(envelope, name) for name in names], sort_keys=True)

    assert (one.digest == other.digest) == (body(one) == body(other))
    resent = replace(one, time=other.time, extensions=other.extensions, id=other.id)
    assert resent.digest == one.digest
    assert (replace(one, data=other.data).digest == one.digest) == (
        json.dumps(one.data, sort_keys=True) == json.dumps(other.data, sort_keys=True)
    )


@given(envelopes)
def test_written_is_the_digest_and_the_text(envelope: EventEnvelope) -> None:
    assert envelope.written() == (envelope.digest, envelope.to_bytes())


def test_an_attribute_that_reads_like_data_stays_as_it_is() -> None:
    lure = '"data":null'
    envelope = EventEnvelope(
        "1", "/s", "t", subject=lure, data={lure: lure}, extensions={"a": lure}
    )
    assert envelope.written()[1] == envelope.to_bytes()


@given(
    st.builds(
        CloudEvent,
        st.fixed_dictionaries(
            {"id": text, "source": uri_parts, "type": text, "specversion": st.just("1.0")},
            optional={
                "subject": text,
                "time": st.datetimes(timezones=st.just(UTC)),
                "datacontenttype": st.just("application/json"),
                "myext": text,
            },
        ),
        st.dictionaries(text, text | st.integers(0, 9), min_size=1),
    )
)
def test_the_sdk_and_we_read_each_other(theirs: CloudEvent) -> None:
    ours = EventEnvelope.from_json(json.loads(to_structured_event(theirs).body))
    assert {**theirs.get_attributes()} == {
        name: item
        for name, item in {**ours.to_json(), "time": ours.time}.items()
        if name != "data" and item is not None
    }
    assert ours.data == theirs.get_data()
    back = from_structured_event(
        HTTPMessage({"content-type": "application/cloudevents+json"}, ours.to_bytes())
    )
    assert back.get_attributes() == theirs.get_attributes()
    assert back.get_data() == theirs.get_data()


def test_the_plain_spelling_is_normalised() -> None:
    envelope = EventEnvelope.from_json(
        {
            "event_id": "7",
            "type": "order.created",
            "source": "/shop",
            "subject": "order-7",
            "occurred_at": "2026-11-21T10:00:00+01:00",
            "trace_id": TRACE_ID.upper(),
            "schema_version": 2,
            "payload": {"amount": 3},
        }
    )
    assert envelope == EventEnvelope(
        id="7",
        type="order.created",
        source="/shop",
        subject="order-7",
        time=datetime(2026, 11, 21, 9, tzinfo=UTC),
        dataschema="urn:event-type:order.created:2",
        data={"amount": 3},
        extensions={"traceparent": envelope.traceparent or ""},
    )
    version, trace_id, span_id, flags = str(envelope.traceparent).split("-")
    assert (version, trace_id, flags) == ("00", TRACE_ID, "01")
    assert len(span_id) == 16
    assert int(span_id, 16)


def plain(**more: JsonValue) -> EventEnvelope:
    return EventEnvelope.from_json({"event_id": "7", "type": "t", "source": "s", **more})


def test_a_derived_parent_id_is_stable_and_of_the_event() -> None:
    assert plain(trace_id=TRACE_ID).traceparent == plain(trace_id=TRACE_ID).traceparent
    assert (
        plain(trace_id=TRACE_ID).traceparent != plain(trace_id=TRACE_ID, event_id="8").traceparent
    )
    assert (
        plain(trace_id=TRACE_ID, source="ab", event_id="c").traceparent
        != plain(trace_id=TRACE_ID, source="a", event_id="bc").traceparent
    )


@pytest.mark.parametrize("trace_id", ["abc", "0" * 32, f"00-{TRACE_ID}-00f067aa0ba902b7-01"])
def test_other_trace_ids_are_kept_as_they_are(trace_id: str) -> None:
    envelope = plain(trace_id=trace_id)
    assert envelope.extensions == {"traceid": trace_id}
    assert envelope.traceparent is None


@pytest.mark.parametrize("uri", ["https://x.example/schema", "urn:event-type:t:1"])
def test_a_schema_version_that_is_a_uri_is_kept(uri: str) -> None:
    assert plain(schema_version=uri).dataschema == uri


def test_specversion_may_be_missing_only_where_nothing_says_cloudevents() -> None:
    assert EventEnvelope.from_json({"type": "t", "source": "s"}, default_id="x").id == "x"
    assert plain(data=1).data == 1
    with pytest.raises(InvalidEventError, match="specversion is missing"):
        EventEnvelope.from_json({"id": "7", "type": "t", "source": "s"})


def test_an_id_is_only_derived_when_there_is_none() -> None:
    assert EventEnvelope.from_json(MINIMAL, default_id="x").id == "7"
    assert EventEnvelope.from_json({**MINIMAL, "id": None}, default_id="x").id == "x"
    with pytest.raises(InvalidEventError, match="id must be text"):
        EventEnvelope.from_json({**MINIMAL, "id": ""}, default_id="x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "id is missing"),
        ({"source": None}, "source is missing"),
        ({"type": ""}, "type must be text"),
        ({"id": 7}, "id must be a string"),
        ({"id": "a\0b"}, "id must be text"),
        ({"id": "a\n"}, "id must be text"),
        ({"subject": "a\x85b"}, "subject must be text"),
        ({"subject": "\udc80"}, "subject must be text"),
        ({"id": "x" * (MAX_ATTRIBUTE_LENGTH + 1)}, "id is longer than 1024"),
        ({"source": "a b"}, "source must be a URI-reference"),
        ({"source": "a\u2003b"}, "source must be a URI-reference"),
        ({"source": "<a>"}, "source must be a URI-reference"),
        ({"dataschema": "urn:a\\b"}, "dataschema must be a URI"),
        ({"specversion": "0.3"}, 'specversion must be "1.0"'),
        ({"dataschema": "1"}, "dataschema must be a URI"),
        ({"datacontenttype": "json"}, "datacontenttype must be a media type"),
        ({"time": "2026-11-21T09:00:00"}, "time must be an RFC 3339"),
        ({"time": "2026-11-21"}, "time must be an RFC 3339"),
        ({"time": "2026-W47-6T09:00:00Z"}, "time must be an RFC 3339"),
        ({"time": "2026-02-30T09:00:00Z"}, "time must be an RFC 3339"),
        ({"time": "0001-01-01T00:00:00+10:00"}, "time must be an RFC 3339"),
        ({"time": "٢٠٢٦-11-21T09:00:00Z"}, "time must be an RFC 3339"),
        ({"data": 1, "data_base64": "AP8="}, "data and data_base64 are both given"),
        ({"data_base64": "?"}, "data_base64 must be base64"),
        ({"data_base64": 1}, "data_base64 must be base64"),
        ({"event_id": "8"}, "event_id and id are the same attribute"),
        ({"data": 1, "payload": 1}, "payload and data are the same attribute"),
        ({"traceparent": "x", "trace_id": TRACE_ID}, "trace_id and traceparent are the same"),
        ({"traceid": "x", "trace_id": "y"}, "trace_id and traceid are the same"),
        ({"dataContentType": "text/plain"}, "did you mean datacontenttype"),
        ({"event-id": "7"}, "did you mean event_id"),
        ({"x" * 65: 1}, "extension names are of a-z"),
        ({"ext": {"a": 1}}, "extension ext must be"),
        ({"ext": 1.5}, "extension ext must be"),
        ({"ext": "a\0"}, "ext must be text without control"),
        ({"ext": "\ud800"}, "ext must be text without control"),
        ({"ext": "x" * 1025}, "ext is longer than 1024"),
        ({"type": None, "typ": "order"}, "type is missing.*is 'typ' meant"),
    ],
)
def test_refused_by_name(change: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(InvalidEventError, match=message):
        EventEnvelope.from_json({**MINIMAL, **change})


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_only_objects_are_events(value: JsonValue) -> None:
    with pytest.raises(InvalidEventError, match="JSON object"):
        EventEnvelope.from_json(value)


@pytest.mark.parametrize(
    ("spelling", "instant"),
    [
        ("2026-11-21T09:00:00Z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21t09:00:00.5z", datetime(2026, 11, 21, 9, microsecond=500_000, tzinfo=UTC)),
        ("2026-11-21T09:00:00.123456789-00:00", datetime(2026, 11, 21, 9, 0, 0, 123456, UTC)),
        ("2026-11-21T09:00:00+05:30", datetime(2026, 11, 21, 3, 30, tzinfo=UTC)),
    ],
)
def test_times(spelling: str, instant: datetime) -> None:
    envelope = EventEnvelope.from_json({**MINIMAL, "time": spelling})
    assert envelope.time == instant
    assert envelope.time.tzinfo is UTC
    assert str(envelope.to_json()["time"]).endswith("Z")


def test_times_made_here_are_written_in_utc() -> None:
    nine = datetime(2026, 11, 21, 9, tzinfo=timezone(timedelta(hours=1)))
    envelope = replace(EventEnvelope.from_json(MINIMAL), time=nine)
    assert envelope.to_json()["time"] == "2026-11-21T08:00:00Z"


@pytest.mark.parametrize(
    ("value", "depth"), [(3, 3), ("12", 12), (None, 0), ("-1", 0), ("²", 0), (True, 0), ("x", 0)]
)
def test_causation_depth(value: str | int | None, depth: int) -> None:
    assert EventEnvelope.from_json({**MINIMAL, "causationdepth": value}).causation_depth == depth


def test_conditions_see_every_attribute() -> None:
    assert EventEnvelope.from_json(
        {**MINIMAL, "data": {"n": 1}, "region": "eu"}
    ).for_conditions() == {
        **MINIMAL,
        "subject": "",
        "time": "",
        "datacontenttype": "",
        "dataschema": "",
        "data": {"n": 1},
        "data_base64": "",
        "region": "eu",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"source": "a b"},
        {"specversion": "0.3"},
        {"A": 1},
        {"ext": 1.5},
        {"payload": 1},
        {"data": 1, "data_base64": ""},
        {"time": "now"},
        {"x" * 65: 1},
    ],
)
def test_the_schema_refuses_what_we_refuse(change: dict[str, JsonValue]) -> None:
    assert SCHEMA.is_valid(MINIMAL)
    assert not SCHEMA.is_valid({**MINIMAL, **change})
