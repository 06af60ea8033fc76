"""Keywords about what is inside of a value: its members and its items.

In: facts about a value, and a schema that it may or may not fit. Out: findings, and questions
(`Question`) that `proof` has to answer about members and items.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from activity_core.core.admission.containment.document import Node
from activity_core.core.admission.containment.facts import Facts
from activity_core.core.admission.containment.finding import Finding, within


@dataclass(frozen=True, slots=True)
class Question:
    """Whether whatever is valid under all of `known` is valid under `asked`."""

    known: Sequence[Node]
    asked: Node
    path: str


def about_presence(facts: Facts, schema: dict[str, Any], path: str) -> Iterator[Finding]:
    """`required` and `dependentRequired`."""
    if "object" not in facts.kinds:
        return
    for name in schema.get("required", ()):
        if name not in facts.required:
            yield Finding(within(path, "properties", name), "optional", "required")
    for name, others in schema.get("dependentRequired", {}).items():
        known = facts.required.union(
            *(each.get(name, ()) for each in facts.values("dependentRequired"))
        )
        for other in others:
            if other not in known and not _is_never(facts.member(name)):
                where = within(path, "properties", other)
                yield Finding(where, "optional", f"required with {name}")


def about_members(
    facts: Facts, node: Node, schema: dict[str, Any], path: str
) -> Iterator[Question]:
    """`properties`, `patternProperties` and `additionalProperties`."""
    if "object" not in facts.kinds:
        return
    listed, patterns, others = facts.listed, facts.patterns, facts.others()
    properties = schema.get("properties", {})
    for name, part in properties.items():
        where = within(path, "properties", name)
        alternatives = [facts.member(name)] if name in listed else [each for _, each in others]
        yield from _each(alternatives, node.at(part), where)
    wanted = schema.get("patternProperties", {})
    for pattern, part in wanted.items():
        # A member whose name matches fits the same pattern here, whatever else it fits.
        known = [patterns[pattern]] if pattern in patterns else _all_members(facts)
        yield from _each(known, node.at(part), within(path, "patternProperties", pattern))
    if "additionalProperties" in schema:
        rest = node.at(schema["additionalProperties"])
        for name in listed:
            if name not in properties:
                yield Question(facts.member(name), rest, within(path, "properties", name))
        unlisted = [known for pattern, known in others if pattern not in wanted]
        yield from _each(unlisted, rest, within(path, "additionalProperties"))


def about_items(facts: Facts, node: Node, schema: dict[str, Any], path: str) -> Iterator[Question]:
    """`prefixItems` and `items`."""
    if "array" not in facts.kinds or not {"prefixItems", "items"} & schema.keys():
        return
    first = schema.get("prefixItems", ())
    longest = max(map(len, [first, *facts.values("prefixItems")]))
    most = min(facts.values("maxItems"), default=longest + 1)
    for place in range(int(min(longest, most))):
        known = facts.item(place)
        if place < len(first):
            yield Question(known, node.at(first[place]), within(path, "prefixItems", place))
        else:
            yield Question(known, node.at(schema.get("items", True)), within(path, "items"))
    if "items" in schema and most > longest:
        yield Question(facts.item(longest), node.at(schema["items"]), within(path, "items"))


def _each(alternatives: Iterable[Sequence[Node]], asked: Node, path: str) -> Iterator[Question]:
    for known in alternatives:
        yield Question(known, asked, path)


def _all_members(facts: Facts) -> list[Sequence[Node]]:
    return [*map(facts.member, facts.listed), *(known for _, known in facts.others())]


def _is_never(nodes: Sequence[Node]) -> bool:
    return any(node.schema is False for node in nodes)
