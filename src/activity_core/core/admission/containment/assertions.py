"""Keywords about a value by itself: its type, its size, its text.

In: facts about a value, and a schema that it may or may not fit. Out: findings, keyword by
keyword.
"""

from collections.abc import Callable, Iterator
from operator import eq, ge, gt, le, lt
from typing import Any

from activity_core.core.admission.containment.facts import (
    Facts,
    kind_of,
    kinds_of,
    validator,
)
from activity_core.core.admission.containment.finding import Finding, shown, within

Implies = Callable[[Any, Any], bool]


def _is_multiple(known: Any, asked: Any) -> bool:
    if kind_of(known) == kind_of(asked) == "integer":
        return int(known) % int(asked) == 0
    return bool(known == asked)  # fractions are rounded when they are divided


_IMPLIED_BY: dict[str, dict[str, dict[str, Implies]]] = {
    "number": {
        "minimum": {"minimum": ge, "exclusiveMinimum": ge},
        "maximum": {"maximum": le, "exclusiveMaximum": le},
        "exclusiveMinimum": {"exclusiveMinimum": ge, "minimum": gt},
        "exclusiveMaximum": {"exclusiveMaximum": le, "maximum": lt},
        "multipleOf": {"multipleOf": _is_multiple},
    },
    "string": {
        "minLength": {"minLength": ge},
        "maxLength": {"maxLength": le},
        "pattern": {"pattern": eq},
        "format": {"format": eq},
    },
    "array": {
        "minItems": {"minItems": ge},
        "maxItems": {"maxItems": le},
        "uniqueItems": {"uniqueItems": ge, "maxItems": lambda most, _: bool(most <= 1)},
    },
    "object": {
        "minProperties": {
            "minProperties": ge,
            "required": lambda names, asked: bool(len(set(names)) >= asked),
        },
        "maxProperties": {"maxProperties": le},
    },
}
"""Kind → keyword → which keywords imply it, and when: of what is known and what is asked."""

_ASKS_NOTHING = (("minLength", 0), ("minItems", 0), ("minProperties", 0), ("uniqueItems", False))


def about_the_type(facts: Facts, schema: dict[str, Any], path: str) -> Iterator[Finding]:
    """`type`."""
    if not facts.kinds <= (allowed := kinds_of({k: schema[k] for k in schema if k == "type"})):
        yield Finding(path, _named(facts.kinds), _named(allowed))


def about_the_values(facts: Facts, schema: dict[str, Any], path: str) -> Iterator[Finding]:
    """`enum` and `const`."""
    for keyword in ("enum", "const"):
        if keyword not in schema:
            continue
        check = validator({keyword: schema[keyword]})
        known = facts.finite
        if known is None:
            yield Finding(within(path, keyword), "any other too", shown(schema[keyword]))
        elif lost := [value for value in known if not check.is_valid(value)]:
            also = ", ".join(map(shown, lost[:3]))
            yield Finding(within(path, keyword), f"{also} too", shown(schema[keyword]))


def about_the_size(facts: Facts, schema: dict[str, Any], path: str) -> Iterator[Finding]:
    """Bounds, patterns and formats, as far as they are about kinds that there can be."""
    kinds = {"number" if kind in ("integer", "fraction") else kind for kind in facts.kinds}
    for kind, keywords in _IMPLIED_BY.items():
        for keyword, implied_by in keywords.items():
            if kind not in kinds or keyword not in schema:
                continue
            asked = schema[keyword]
            if (keyword, asked) in _ASKS_NOTHING or any(
                implies(known, asked)
                for name, implies in implied_by.items()
                for known in facts.values(name)
            ):
                continue
            known = facts.values(keyword)
            narrow = shown(known[0]) if known else "absent"
            yield Finding(within(path, keyword), narrow, shown(asked))


def _named(kinds: frozenset[str]) -> str:
    names = {"number" if kind == "fraction" else kind for kind in kinds}
    if "number" in names:
        names -= {"integer"}
    return "of any type" if len(names) >= len(_ALL_NAMES) else " or ".join(sorted(names))


_ALL_NAMES = ("null", "boolean", "object", "array", "string", "number")
