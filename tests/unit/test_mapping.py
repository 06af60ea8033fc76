"""Mapping: what a map makes of a message, and what it says when it cannot."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.admission.mapping import derived_id, events_of
from activity_core.core.admission.message_body import MOST_FIELDS, proof_headers
from activity_core.core.admission.plain_path import found_at
from activity_core.core.definition.event_source import EventMap
from activity_core.core.definition.verification import Verification
from activity_core.core.errors import (
    BadInputError,
    ExpressionError,
    MalformedJsonError,
    MappingError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.core.expression.condition import compile_expression
from activity_core.core.ids import digest

ORDER = {"event": "paid", "order": {"id": 7, "lines": [1, 2.5]}, "at": 1_795_251_600}
FORM = "application/x-www-form-urlencoded"
SECRET = "s3cr3t-of-the-sender"


def message(body: Any = ORDER, **headers: str) -> Message:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"content-type": "application/json"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(raw, fields, place="message 4 on orders")


def mapped(
    sent: Message, hidden: frozenset[str] = frozenset(), /, **keys: str
) -> list[EventEnvelope]:
    event_map = EventMap(**{"type": '"x"', **keys})
    return list(
        events_of(event_map, sent, source_id="shop", max_depth=20, max_events=100, hidden=hidden)
    )


def refusal(sent: Message, **keys: str) -> MappingError:
    with pytest.raises(MappingError) as caught:
        mapped(sent, **keys)
    assert caught.value.subject.startswith("message 4 on orders")
    return caught.value


def test_a_message_becomes_an_event() -> None:
    [event] = mapped(
        message(webhook_id="msg_1"),
        id='headers["webhook-id"]',
        type='"shop." + body.event',
        source='"/shops/" + string(body.order.id)',
        subject="body.order.id",
        time="body.at",
        data="body.order",
    )
    assert event == EventEnvelope(
        id="msg_1",
        source="/shops/7",
        type="shop.paid",
        subject="7",
        time=datetime(2026, 11, 21, 9, tzinfo=UTC),
        datacontenttype="application/json",
        data={"id": 7, "lines": [1, 2.5]},
    )


def test_what_a_map_leaves_out_has_a_default() -> None:
    sent = message()
    [event] = mapped(sent)
    assert event == EventEnvelope(
        id=derived_id("shop", digest(sent.body), 0),
        source="/sources/shop",
        type="x",
        datacontenttype="application/json",
        data=json.loads(sent.body),
    )


def test_null_is_as_if_the_key_were_not_there() -> None:
    [event] = mapped(message(), id="null", source="null", subject="null", time="null", data="null")
    [bare] = mapped(message())
    assert (event.id, event.source, event.subject, event.time) == (bare.id, bare.source, None, None)
    assert event.data is None


def test_each_item_becomes_an_event() -> None:
    sent = message({"shop": "a", "list": [{"n": 1}, {"n": 2}, {"n": 2}]}, x_kind="made")
    events = mapped(
        sent, each="body.list", type='headers["x-kind"] + "." + body.shop', subject="item.n"
    )
    assert [event.subject for event in events] == ["1", "2", "2"]
    assert [event.data for event in events] == [{"n": 1}, {"n": 2}, {"n": 2}]
    assert {event.type for event in events} == {"made.a"}
    assert len({event.id for event in events}) == 3
    assert [event.id for event in mapped(sent, each="body.list")] == [event.id for event in events]
    assert mapped(message({"list": []}), each="body.list") == []


def test_derived_ids_tell_sources_bodies_and_places_apart() -> None:
    known = {derived_id("a", b"1", 0), derived_id("a", b"1", 1), derived_id("a", b"11", 0)}
    assert len(known | {derived_id("a1", b"", 0), derived_id("b", b"1", 0)}) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"2026-11-21T10:00:00+01:00"', "2026-11-21T09:00:00Z"),
        ('timestamp("2026-11-21T09:00:00Z") + duration("1s")', "2026-11-21T09:00:01Z"),
        ("1795251600", "2026-11-21T09:00:00Z"),
        ("1795251600.25", "2026-11-21T09:00:00.250000Z"),
        ("-1", "1969-12-31T23:59:59Z"),
        ("0", "1970-01-01T00:00:00Z"),
    ],
)
def test_times(text: str, expected: str) -> None:
    [event] = mapped(message(), time=text)
    assert event.to_json()["time"] == expected


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"type": "body.zz"}, 'map.type: Key not found in map : "zz" in body.zz'),
        ({"type": "body"}, "map.type must be text or an integer, is an object"),
        ({"type": "null"}, "map.type is missing"),
        ({"type": '""'}, "map.type must be text of at least one character"),
        ({"type": "true"}, "map.type must be text or an integer, is true or false"),
        ({"id": "1.5"}, "map.id must be text or an integer, is a number"),
        ({"subject": "body.order.lines"}, "map.subject must be text or an integer, is a list"),
        ({"source": '"a b"'}, "map.source must be a URI-reference"),
        ({"time": '"yesterday"'}, "map.time must be an RFC 3339 time"),
        ({"time": '"2026-02-30T00:00:00Z"'}, "map.time must be an RFC 3339 time"),
        ({"time": "1e300"}, "map.time is no number of seconds since 1970"),
        ({"time": "true"}, "map.time must be a time or seconds since 1970, is true or false"),
        ({"each": "body.order"}, "map.each must be a list, is an object"),
        ({"each": "body.zz"}, "map.each: Key not found"),
        ({"each": "body.order.lines", "type": "item.x"}, "map.type: "),
        ({"data": "body.zz"}, "map.data: Key not found"),
        ({"type": "item"}, "map.type: unknown variable item"),
        ({"type": "'x'.repeat(3)"}, "map.type: "),
    ],
)
def test_what_is_wrong_names_the_key_of_the_map(keys: dict[str, str], complaint: str) -> None:
    assert refusal(message(), **keys).message.startswith(complaint)


def test_the_item_that_is_wrong_is_named() -> None:
    sent = message({"list": [{"n": "a"}, {"n": "b"}, {"m": "c"}, {"n": True}]})
    assert refusal(sent, each="body.list", type="item.n").subject == "message 4 on orders, item 2"
    error = refusal(sent, each="body.list", type='has(item.n) ? item.n : "c"')
    assert error.subject == "message 4 on orders, item 3"


def test_no_error_repeats_what_came() -> None:
    sent = message({"a": SECRET, "b": {"c": [SECRET]}}, x_secret_word=SECRET)
    said = []
    for text in ("body", "body.a + 1", "int(body.a)", "timestamp(body.a)", "body.b.c", "body.zz"):
        for key in ("type", "time", "each"):
            try:
                mapped(sent, **{key: text})
            except BadInputError as error:
                said.append(str(error))
    assert len(said) > 10
    assert not [line for line in said if SECRET in line]


def test_a_message_makes_so_many_events_at_most() -> None:
    assert len(mapped(message(list(range(100))), each="body")) == 100
    with pytest.raises(PayloadTooLargeError, match="101 events in one message"):
        mapped(message(list(range(101))), each="body")


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-hub-signature",
        "x-hub-signature-256",
        "stripe-signature",
        "webhook-signature",
        "svix-signature",
        "x-slack-signature",
        "x-shopify-hmac-sha256",
        "x-gitlab-token",
        "x-api-key",
        "apikey",
        "x-amz-security-token",
        "x-goog-iap-jwt-assertion",
        "paypal-transmission-sig",
        "x-forwarded-client-cert",
        "x-webhook-secret",
    ],
)
def test_headers_that_carry_credentials_are_not_seen(name: str) -> None:
    sent = message(**{name: SECRET})
    [event] = mapped(sent, data="headers")
    assert event.data == {"content-type": "application/json"}


def test_headers_that_a_source_chose_for_its_proof_are_not_seen() -> None:
    bearer = {"bearer": {"secrets": ["env:A"], "header": "X-Shop-Pass"}}
    mac = {"hmac": {"secrets": ["env:A"], "header": "X-Shop-Mac"}}
    for document, name in ((bearer, "x-shop-pass"), (mac, "x-shop-mac")):
        hidden = proof_headers(Verification.model_validate(document))
        assert hidden == {name}
        [event] = mapped(message(**{name: SECRET, "x-id": "1"}), hidden, data="headers")
        assert event.data == {"content-type": "application/json", "x-id": "1"}
    assert proof_headers(None) == frozenset()
    github = Verification.model_validate({"github": {"secrets": ["env:A"]}})
    assert proof_headers(github) == frozenset()


def test_ordinary_headers_are_seen() -> None:
    names = ("webhook-id", "webhook-timestamp", "x-github-event", "idempotency-key", "ce-type")
    [event] = mapped(message(**dict.fromkeys(names, "1")), data="headers")
    assert event.data == {"content-type": "application/json"} | dict.fromkeys(names, "1")


@pytest.mark.parametrize(
    ("content_type", "body", "seen"),
    [
        ("application/json; charset=utf-8", b"[1]", [1]),
        ("application/vnd.shop.v1+JSON", b'{"a":1}', {"a": 1}),
        ("text/json", b"null", None),
        ("", b'"x"', "x"),
        (FORM, b"a=1&b=x+y%20z&c=&d=%C3%A4", {"a": "1", "b": "x y z", "c": "", "d": "ä"}),
        (FORM, b"", {}),
        (FORM, b"payload=%7B%22a%22%3A1%7D", {"a": 1}),
        (FORM, b"payload=hello", {"payload": "hello"}),
        (FORM, b"payload=%7B%7D&n=1", {"payload": "{}", "n": "1"}),
    ],
)
def test_bodies(content_type: str, body: bytes, seen: Any) -> None:
    [event] = mapped(message(body, content_type=content_type))
    assert event.data == seen


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("text/plain", b"{}", UnsupportedMediaTypeError),
        ("multipart/form-data; boundary=x", b"", UnsupportedMediaTypeError),
        ("application/json", b"{", MalformedJsonError),
        ("application/json", b'{"a":1,"a":2}', MalformedJsonError),
        ("application/json", b"[" * 21 + b"]" * 21, MalformedJsonError),
        ("", b"a=1", MalformedJsonError),
        (FORM, b"a=1&a=2", MappingError),
        (FORM, b"a=%ff", MappingError),
        (FORM, "a=ä".encode(), MappingError),
        (FORM, b"payload=%7B", MalformedJsonError),
        (FORM, b"&".join(b"%d=" % n for n in range(MOST_FIELDS + 1)), PayloadTooLargeError),
    ],
)
def test_bodies_that_cannot_be_read(
    content_type: str, body: bytes, error: type[BadInputError]
) -> None:
    with pytest.raises(error):
        mapped(message(body, content_type=content_type))


def test_without_any_content_type_a_body_is_json() -> None:
    [event] = events_of(
        EventMap(type='"x"'), Message(b"[1]"), source_id="shop", max_depth=5, max_events=1
    )
    assert event.data == [1]


def test_what_cannot_be_evaluated_can_be_handed_on() -> None:
    [event] = mapped(message({"order": {"note": "a\x00b"}}), data="body.order")
    assert event.data == {"note": "a\x00b"}
    [event] = mapped(message([{"note": "a\x00b"}]), each="body")
    assert event.data == {"note": "a\x00b"}


_NESTED: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(-1e9, 1e9)
    | st.text("ab"),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b", "_c1"]), inner, max_size=3)
    ),
)


@given(
    _NESTED,
    st.lists(st.sampled_from(["a", "b", "_c1"]), max_size=3).map(lambda n: ".".join(["body", *n])),
)
def test_a_place_that_is_looked_up_is_what_cel_would_give(body: Any, text: str) -> None:
    found = found_at(text, [{"body": body}])
    program = compile_expression(text, variables=frozenset({"body"}))
    if found is None:
        with pytest.raises(ExpressionError):
            program.evaluate({"body": body})
    else:
        assert repr(found[0]) == repr(_in_order(found[0], program.evaluate({"body": body})))


def _in_order(like: Any, value: Any) -> Any:
    """The same, with the keys of objects in the order of the other."""
    if isinstance(value, dict):
        assert value.keys() == like.keys()
        return {key: _in_order(like[key], value[key]) for key in like}
    if isinstance(value, list):
        return [_in_order(one, item) for one, item in zip(like, value, strict=True)]
    return value


@given(st.binary(max_size=200), st.sampled_from(["application/json", FORM, "", "text/html"]))
def test_any_body_is_mapped_or_refused(body: bytes, content_type: str) -> None:
    try:
        [event] = mapped(message(body, content_type=content_type), data="body")
    except BadInputError:
        return
    assert EventEnvelope.from_json(json.loads(event.to_bytes())) == event
