"""Schemas inside of their documents: what their references mean, and where their subschemas are.

Read by everything in `containment`. Keywords are those of JSON Schema 2020-12.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

Schema: TypeAlias = dict[str, Any] | bool

MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
SINGLES = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)


class Document:
    """A whole schema. References into it are pointers: `#/$defs/money`."""

    def __init__(self, root: Schema) -> None:
        self.root = root
        # An `$id` inside would change what the references below it start from.
        self._has_parts_with_ids = any(
            isinstance(part, dict) and "$id" in part and part is not root for part in walk(root)
        )

    def find(self, reference: str) -> "Node | None":
        """The schema that a reference leads to; None if that cannot be said here."""
        if self._has_parts_with_ids or not (reference == "#" or reference.startswith("#/")):
            return None
        found: Any = self.root
        for token in unquote(reference).split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                return None
        return Node(found, self) if isinstance(found, (dict, bool)) else None


@dataclass(frozen=True, slots=True)
class Node:
    """A schema, and the document that it stands in."""

    schema: Schema
    document: Document

    def at(self, schema: Schema) -> "Node":
        """A part of it."""
        return Node(schema, self.document)

    def all_at(self, schemas: Iterable[Schema]) -> list["Node"]:
        """Parts of it."""
        return [Node(schema, self.document) for schema in schemas]


def rebuilt(
    schema: dict[str, Any], keywords: Iterable[str], change: Callable[[Schema], Schema]
) -> dict[str, Any]:
    """A copy with the subschemas under these keywords changed."""
    result = dict(schema)
    for keyword in keywords:
        value = schema.get(keyword)
        if keyword in MAPS and isinstance(value, dict):
            result[keyword] = {name: change(part) for name, part in value.items()}
        elif keyword in LISTS and isinstance(value, list):
            result[keyword] = [change(part) for part in value]
        elif keyword in SINGLES and isinstance(value, (dict, bool)):
            result[keyword] = change(value)
    return result


def walk(schema: Schema) -> Iterator[Schema]:
    """The schema and all that are inside."""
    waiting: list[Schema] = [schema]

    def note(part: Schema) -> Schema:
        waiting.append(part)
        return part

    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, dict):
            rebuilt(part, (*MAPS, *LISTS, *SINGLES), note)


def refers(schema: Schema) -> bool:
    """Whether there is any reference inside."""
    return any(
        isinstance(part, dict) and ("$ref" in part or "$dynamicRef" in part)
        for part in walk(schema)
    )
