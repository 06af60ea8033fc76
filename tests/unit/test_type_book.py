"""The type book: which schema an event must fit, what is said when it does not, what is masked."""

import base64
import json
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from activity_core.core.admission import type_book
from activity_core.core.admission.redaction import MASK
from activity_core.core.admission.type_book import MOST_VALUES, TypeBook
from activity_core.core.definition.event_type import EventType
from activity_core.core.errors import SchemaMismatchError
from activity_core.core.event.envelope import EventEnvelope

NUMBER = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
TEXT = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
SECRET = "4111-1111"


def a_type(taken: str, *versions: dict[str, Any], redact: tuple[str, ...] = ()) -> EventType:
    document = {"id": f"t{len(taken)}", "type": taken, "versions": versions, "redact": redact}
    return EventType.model_validate(document)


def event(kind: str = "order.created", data: Any = None, **attributes: Any) -> EventEnvelope:
    fields = {"specversion": "1.0", "id": "1", "source": "/shop", "type": kind, "data": data}
    return EventEnvelope.from_json(fields | attributes)


def refusal(book: TypeBook, envelope: EventEnvelope, *, required: bool = False) -> Any:
    with pytest.raises(SchemaMismatchError) as caught:
        book.check(envelope, required=required)
    return caught.value


def test_the_data_must_fit_its_type() -> None:
    book = TypeBook([a_type("order.created", NUMBER)])
    book.check(event(data={"n": 1.5}), required=True)
    error = refusal(book, event(data={"n": SECRET}))
    assert error.pointers == ("/n",)
    assert str(error) == (
        "event /shop 1: the data does not fit version 1 of event type t13: "
        '/n: it is not of type "number"'
    )


def test_an_unregistered_type_is_let_in_unless_one_is_required() -> None:
    book = TypeBook([a_type("order.created", NUMBER)])
    book.check(event("order.paid"), required=False)
    error = refusal(book, event("order.paid"), required=True)
    assert "'order.paid' is not registered" in error.message
    assert error.pointers == ()


def test_the_exact_type_wins_over_the_longest_pattern() -> None:
    schemas: dict[str, dict[str, Any]] = {
        "*": {"not": {}},
        "order.*": TEXT,
        "order.c*": {"type": "null"},
        "order.created": NUMBER,
    }
    book = TypeBook([a_type(taken, schema) for taken, schema in schemas.items()])
    book.check(event("order.created", {"n": 1}), required=True)
    book.check(event("order.cancelled"), required=True)
    book.check(event("order.paid", {"n": "x"}), required=True)
    # `*` stands for one character at least.
    refusal(book, event("order.", {"n": "x"}))
    refusal(book, event("payment"))


@pytest.mark.parametrize(
    ("dataschema", "fits"),
    [
        (None, "text"),
        ("urn:event-type:order.created:1", "number"),
        ("urn:event-type:order.created:2", "text"),
        ("urn:event-type:order%2Ecreated:1", "number"),
        ("https://schemas.example/order/1", "text"),
        ("urn:event-type:order.paid:1", "text"),
    ],
)
def test_the_version_is_the_one_it_was_written_for(dataschema: str | None, fits: str) -> None:
    book = TypeBook([a_type("order.created", NUMBER, TEXT)])
    number = event(data={"n": 1}, dataschema=dataschema)
    text = event(data={"n": "1"}, dataschema=dataschema)
    good, bad = (number, text) if fits == "number" else (text, number)
    book.check(good, required=True)
    refusal(book, bad)


def test_types_that_a_urn_must_encode_keep_their_version() -> None:
    book = TypeBook([a_type("*", NUMBER, TEXT)])
    plain: dict[str, Any] = {
        "type": "Größe: 50 %",
        "schema_version": 1,
        "source": "/s",
        "event_id": "1",
    }
    book.check(
        EventEnvelope.from_json({**plain, "schema_version": 1, "payload": {"n": 1}}), required=True
    )


@pytest.mark.parametrize("version", ["3", "0", "-1", "01", "1.0", "v1", "²"])
def test_an_unknown_version_names_the_known_ones(version: str) -> None:
    book = TypeBook([a_type("order.created", NUMBER, TEXT)])
    schema = f"urn:event-type:order.created:{version}"
    error = refusal(book, event(data={"n": 1}, dataschema=schema))
    assert f"has no version {version!r}" in error.message
    assert error.hint == "known: 1, 2"


def test_binary_data_fits_only_a_schema_that_asks_for_it() -> None:
    binary = event(data_base64=base64.b64encode(b"\x00\xff").decode())
    book = TypeBook([a_type("order.created", NUMBER)])
    assert refusal(book, binary).pointers == ("",)
    TypeBook([a_type("order.created", {})]).check(binary, required=True)
    image = {"type": "string", "contentEncoding": "base64", "maxLength": 4}
    TypeBook([a_type("order.created", image)]).check(binary, required=True)
    large = event(data_base64=base64.b64encode(b"123456").decode())
    refusal(TypeBook([a_type("order.created", image)]), large)


def test_pointers_are_escaped_and_at_most_five() -> None:
    schema = {
        "properties": {"a/b~": {"items": {"properties": {"x": {"type": "string"}}}}},
        "required": ["q"],
    }
    book = TypeBook([a_type("order.created", schema)])
    error = refusal(book, event(data={"a/b~": [{"x": 1}] * 9, "q": 1}))
    assert error.pointers == tuple(f"/a~1b~0/{i}/x" for i in range(5))
    assert refusal(book, event(data={})).message.endswith('the data: "q" is a required property')


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"enum": ["a"]},
        {"const": "a"},
        {"pattern": "^a$"},
        {"maxLength": 2},
        {"format": "date"},
        {"not": {"type": "string"}},
        {"anyOf": [{"type": "integer"}, {"maxLength": 1}]},
        {"oneOf": [{}, {}]},
        {"$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}},
    ],
)
def test_no_value_is_repeated(schema: dict[str, Any]) -> None:
    inner = {"properties": {"card": schema}}
    # References start at the root of the whole schema.
    if "$defs" in schema:
        inner["$defs"] = schema["$defs"]
    error = refusal(TypeBook([a_type("order.created", inner)]), event(data={"card": SECRET}))
    assert SECRET not in str(error)
    assert error.pointers == ("/card",)


def test_a_reason_is_short() -> None:
    schema = {"enum": [f"colour {n}" for n in range(100)]}
    error = refusal(TypeBook([a_type("order.created", schema)]), event(data=1))
    assert len(error.message) < 200


def test_only_the_first_mismatch_is_looked_for_in_large_data() -> None:
    book = TypeBook([a_type("order.created", {"items": {"type": "string"}})])
    assert len(refusal(book, event(data=[1] * (MOST_VALUES - 1))).pointers) == 5
    assert refusal(book, event(data=["x"] + [[1]] * MOST_VALUES)).pointers == ("/1",)


def test_formats_are_checked() -> None:
    book = TypeBook([a_type("order.created", {"format": "date-time"})])
    book.check(event(data="2026-11-21T09:00:00Z"), required=True)
    refusal(book, event(data="tomorrow"))


def test_a_schema_is_compiled_once_and_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    real = Draft202012Validator

    def counted(schema: Any, **options: Any) -> Any:
        compiled.append(schema)
        return real(schema, **options)

    monkeypatch.setattr(type_book, "Draft202012Validator", counted)
    book = TypeBook([a_type("order.created", NUMBER, TEXT)])
    assert not compiled
    for _ in range(3):
        book.check(event(data={"n": "x"}), required=True)
    assert compiled == [TEXT]


def test_secrets_are_masked_by_the_type_that_an_event_has() -> None:
    book = TypeBook([a_type("order.*", {}, redact=("/card", "/lines/*/iban"))])
    sent = event(data={"card": SECRET, "lines": [{"iban": "DE1", "n": 1}]})
    kept = book.redacted(sent)
    assert kept.data == {"card": MASK, "lines": [{"iban": MASK, "n": 1}]}
    assert SECRET not in json.dumps(kept.to_json())
    assert (kept.id, kept.source, kept.type) == (sent.id, sent.source, sent.type)
    assert book.redacted(kept) == kept
    other = event("payment", {"card": SECRET})
    assert book.redacted(other) is other


def test_binary_data_of_a_type_with_secrets_is_masked_as_a_whole() -> None:
    book = TypeBook([a_type("order.created", {}, redact=("/card",))])
    sent = event(data_base64=base64.b64encode(b'{"card":"4111"}').decode())
    kept = book.redacted(sent)
    assert (kept.data, kept.data_base64) == (MASK, None)


def test_of_two_types_for_the_same_the_first_counts() -> None:
    book = TypeBook([a_type("order.created", NUMBER), a_type("order.created", TEXT)])
    book.check(event(data={"n": 1}), required=True)
