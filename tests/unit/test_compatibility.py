"""Compatibility: which changes of a schema are accepted, and what is said of the others."""

import time
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from activity_core.core.admission.compatibility import MOST_SENTENCES, incompatibilities
from activity_core.core.admission.containment.closed import closed
from activity_core.core.definition.event_type import Compatibility

TEXT, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {"id": TEXT, "amount": NUMBER, "status": {"enum": ["open", "paid"]}},
    "required": ["id"],
}
CUSTOMER = {"type": "object", "properties": {"name": TEXT}, "required": ["name"]}
TREE: dict[str, Any] = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": INTEGER,
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
        }
    },
}


def order(**changes: Any) -> dict[str, Any]:
    """The order with some properties changed, added, or (None) taken away."""
    properties = {**ORDER["properties"], **changes}
    kept = {name: part for name, part in properties.items() if part is not None}
    return {**ORDER, "properties": kept}


def tagged(**branches: Any) -> dict[str, Any]:
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {"kind": {"const": kind}, **properties},
                "required": ["kind"],
            }
            for kind, properties in branches.items()
        ]
    }


def array(items: Any, **other: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **other}


EVOLUTIONS = [
    ("nothing", ORDER, ORDER, "full"),
    ("words for people", ORDER, {**ORDER, "title": "Order", "$comment": "x"}, "full"),
    ("an optional property", ORDER, order(note=TEXT), "full"),
    ("an optional object", ORDER, order(customer=CUSTOMER), "full"),
    ("a property taken away", ORDER, order(amount=None), "full"),
    ("a property no longer required", ORDER, {**ORDER, "required": []}, "backward"),
    ("a property now required", {**ORDER, "required": []}, ORDER, "forward"),
    ("closing what nobody uses", ORDER, {**ORDER, "additionalProperties": False}, "full"),
    ("opening", {**ORDER, "additionalProperties": False}, ORDER, "full"),
    ("a wider type", order(amount=INTEGER), ORDER, "backward"),
    ("a second type", ORDER, order(amount={"type": ["number", "null"]}), "backward"),
    (
        "types as a choice",
        {"type": ["string", "null"]},
        {"anyOf": [TEXT, {"type": "null"}]},
        "full",
    ),
    ("more choices", ORDER, order(status={"enum": ["open", "paid", "void"]}), "backward"),
    ("any text for a choice", ORDER, order(status=TEXT), "backward"),
    ("const among enum", {"const": 1}, {"enum": [1.0, 2]}, "backward"),
    ("booleans listed", {"type": "boolean"}, {"enum": [True, False]}, "full"),
    ("wider bounds", {"minimum": 1, "maximum": 5}, {"minimum": 0, "maximum": 5.5}, "backward"),
    ("exclusive is narrower", {"exclusiveMinimum": 0}, {"minimum": 0}, "backward"),
    ("over a bound", {"minimum": 1}, {"exclusiveMinimum": 0}, "backward"),
    ("bounds of other types", TEXT, {"minimum": 5, "maxItems": 1, "required": ["a"]}, "backward"),
    ("longer texts", {"maxLength": 10}, {"maxLength": 20}, "backward"),
    ("a pattern dropped", {"type": "string", "pattern": "^a"}, TEXT, "backward"),
    ("a format dropped", {"type": "string", "format": "date"}, TEXT, "backward"),
    ("multiples", {"multipleOf": 6}, {"multipleOf": 3}, "backward"),
    ("items widened", array(INTEGER), array(NUMBER), "backward"),
    ("more items", array(TEXT, maxItems=2), array(TEXT, maxItems=3), "backward"),
    ("one item is unique", array(TEXT, maxItems=1), array(TEXT, uniqueItems=True), "backward"),
    (
        "a tuple as a list",
        {"prefixItems": [TEXT, TEXT], "items": False},
        {"items": TEXT},
        "backward",
    ),
    (
        "a tuple grows",
        {"type": "array", "prefixItems": [TEXT], "maxItems": 1},
        {"prefixItems": [TEXT, NUMBER]},
        "backward",
    ),
    ("a branch more", {"anyOf": [TEXT]}, {"anyOf": [NUMBER, TEXT]}, "backward"),
    ("a kind more", tagged(a={}, b={"x": TEXT}), tagged(a={}, b={"x": TEXT}, c={}), "backward"),
    ("a property of a kind", tagged(a={}, b={}), tagged(a={"y": TEXT}, b={}), "full"),
    ("disjoint by type", {"oneOf": [TEXT]}, {"oneOf": [TEXT, NUMBER]}, "backward"),
    (
        "still exactly one",
        {"oneOf": [{"type": "object", "required": [name]} for name in "ab"]},
        {"oneOf": [*({"type": "object", "required": [name]} for name in "ab"), NUMBER]},
        "backward",
    ),
    ("not what it is not", {"not": {"type": ["string", "null"]}}, {"not": TEXT}, "backward"),
    ("not another type", NUMBER, {"not": TEXT}, "backward"),
    (
        "a definition made",
        order(customer=CUSTOMER),
        {**order(customer={"$ref": "#/$defs/customer"}), "$defs": {"customer": CUSTOMER}},
        "full",
    ),
    ("a tree", TREE, TREE, "full"),
    (
        "conditions kept",
        {"if": TEXT, "then": {"minLength": 1}, "properties": {"a": INTEGER}},
        {"if": TEXT, "then": {"minLength": 1}, "properties": {"a": NUMBER}},
        "backward",
    ),
    ("contains kept", {"contains": TEXT, "minItems": 2}, {"contains": TEXT}, "backward"),
    ("nothing to anything", False, ORDER, "backward"),
    ("anything", ORDER, True, "backward"),
    (
        "inheritance",
        {"allOf": [{"$ref": "#/$defs/b"}, order()], "$defs": {"b": CUSTOMER}},
        {"allOf": [{"$ref": "#/$defs/b"}, order()], "$defs": {"b": {"type": "object"}}},
        "backward",
    ),
    (
        "patterns kept",
        {"patternProperties": {"^x-": INTEGER}, "additionalProperties": False},
        {"patternProperties": {"^x-": NUMBER}, "additionalProperties": False},
        "backward",
    ),
    (
        "dependencies that are always there",
        {"type": "object", "required": ["a", "b"]},
        {"dependentRequired": {"a": ["b"]}},
        "backward",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [pytest.param(*case, id=name) for name, *case in EVOLUTIONS],
)
def test_what_may_change(old: Any, new: Any, rule: Compatibility) -> None:
    assert incompatibilities(old, new, rule) == []


BREAKING: list[tuple[Any, Any, Compatibility, str]] = [
    (ORDER, order(amount=TEXT), "backward", "/properties/amount: was number, now string"),
    (ORDER, order(amount=INTEGER), "backward", "/properties/amount: was number, now integer"),
    (order(amount=INTEGER), ORDER, "forward", "/properties/amount: was integer, now number"),
    (TEXT, {}, "forward", "the schema: was string, now of any type"),
    (
        ORDER,
        {**ORDER, "required": ["id", "amount"]},
        "backward",
        "/properties/amount: was optional, now required",
    ),
    (
        ORDER,
        {**ORDER, "required": []},
        "forward",
        "/properties/id: was required, now optional",
    ),
    (
        ORDER,
        {**order(amount=None), "additionalProperties": False},
        "backward",
        "/properties/amount: was allowed, now not allowed",
    ),
    (
        {**ORDER, "additionalProperties": False},
        {**order(note=TEXT), "additionalProperties": False},
        "forward",
        "/properties/note: was not allowed, now allowed",
    ),
    (
        {**ORDER, "additionalProperties": True},
        order(note=TEXT),
        "backward",
        "/properties/note: was of any type, now string",
    ),
    (
        ORDER,
        order(status={"enum": ["open"]}),
        "backward",
        '/properties/status/enum: was "paid" too, now ["open"]',
    ),
    (TEXT, {"const": "a"}, "backward", '/const: was any other too, now "a"'),
    ({"minimum": 0}, {"minimum": 1}, "backward", "/minimum: was 0, now 1"),
    ({}, {"maxLength": 9}, "backward", "/maxLength: was absent, now 9"),
    ({"minimum": 0}, {"exclusiveMinimum": 0}, "backward", "/exclusiveMinimum: was absent, now 0"),
    (array(TEXT), array(NUMBER), "backward", "/items: was string, now number"),
    (
        {"type": "object", "properties": {"a/b": TEXT}},
        {"properties": {"a/b": NUMBER}},
        "backward",
        "/properties/a~1b: was string, now number",
    ),
    (
        tagged(a={}, b={}),
        tagged(a={}),
        "backward",
        '/oneOf/0/properties/kind/const: was "b" too, now "a"',
    ),
]


BREAKING += [
    ({"multipleOf": 2}, {"multipleOf": 3}, "backward", "/multipleOf: was 2, now 3"),
    ({"multipleOf": 3}, {"multipleOf": 1.5}, "backward", "/multipleOf: was 3, now 1.5"),
    (
        {"patternProperties": {"^x": NUMBER}, "additionalProperties": TEXT},
        {"additionalProperties": TEXT},
        "backward",
        "/additionalProperties: was number, now string",
    ),
    (
        {"patternProperties": {"^x": NUMBER}, "additionalProperties": TEXT},
        {"properties": {"x": TEXT}},
        "backward",
        "/properties/x: was number, now string",
    ),
    (
        {"type": "object", "additionalProperties": NUMBER},
        {"patternProperties": {"^x": NUMBER}, "additionalProperties": TEXT},
        "backward",
        "/additionalProperties: was number, now string",
    ),
    (
        {
            "allOf": [
                {"properties": {"a": {}}},
                {"patternProperties": {"^a": {}}, "additionalProperties": TEXT},
            ]
        },
        {"properties": {"a": TEXT}},
        "backward",
        "/properties/a: was of any type, now string",
    ),
]


@pytest.mark.parametrize(("old", "new", "rule", "sentence"), BREAKING)
def test_what_may_not_change(old: Any, new: Any, rule: Compatibility, sentence: str) -> None:
    assert incompatibilities(old, new, rule) == [sentence]
    assert incompatibilities(old, new, "full") != []
    assert incompatibilities(old, new, "none") == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ({"if": TEXT, "then": {"minLength": 1}}, {"if": TEXT, "then": {"minLength": 2}}, "/if"),
        ({"contains": {"const": 1}}, {"contains": {"const": True}}, "/contains"),
        ({}, {"propertyNames": {"maxLength": 3}}, "/propertyNames"),
        ({"properties": {"a": {}}}, {"unevaluatedProperties": False}, "/unevaluatedProperties"),
        (TEXT, {"not": {"pattern": "^a"}}, "/not"),
        (TEXT, {"oneOf": [TEXT, {"minLength": 1}]}, "/oneOf"),
        (TEXT, {"$ref": "#/$defs/zz"}, "/$ref"),
        (
            {"oneOf": [TEXT, NUMBER]},
            {"oneOf": [TEXT, NUMBER, {"type": "string", "minLength": 1}]},
            "/oneOf",
        ),
        (
            {"properties": {"a": True}, "unevaluatedProperties": False},
            {"unevaluatedProperties": False},
            "/unevaluatedProperties",
        ),
        ({}, {"properties": {"a": {"$id": "urn:a", "$ref": "#"}}}, "/properties/a/$ref"),
    ],
)
def test_what_cannot_be_decided_is_said(old: Any, new: Any, place: str) -> None:
    [sentence] = incompatibilities(old, new, "backward")
    assert sentence.startswith(f"{place} cannot be shown to be compatible; ")


def test_full_says_what_either_direction_says_once() -> None:
    found = incompatibilities(ORDER, {**order(amount=TEXT), "required": []}, "full")
    assert found == [
        "/properties/amount: was number, now string",
        "/properties/id: was required, now optional",
    ]


def test_a_tree_is_compared_to_its_leaves() -> None:
    node = TREE["$defs"]["node"]
    changed = {**node, "properties": {**node["properties"], "value": NUMBER, "name": TEXT}}
    wider = {**TREE, "$defs": {"node": changed}}
    assert incompatibilities(TREE, wider, "backward") == []
    assert "/properties/children/items/properties/value: was integer, now number" in (
        incompatibilities(TREE, wider, "forward")
    )


def test_a_reference_to_itself_shows_nothing() -> None:
    circle = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, TEXT]}}}
    assert incompatibilities(NUMBER, circle, "backward") != []
    assert incompatibilities(circle, NUMBER, "backward") != []


def test_sentences_are_bounded() -> None:
    old = {"properties": {f"p{n}": TEXT for n in range(50)}}
    new = {"properties": {f"p{n}": NUMBER for n in range(50)}}
    assert len(incompatibilities(old, new, "full")) == MOST_SENTENCES


def test_choices_inside_of_choices_end() -> None:
    def deep(levels: int, leaf: Any) -> Any:
        if not levels:
            return leaf
        inner = deep(levels - 1, leaf)
        choices = [{"properties": {name: inner}, "required": [name]} for name in "abcd"]
        return {"type": "object", "allOf": [{"anyOf": choices}, {"anyOf": choices[::-1]}]}

    started = time.process_time()
    assert incompatibilities(deep(4, TEXT), deep(4, INTEGER), "full")
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("schema", "sent", "not_sent"),
    [
        (ORDER, {"id": "1"}, {"id": "1", "note": "x"}),
        (order(customer=CUSTOMER), {"id": "1"}, {"id": "1", "customer": {"name": "x", "y": 1}}),
        (array(ORDER), [{"id": "1"}], [{"id": "1", "note": 1}]),
        (TREE, {"children": [{"value": 1}]}, {"children": [{"children": [{"x": 1}]}]}),
        (tagged(a={}, b={"x": TEXT}), {"kind": "b", "x": "1"}, {"kind": "a", "x": "1"}),
        (
            {"properties": {"a": {}}, "patternProperties": {"^x-": {}}},
            {"a": 1, "x-b": 2},
            {"b": 1},
        ),
    ],
)
def test_what_a_schema_does_not_list_is_not_sent(schema: Any, sent: Any, not_sent: Any) -> None:
    strict = Draft202012Validator(schema)
    assert strict.is_valid(sent)
    assert strict.is_valid(not_sent)
    assert Draft202012Validator(closed(schema)).is_valid(sent)
    assert not Draft202012Validator(closed(schema)).is_valid(not_sent)


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({**ORDER, "additionalProperties": True}, {"id": "1", "note": "x"}),
        ({"type": "object"}, {"anything": 1}),
        (
            {"allOf": [{"$ref": "#/$defs/c"}, {"properties": {"b": {}}}], "$defs": {"c": CUSTOMER}},
            {"name": "x", "b": 1},
        ),
        ({"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}]}, {"a": 1, "b": 2}),
        ({"properties": {"a": {}}, "unevaluatedProperties": True}, {"a": 1, "b": 2}),
        ({"const": {"properties": {}, "$ref": "#/x"}}, {"properties": {}, "$ref": "#/x"}),
    ],
)
def test_what_a_schema_lists_elsewhere_or_allows_is_sent(schema: Any, sent: Any) -> None:
    assert Draft202012Validator(closed(schema)).is_valid(sent)
