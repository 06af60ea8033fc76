"""The proof that one schema is contained in another, or what stands in its way.

In: two documents, from `compatibility`. Out: findings; none of them means that every value that is
valid under the narrower is valid under the wider. The reverse is not promised: what cannot be
decided here is a finding too.

The way: what holds for a value (`facts`) is split where it has a choice, then the wider schema is
gone through keyword by keyword. A reference that comes back to the same question one level further
inside of the value is taken as answered: values are finite.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from activity_core.core.admission.containment.assertions import (
    about_the_size,
    about_the_type,
    about_the_values,
)
from activity_core.core.admission.containment.document import Document, Node, Schema, refers
from activity_core.core.admission.containment.facts import Facts, facts_of, validator
from activity_core.core.admission.containment.finding import Finding, within
from activity_core.core.admission.containment.opaque import about_the_rest
from activity_core.core.admission.containment.parts import (
    about_items,
    about_members,
    about_presence,
)
from activity_core.core.jsontext import canonical_json

MOST_STEPS = 2_000
"""Questions about one pair of schemas; choices inside of choices multiply."""
DEEPEST = 60
"""Questions inside of questions."""

Key = tuple[object, ...]


def obstacles(narrow: Schema, wide: Schema) -> list[Finding]:
    """Why not everything that is valid under `narrow` is valid under `wide`; empty: it is."""
    known = facts_of([Node(narrow, Document(narrow))])
    return _Proof().contained(known, Node(wide, Document(wide)), "")


class _Proof:
    def __init__(self) -> None:
        self._steps = 0
        self._level = 0
        self._inside = 0  # how far inside of the value
        self._texts: dict[int, bytes | None] = {}
        self._asked: dict[Key, int] = {}  # reference that is being followed → how far inside

    def contained(self, facts: Facts, wide: Node, path: str) -> list[Finding]:
        """What keeps values with these facts from being valid under `wide`."""
        schema = wide.schema
        if not facts.kinds or schema is True or self._is_among(facts, wide):
            return []
        if schema is False:
            return [Finding(path, "allowed", "not allowed")]
        self._steps += 1
        if self._steps > MOST_STEPS or self._level > DEEPEST:
            return [Finding(path)]
        self._level += 1
        try:
            if facts.choices:
                branches = facts.choices[0]
                return [
                    finding
                    for branch, excluded in branches
                    for finding in self.contained(facts.choosing(branch, excluded), wide, path)
                ]
            return list(self._differences(facts, wide, schema, path))
        finally:
            self._level -= 1

    def _is_among(self, facts: Facts, wide: Node) -> bool:
        """Whether one of the facts is the same schema to the letter, and means the same."""
        text = self._text(wide.schema)
        return text is not None and any(self._text(part.schema) == text for part in facts.parts)

    def _text(self, schema: Schema) -> bytes | None:
        """None if it means different things in different documents."""
        if id(schema) not in self._texts:
            self._texts[id(schema)] = None if refers(schema) else canonical_json(schema)
        return self._texts[id(schema)]

    def _differences(
        self, facts: Facts, wide: Node, schema: dict[str, Any], path: str
    ) -> Iterator[Finding]:
        values = facts.finite
        if values is not None and not refers(schema):
            check = validator(schema)
            if all(check.is_valid(value) for value in values):
                return
        yield from about_the_type(facts, schema, path)
        yield from about_the_values(facts, schema, path)
        yield from about_the_size(facts, schema, path)
        yield from about_presence(facts, schema, path)
        questions = [
            *about_members(facts, wide, schema, path),
            *about_items(facts, wide, schema, path),
        ]
        for question in questions:
            self._inside += 1
            yield from self.contained(facts_of(question.known), question.asked, question.path)
            self._inside -= 1
        yield from self._compositions(facts, wide, schema, path)
        yield from about_the_rest(facts, schema, path)

    def _compositions(
        self, facts: Facts, wide: Node, schema: dict[str, Any], path: str
    ) -> Iterator[Finding]:
        if "$ref" in schema:
            yield from self._reference(facts, wide.document.find(schema["$ref"]), path)
        for place, branch in enumerate(wide.all_at(schema.get("allOf", ()))):
            yield from self.contained(facts, branch, within(path, "allOf", place))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                branches = wide.all_at(schema[keyword])
                yield from self._choice(facts, branches, keyword, within(path, keyword))
        if "not" in schema and not self._disjoint(facts, wide.at(schema["not"])):
            yield Finding(within(path, "not"))

    def _reference(self, facts: Facts, target: Node | None, path: str) -> list[Finding]:
        if target is None:
            return [Finding(within(path, "$ref"))]
        key: Key = (
            *(id(part.schema) for part in facts.parts),
            None,
            *(id(part.schema) for part in facts.nots),
            facts.kinds,
            id(target.schema),
        )
        if key in self._asked:
            return [] if self._asked[key] < self._inside else [Finding(within(path, "$ref"))]
        self._asked[key] = self._inside
        try:
            return self.contained(facts, target, path)
        finally:
            del self._asked[key]

    def _choice(
        self, facts: Facts, branches: Sequence[Node], keyword: str, path: str
    ) -> list[Finding]:
        attempts = []
        for place, branch in enumerate(branches):
            found = self.contained(facts, branch, within(path, place))
            others = [other for other in branches if other is not branch]
            if not found and (
                keyword == "anyOf" or all(self._disjoint(facts, other) for other in others)
            ):
                return []
            attempts.append(found)
        if len(facts.kinds) > 1:
            return [
                finding
                for kind in sorted(facts.kinds)
                for finding in self._choice(facts.of_kind(kind), branches, keyword, path)
            ]
        closest = min(attempts, key=len)
        return closest if len(closest) == 1 else [Finding(path)]

    def _disjoint(self, facts: Facts, other: Node) -> bool:
        """Whether no value with these facts is valid under the other; False if it is not clear."""
        self._steps += 1
        if self._steps > MOST_STEPS or self._level > DEEPEST:
            return False
        self._level += 1
        try:
            theirs = facts_of([other])
            return (
                not facts.kinds & theirs.kinds
                or _no_value_fits(facts, other)
                or any(not self.contained(theirs, part, "") for part in facts.nots)
                or any(not self.contained(facts, part, "") for part in theirs.nots)
                or any(
                    all(self._disjoint(facts, branch) for branch, _ in choice)
                    for choice in theirs.choices
                )
                or self._members_disjoint(facts, theirs)
            )
        finally:
            self._level -= 1

    def _members_disjoint(self, facts: Facts, theirs: Facts) -> bool:
        if facts.kinds & theirs.kinds != {"object"}:
            return False
        self._inside += 1
        try:
            return any(
                self._disjoint(facts_of(facts.member(name)), node)
                for name in (facts.required | theirs.required)
                for node in theirs.member(name)
            )
        finally:
            self._inside -= 1


def _no_value_fits(facts: Facts, other: Node) -> bool:
    values = facts.finite
    if values is None or refers(other.schema):
        return False
    check = validator(other.schema)
    return not any(check.is_valid(value) for value in values)
