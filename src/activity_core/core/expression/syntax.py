"""Syntax: a CEL expression as a small tree.

In: what `parse_expression` gives, cel-cpp's own protobuf message of it, so that nothing is read
otherwise than CEL does. Out: the tree that `conjuncts` splits, `clauses` reads and `budget` weighs.
Whatever none of them looks into is `Opaque`: bytes, unsigned integers.
"""

from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

AND = "_&&_"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant that JSON has too. `at`, of every node: its place in the text, in characters."""

    value: str | float | bool | None
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Field:
    """`of.name`, or `has(of.name)` if it is only `tested`; `at` is the dot's or the macro's."""

    of: "Node"
    name: str
    tested: bool
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator as CEL calls it (`_==_`, `@in`, `_[_]`, `!_`), whose place it has.

    The receiver of a method is the first of its `arguments`.
    """

    function: str
    arguments: tuple["Node", ...]
    is_method: bool
    at: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list that is written out."""

    items: tuple["Node", ...]
    at: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A map that is written out: its keys and values, in turn."""

    items: tuple["Node", ...]
    at: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro: `step` for each `name` in `of`; it sees what the last one gave as `so_far`."""

    name: str
    of: "Node"
    so_far: str
    step: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Opaque:
    """Anything else."""

    at: int


Node = Literal | Name | Field | Call | Items | Entries | Loop | Opaque


def syntax_tree(serialized: bytes) -> Node:
    """The tree of a parsed expression; `Opaque` as a whole if it nests too deeply to be read."""
    try:
        parsed = _PARSED.FromString(_ANY.FromString(serialized).value)
    except DecodeError:
        return Opaque(0)
    places = {place.id: place.at for place in parsed.source.places}
    return _node(parsed.expr, places)


def _node(expr: Any, places: dict[int, int]) -> Node:  # noqa: PLR0911 - one per kind
    at = places.get(expr.id, 0)
    match expr.WhichOneof("kind"):
        case "literal":
            return _literal(expr.literal, at)
        case "name":
            return Name(expr.name.name, at)
        case "field":
            field = expr.field
            return Field(_node(field.of, places), field.name, field.tested, at)
        case "call":
            call = expr.call
            is_method = call.HasField("target")
            written = (call.target, *call.arguments) if is_method else call.arguments
            return Call(call.function, tuple(_node(e, places) for e in written), is_method, at)
        case "items":
            return Items(tuple(_node(item, places) for item in expr.items.items), at)
        case "entries":
            written = [e for entry in expr.entries.entries for e in (entry.key, entry.value)]
            return Entries(tuple(_node(e, places) for e in written), at)
        case "loop":
            loop = expr.loop
            of, step = _node(loop.of, places), _node(loop.step, places)
            return Loop(loop.name, of, loop.so_far, step, at)
        case _:
            return Opaque(at)


def _literal(literal: Any, at: int) -> Node:
    kind = literal.WhichOneof("kind")
    if kind is None:
        return Opaque(at)
    return Literal(None if kind == "null" else getattr(literal, kind), at)


# The fields of cel.expr.ParsedExpr that are needed, by number: (number, name, type). An unknown
# one is skipped, and a oneof without a known one has no kind.
_MESSAGES: dict[str, list[tuple[int, str, str]]] = {
    "Any": [(2, "value", "bytes")],
    "Parsed": [(2, "expr", "Expr"), (3, "source", "Source")],
    "Source": [(4, "places", "Place*")],
    "Place": [(1, "id", "int64"), (2, "at", "int32")],
    "Expr": [
        (2, "id", "int64"),
        (3, "literal", "Literal?"),
        (4, "name", "Name?"),
        (5, "field", "Field?"),
        (6, "call", "Call?"),
        (7, "items", "Items?"),
        (8, "entries", "Entries?"),
        (9, "loop", "Loop?"),
    ],
    "Literal": [
        (1, "null", "int64?"),
        (2, "bool", "bool?"),
        (3, "int", "int64?"),
        (5, "double", "double?"),
        (6, "string", "string?"),
    ],
    "Name": [(1, "name", "string")],
    "Field": [(1, "of", "Expr"), (2, "name", "string"), (3, "tested", "bool")],
    "Call": [(1, "target", "Expr"), (2, "function", "string"), (3, "arguments", "Expr*")],
    "Items": [(1, "items", "Expr*")],
    "Entries": [(2, "entries", "Entry*")],
    "Entry": [(3, "key", "Expr"), (4, "value", "Expr")],
    "Loop": [
        (1, "name", "string"),
        (2, "of", "Expr"),
        (3, "so_far", "string"),
        (6, "step", "Expr"),
    ],
}


def _messages() -> dict[str, Any]:
    """Classes that read them; `*` is repeated, `?` one of the kinds."""
    file = descriptor_pb2.FileDescriptorProto(name="syntax", package="syntax", syntax="proto3")
    of = descriptor_pb2.FieldDescriptorProto
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        if any(type_.endswith("?") for _, _, type_ in fields):
            message.oneof_decl.add(name="kind")
        for number, name, type_ in fields:
            bare = type_.rstrip("*?")
            field = message.field.add(number=number, name=name)
            field.label = of.LABEL_REPEATED if type_.endswith("*") else of.LABEL_OPTIONAL
            if bare in _MESSAGES:
                field.type, field.type_name = of.TYPE_MESSAGE, f".syntax.{bare}"
            else:
                field.type = of.Type.Value(f"TYPE_{bare.upper()}")
            if type_.endswith("?"):
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"syntax.{name}"))
        for name in ("Any", "Parsed")
    }


_CLASSES = _messages()
_ANY, _PARSED = _CLASSES["Any"], _CLASSES["Parsed"]
