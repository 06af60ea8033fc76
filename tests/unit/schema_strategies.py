"""Random JSON Schemas over a small vocabulary, pairs of which one was made of the other, values."""

from itertools import product
from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b")
SCALARS: list[Any] = [None, True, False, -1, 0, 1, 2, 3, 0.5, 1.0, "", "a", "ab", "xyz"]
LITTLE: list[Any] = [0, "a", True]
REFERENCES = ("#/$defs/x", "#/$defs/y", "#")


def _objects(values: list[Any]) -> list[Any]:
    absent = object()
    return [
        {
            name: value
            for name, value in zip((*NAMES, "c"), chosen, strict=True)
            if value is not absent
        }
        for chosen in product([absent, *values], [absent, *values], [absent, 0, "a"])
    ]


def _arrays(values: list[Any]) -> list[Any]:
    return [list(items) for length in range(3) for items in product(values, repeat=length)]


_INNER = [*_objects(LITTLE), *_arrays(LITTLE)]
VALUES: list[Any] = [
    *SCALARS,
    *_objects(SCALARS),
    *_arrays(SCALARS),
    *[[0] * 3, ["a", 0, True], [0, 0, "a", "a"]],
    *({name: inner} for inner in _INNER for name in NAMES),
    *({"a": 1, "b": inner} for inner in _INNER),
    *([inner] for inner in _INNER),
    *({"a": {"a": {"a": last}}} for last in LITTLE),
    *({"a": [{"a": last}], "b": last} for last in LITTLE),
]
"""Enough for every keyword to make a difference, few enough to try them all."""

_types = st.sampled_from(["null", "boolean", "object", "array", "string", "integer", "number"])
_small = st.integers(0, 3)
_bounds = st.sampled_from([-1, 0, 0.5, 1, 1.0, 2, 3])
_ASSERTIONS: dict[str, st.SearchStrategy[Any]] = {
    "type": _types | st.lists(_types, min_size=1, max_size=3, unique=True),
    "enum": st.lists(st.sampled_from([*SCALARS, {"a": 1}, [0]]), min_size=1, max_size=4),
    "const": st.sampled_from([*SCALARS, {"a": 1}]),
    "minimum": _bounds,
    "maximum": _bounds,
    "exclusiveMinimum": _bounds,
    "exclusiveMaximum": _bounds,
    "multipleOf": st.sampled_from([0.5, 1, 2, 3, 1.5]),
    "minLength": _small,
    "maxLength": _small,
    "pattern": st.sampled_from(["^a", "b$"]),
    "format": st.sampled_from(["date", "ipv4"]),
    "minItems": _small,
    "maxItems": _small,
    "uniqueItems": st.booleans(),
    "minProperties": _small,
    "maxProperties": _small,
    "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    "dependentRequired": st.dictionaries(
        st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
    ),
}


def _applicators(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    members = st.dictionaries(st.sampled_from(NAMES), inner, min_size=1)
    several = st.lists(inner, min_size=1, max_size=3)
    return {
        "properties": members,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "^[ab]$"]), inner, min_size=1),
        "additionalProperties": inner,
        "items": inner,
        "prefixItems": several,
        "contains": inner,
        "propertyNames": inner,
        "unevaluatedProperties": inner,
        "dependentSchemas": members,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
    }


_INSIDE = ("properties", "additionalProperties", "items")
"""Only below these a schema refers to one that it is part of: others would go in circles."""


def _keywords(parts: dict[str, st.SearchStrategy[Any]], most: int) -> st.SearchStrategy[Any]:
    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from([*parts]), max_size=most, unique=True))
        return {name: draw(parts[name]) for name in names}

    return drawn()


_leaves = st.booleans() | _keywords(_ASSERTIONS, 2)
_references = st.sampled_from(REFERENCES).map(lambda reference: {"$ref": reference})
_flat = _keywords(_ASSERTIONS | _applicators(_leaves), 3)
_guarded = _applicators(_leaves | _flat)
_guarded |= {name: _applicators(_leaves | _flat | _references)[name] for name in _INSIDE}
_nested = _keywords(_ASSERTIONS | _guarded, 4) | _keywords(
    {name: {**_ASSERTIONS, **_guarded}[name] for name in ("type", "required", "enum", *_INSIDE)}, 4
)


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A whole document, perhaps one that refers to itself."""
    root = draw(_nested)
    if draw(st.booleans()):
        root = {**root, "$ref": draw(st.sampled_from(REFERENCES[:2]))}
    return {**root, "$defs": {"x": draw(_nested), "y": draw(_nested)}}


@st.composite
def evolved(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with some things changed, somewhere in it."""
    result: dict[str, Any] = _changed(draw, schema)
    for name in ("x", "y"):
        result.setdefault("$defs", {}).setdefault(name, True)
    return result


def _changed(draw: st.DrawFn, schema: Any) -> Any:
    if not isinstance(schema, dict):
        return draw(st.just(schema) | _leaves)
    result = dict(schema)
    for keyword in schema:
        action = draw(st.sampled_from(["keep", "keep", "inside", "inside", "drop", "draw"]))
        if action == "drop" and keyword != "$defs":
            del result[keyword]
        elif action == "draw" and keyword in _ASSERTIONS:
            result[keyword] = draw(_ASSERTIONS[keyword])
        elif action == "inside" and keyword not in _ASSERTIONS:
            result[keyword] = _changed_inside(draw, keyword, schema[keyword])
    if draw(st.integers(0, 3)) == 0:
        result |= draw(_keywords(_ASSERTIONS | _guarded, 1))
    wrapped = draw(st.sampled_from(["no"] * 8 + ["anyOf", "allOf", "oneOf"]))
    if wrapped != "no" and "$defs" not in schema:
        return {wrapped: [draw(_leaves), result]}
    return result


def _changed_inside(draw: st.DrawFn, keyword: str, value: Any) -> Any:
    if keyword in ("properties", "patternProperties", "dependentSchemas", "$defs"):
        return {name: _changed(draw, part) for name, part in value.items()}
    if isinstance(value, list):
        return [_changed(draw, part) for part in value]
    return value if keyword == "$ref" else _changed(draw, value)
