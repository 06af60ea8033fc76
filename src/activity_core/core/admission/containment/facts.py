"""What is known of a value because it is valid: several schemas at once, choices still open.

In: schemas, from `proof`. Out: `Facts`, which the checks of single keywords read. What is not
understood is left out: then less is known, and less can be shown, but nothing false.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from jsonschema_rs import Draft202012Validator

from activity_core.core.admission.containment.document import Node, Schema, refers
from activity_core.core.jsontext import JsonValue

KINDS = frozenset({"null", "boolean", "object", "array", "string", "integer", "fraction"})
"""`number` is integers and fractions; `1.0` is an integer."""


Choice = Sequence[tuple[Node, Sequence[Node]]]
"""Branches of which at least one holds, each with those that do not hold then."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All `parts` hold, none of `nots`, and of each of `choices` one; of one of `kinds`.

    No kinds: there is no such value.
    """

    parts: tuple[Node, ...] = ()
    nots: tuple[Node, ...] = ()
    choices: tuple[Choice, ...] = ()
    kinds: frozenset[str] = KINDS

    def values(self, keyword: str) -> list[Any]:
        """What the parts say under a keyword."""
        return [schema[keyword] for schema, _ in self._schemas() if keyword in schema]

    def _schemas(self) -> Iterator[tuple[dict[str, Any], Node]]:
        for part in self.parts:
            if isinstance(part.schema, dict):
                yield part.schema, part

    @property
    def required(self) -> frozenset[str]:
        """Properties that are there for sure."""
        return frozenset(chain.from_iterable(self.values("required")))

    @property
    def listed(self) -> dict[str, None]:
        """Properties that some part lists, in order."""
        return dict.fromkeys(chain.from_iterable(self.values("properties")))

    @property
    def patterns(self) -> dict[str, list[Node]]:
        """By pattern: what holds for members whose names match it."""
        found: dict[str, list[Node]] = {}
        for schema, part in self._schemas():
            for pattern, node in schema.get("patternProperties", {}).items():
                found.setdefault(pattern, []).append(part.at(node))
        return found

    def member(self, name: str) -> list[Node]:
        """What holds for a listed property."""
        found = []
        for schema, part in self._schemas():
            if name in schema.get("properties", {}):
                found.append(part.at(schema["properties"][name]))
            elif not schema.get("patternProperties"):  # else it depends on what they match
                found.append(part.at(schema.get("additionalProperties", True)))
        return found

    def others(self) -> list[tuple[str | None, list[Node]]]:
        """What may hold for a property that no part lists: by pattern (None: it matches none)."""
        plain = [
            part.at(schema.get("additionalProperties", True))
            for schema, part in self._schemas()
            if not schema.get("patternProperties")
        ]
        unmatched = [
            part.at(schema.get("additionalProperties", True)) for schema, part in self._schemas()
        ]
        return [
            (None, unmatched),
            *((pattern, [*nodes, *plain]) for pattern, nodes in self.patterns.items()),
        ]

    def item(self, place: int) -> list[Node]:
        """What holds for an item."""
        found = []
        for schema, part in self._schemas():
            first = schema.get("prefixItems", ())
            found.append(part.at(first[place] if place < len(first) else schema.get("items", True)))
        return found

    @property
    def finite(self) -> list[JsonValue] | None:
        """All values that there can be, if the parts list them."""
        listed = [*self.values("enum"), *([value] for value in self.values("const"))]
        if self.kinds <= {"null", "boolean"}:
            listed.append([None, True, False])
        if not listed:
            return None
        checks = [validator(part.schema) for part in self.parts if not refers(part.schema)]
        return [
            value
            for value in min(listed, key=len)
            if kind_of(value) in self.kinds and all(check.is_valid(value) for check in checks)
        ]

    def choosing(self, branch: Node, excluded: Sequence[Node]) -> "Facts":
        """The same with the first choice made."""
        rest = replace(self, choices=self.choices[1:], nots=(*self.nots, *excluded))
        return rest.also([branch])

    def of_kind(self, kind: str) -> "Facts":
        """The same of values of one kind."""
        return replace(self, kinds=frozenset({kind}))

    def also(self, nodes: Iterable[Node]) -> "Facts":
        """The same, with what these say; references are followed."""
        parts, nots, choices = [*self.parts], [*self.nots], [*self.choices]
        kinds = self.kinds
        waiting, seen = [*nodes], {id(part.schema) for part in parts}
        while waiting:
            node = waiting.pop(0)
            schema = node.schema
            if schema is False:
                kinds = frozenset()
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen.add(id(schema))
            parts.append(node)
            kinds &= kinds_of(schema)
            waiting += node.all_at(schema.get("allOf", ()))
            if "$ref" in schema and (target := node.document.find(schema["$ref"])):
                waiting.append(target)
            if "not" in schema:
                nots.append(node.at(schema["not"]))
            choices += _choices(node, schema)
        return Facts(tuple(parts), tuple(nots), tuple(choices), kinds)


def facts_of(nodes: Iterable[Node]) -> Facts:
    """What holds for a value that is valid under all of these."""
    return Facts().also(nodes)


def kind_of(value: JsonValue) -> str:  # noqa: PLR0911 - one line per kind
    """The kind of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "fraction"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def kinds_of(schema: dict[str, Any]) -> frozenset[str]:
    """Kinds that `type`, `enum` and `const` allow."""
    kinds = KINDS
    if "type" in schema:
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        kinds = frozenset(types) - {"number"}
        kinds |= {"integer", "fraction"} if "number" in types else frozenset()
    for values in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if values is not None:
            kinds &= {kind_of(value) for value in values}
    return kinds


def validator(schema: Schema) -> Draft202012Validator:
    """Says whether single values are valid; the schema must not refer to anything."""
    return Draft202012Validator(schema, validate_formats=True, offline=True)


def _choices(node: Node, schema: dict[str, Any]) -> Iterator[Choice]:
    if "anyOf" in schema:
        yield [(branch, ()) for branch in node.all_at(schema["anyOf"])]
    if "oneOf" in schema:
        branches = node.all_at(schema["oneOf"])
        yield [
            (branch, [other for other in branches if other is not branch]) for branch in branches
        ]
