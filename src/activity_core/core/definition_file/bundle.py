"""Bundles: what one or several files define, and where in them it stands.

Made by `parse`, applied as one set by the registry, whose later checks (CEL, connections,
calendars, claims of sources) ask the bundle for the place of what they find.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.definition_file.yaml_tree import Node, path_text
from activity_core.core.errors import InvalidDefinitionError, Issue

MAX_ISSUES: Final = 100
"""Issues that are reported at once; whoever has more reads the first ones first anyway."""

Part = ActivityDefinition | Connection | Calendar | EventSource | EventType
Key = tuple[str, str]
"""Kind and id."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file; `prefix` is its own path in the text (JSON arrays)."""

    file: str
    node: Node
    prefix: tuple[int, ...] = ()

    def issue(self, path: Sequence[str | int], message: str) -> Issue:
        """Something wrong at a path, or at the innermost place on the way to it that is there."""
        place = self.node.at(path).place
        where = path_text((*self.prefix, *path))
        return Issue(self.file, place.line, place.column, where, message)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one or several files define; `documents` say where, for parts read from files."""

    definitions: tuple[ActivityDefinition, ...] = ()
    connections: tuple[Connection, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    sources: tuple[EventSource, ...] = ()
    event_types: tuple[EventType, ...] = ()
    documents: Mapping[Key, Document] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, parts: Collection[Part], documents: Mapping[Key, Document]) -> "Bundle":
        """The parts by their kinds, each kind in the order given."""
        return cls(
            tuple(part for part in parts if isinstance(part, ActivityDefinition)),
            tuple(part for part in parts if isinstance(part, Connection)),
            tuple(part for part in parts if isinstance(part, Calendar)),
            tuple(part for part in parts if isinstance(part, EventSource)),
            tuple(part for part in parts if isinstance(part, EventType)),
            documents,
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything in it, first what others name."""
        return (
            *self.connections,
            *self.calendars,
            *self.event_types,
            *self.sources,
            *self.definitions,
        )

    def place(self, part: Part) -> str:
        """`file:line` of a part, for sentences about another one."""
        document = self.documents.get((part.kind, part.id))
        return f"{document.file}:{document.issue(['id'], '').line}" if document else ""

    def issue(self, part: Part, path: Sequence[str | int], message: str) -> Issue:
        """Something found wrong later with a part, at its place; `path` in keys of the file."""
        document = self.documents.get((part.kind, part.id))
        if document is None:  # built by a program, not read from a file
            return Issue(f"{part.kind} {part.id}", 1, 1, path_text(path), message)
        return document.issue(path, message)


def merge(bundles: Iterable[Bundle]) -> Bundle:
    """One bundle of several.

    Raises:
        InvalidDefinitionError: an id is used twice.
    """
    parts: dict[Key, Part] = {}
    documents: dict[Key, Document] = {}
    issues = []
    for bundle in bundles:
        for part in bundle.parts:
            key: Key = (part.kind, part.id)
            if key in parts:
                first = Bundle(documents=documents).place(parts[key])
                message = f"{part.kind} `{part.id}` is there already, {first}"
                issues.append(bundle.issue(part, ["id"], message))
            else:
                parts[key] = part
                if key in bundle.documents:
                    documents[key] = bundle.documents[key]
    if issues:
        raise InvalidDefinitionError(issues[:MAX_ISSUES])
    return Bundle.of(parts.values(), documents)
