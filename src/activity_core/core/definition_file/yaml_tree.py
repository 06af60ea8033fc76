"""YAML text (1.2, core schema) becomes plain values that know where they stand.

In: the text of a definition file. Out: a `Node` per document, for `definition_file`. JSON is YAML
here. Built on libyaml's events, not on PyYAML's loaders: only `true` and `false` are booleans,
`12:30` and `2026-11-21` are text, tags are refused, and every bound is kept while reading.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml
from pydantic import JsonValue

from activity_core.core.definition_file.yaml_scalar import NotAllowedError, resolve
from activity_core.core.errors import InvalidDefinitionError, Issue

MAX_NODES: Final = 100_000
"""Values in one text, aliases counted as often as they are used."""
MAX_DEPTH: Final = 64

_BETWEEN = (
    yaml.StreamStartEvent,
    yaml.StreamEndEvent,
    yaml.DocumentStartEvent,
    yaml.DocumentEndEvent,
)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place; `children` and the places of its `keys`, for mappings and lists."""

    value: JsonValue
    place: Place
    size: int = 1
    height: int = 1
    keys: Mapping[str, Place] = field(default_factory=dict)
    children: Mapping[str | int, "Node"] = field(default_factory=dict)

    def at(self, path: Sequence[str | int]) -> "Node":
        """The node at a path, or the innermost one on the way to it that is there."""
        node = self
        for step in path:
            if step not in node.children:
                break
            node = node.children[step]
        return node


def read_yaml(text: str, *, file: str) -> list[Node]:
    """All documents of a text.

    Raises:
        InvalidDefinitionError: not YAML, a key twice, a tag, a key that is no text, too many or
            too deeply nested values, text or numbers that JSON in PostgreSQL cannot hold.
    """
    reader = _Reader(text, file)
    documents = list(reader.documents())
    if reader.issues:
        raise InvalidDefinitionError(reader.issues)
    return documents


def path_text(path: Sequence[str | int]) -> str:
    """`rules[0].tasks[1].human`; keys longer than a line are cut."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step:.60}" for step in path)
    return "".join(parts).removeprefix(".")


class _Reader:
    """One pass over the events (Any: each kind has other fields); `issues` do not stop it."""

    def __init__(self, text: str, file: str) -> None:
        self.issues: list[Issue] = []
        self._file = file
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def documents(self) -> Iterator[Node]:
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    self._anchors.clear()
                elif not isinstance(event, _BETWEEN):
                    yield self._node(event, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
            context = f" ({error.context})" if error.context else ""
            self._stop(place, (), f"not YAML: {error.problem}{context}")

    def _node(self, event: Any, path: Path) -> Node:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place, path)
        self._count(1, place, path)
        if len(path) >= MAX_DEPTH and not isinstance(event, yaml.ScalarEvent):
            self._stop(place, path[:3], f"nested deeper than {MAX_DEPTH} levels")
        if event.tag is not None:
            self._note(place, path, f"tags like `{event.tag:.40}` are not allowed")
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, place, path), place)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(place, path)
        else:
            node = self._mapping(place, path)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, place: Place, path: Path) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._stop(place, path, f"there is no anchor `&{event.anchor:.40}` before this")
        self._count(node.size, place, path)
        if len(path) + node.height > MAX_DEPTH + 1:
            self._stop(place, path[:3], f"nested deeper than {MAX_DEPTH} levels")
        return node

    def _list(self, place: Place, path: Path) -> Node:
        children: dict[str | int, Node] = {}
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            children[len(children)] = self._node(event, (*path, len(children)))
        return _branch([child.value for child in children.values()], place, {}, children)

    def _mapping(self, place: Place, path: Path) -> Node:
        keys: dict[str, Place] = {}
        children: dict[str | int, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, (*path, "?"))
            name = key.value if isinstance(key.value, str) else "?"
            if name in keys:
                first = keys[name].line
                self._note(key.place, (*path, name), f"the key is there already, in line {first}")
            elif not isinstance(key.value, str):
                self._note(key.place, path, "keys must be text; put it in quotes")
            elif name == "<<":
                self._note(key.place, path, "merge keys (`<<`) are not part of YAML 1.2")
            child = self._node(next(self._events), (*path, name))
            keys[name], children[name] = key.place, child
        values = {str(name): child.value for name, child in children.items()}
        return _branch(values, place, keys, children)

    def _scalar(self, event: Any, place: Place, path: Path) -> JsonValue:
        try:
            return resolve(event.value, plain=event.style in (None, ""))
        except NotAllowedError as error:
            self._note(place, path, str(error))
            return None

    def _count(self, size: int, place: Place, path: Path) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            self._stop(place, path[:3], f"more than {MAX_NODES} values, aliases counted")

    def _note(self, place: Place, path: Path, message: str) -> None:
        self.issues.append(Issue(self._file, place.line, place.column, path_text(path), message))

    def _stop(self, place: Place, path: Path, message: str) -> NoReturn:
        self._note(place, path, message)
        raise InvalidDefinitionError(self.issues)


def _branch(
    value: JsonValue,
    place: Place,
    keys: Mapping[str, Place],
    children: Mapping[str | int, Node],
) -> Node:
    size = 1 + sum(child.size for child in children.values())
    height = 1 + max((child.height for child in children.values()), default=0)
    return Node(value, place, size, height, keys, children)
