"""Templates: JSON with `${…}` in its strings, compiled once and rendered often.

In: structures from definitions and the values that expressions see. Out: the same structures with
every `${expression}` replaced. A string that is nothing but one `${…}` becomes the result itself,
whatever its type; in other strings results are put in as text. `$${` stands for a literal `${`.
Keys of objects are taken as they are.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Bindings, Program, Values, compile_expression
from activity_core.core.jsontext import JsonValue, canonical_json

Path = tuple[str | int, ...]
Build = Callable[[Sequence[JsonValue]], JsonValue]

_OPENING = re.compile(r"\$?\$\{")
_STRING = r"""
      (?<!\w)(?:[rR][bB]?|[bB][rR])(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
    | \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
    | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
"""
CEL_STRING = re.compile(_STRING, re.VERBOSE | re.DOTALL)
_PIECE = re.compile(rf"{_STRING} | [{{}}]", re.VERBOSE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `${text}`, and where in the structure it stands."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled structure. `build` makes the result of the results of `placeholders`."""

    placeholders: tuple[Placeholder, ...]
    programs: tuple[Program, ...]
    build: Build

    def render(self, values: Values) -> JsonValue:
        """The structure with its expressions evaluated.

        Raises:
            ExpressionError: one failed; its subject is the key path inside the structure.
        """
        bindings = values if isinstance(values, Bindings) else Bindings(values)
        results = []
        for placeholder, program in zip(self.placeholders, self.programs, strict=True):
            try:
                results.append(program.evaluate(bindings))
            except ExpressionError as error:
                raise located(error, placeholder.path) from None
        return self.build(results)


def compile_template(value: JsonValue, variables: frozenset[str]) -> Template:
    """Compile every expression of a structure.

    Raises:
        ExpressionError: one does not compile; its subject is the key path inside the structure.
    """
    placeholders, build = parse_template(value)
    programs = []
    for placeholder in placeholders:
        try:
            programs.append(compile_expression(placeholder.text, variables=variables))
        except ExpressionError as error:
            raise located(error, placeholder.path) from None
    return Template(placeholders, tuple(programs), build)


def parse_template(value: JsonValue) -> tuple[tuple[Placeholder, ...], Build]:
    """Find the expressions of a structure, in order, without compiling them.

    Raises:
        ExpressionError: a `${` that is never closed.
    """
    found: list[Placeholder] = []
    build = _parse(value, (), found)
    return tuple(found), build


def as_text(value: JsonValue) -> str:
    """A value inside of text: strings as they are, null as nothing, the rest as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else canonical_json(value).decode()


def located(error: ExpressionError, path: Path) -> ExpressionError:
    """The error, with the place in front of its subject."""
    where = ".".join(map(str, path))
    error.subject = ", ".join(part for part in (where, error.subject) if part)
    return error


def _parse(value: JsonValue, path: Path, found: list[Placeholder]) -> Build:
    before = len(found)
    build: Build
    if isinstance(value, dict):
        fields = {key: _parse(item, (*path, key), found) for key, item in value.items()}

        def build(results: Sequence[JsonValue]) -> JsonValue:
            return {key: field(results) for key, field in fields.items()}
    elif isinstance(value, list):
        items = [_parse(item, (*path, index), found) for index, item in enumerate(value)]

        def build(results: Sequence[JsonValue]) -> JsonValue:
            return [item(results) for item in items]
    elif isinstance(value, str):
        try:
            return _parse_text(list(_parts(value)), path, found)
        except ExpressionError as error:
            raise located(error, path) from None
    # What holds no expression is handed on as it is, not copied.
    return build if len(found) > before else lambda _: value


def _parse_text(parts: Sequence[tuple[str, bool]], path: Path, found: list[Placeholder]) -> Build:
    first = len(found)
    found.extend(Placeholder(path, text) for text, is_expression in parts if is_expression)
    if len(found) == first:
        literal = "".join(text for text, _ in parts)
        return lambda _: literal
    if len(parts) == 1:
        return lambda results: results[first]

    def build(results: Sequence[JsonValue]) -> JsonValue:
        values = islice(results, first, None)
        return "".join(as_text(next(values)) if is_expr else text for text, is_expr in parts)

    return build


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """(text, False) and (expression, True), in order; literals may come in several pieces."""
    position = 0
    for opening in _OPENING.finditer(text):
        if opening.start() < position:  # inside of an expression
            continue
        if opening.start() > position:
            yield text[position : opening.start()], False
        if opening[0].startswith("$$"):
            yield "${", False
            position = opening.end()
        else:
            end = _end_of_expression(text, opening.end())
            yield text[opening.end() : end], True
            position = end + 1
    if position < len(text):
        yield text[position:], False


def _end_of_expression(text: str, start: int) -> int:
    depth = 0
    for piece in _PIECE.finditer(text, start):
        if piece[0] == "{":
            depth += 1
        elif piece[0] == "}":
            if depth == 0:
                return piece.start()
            depth -= 1
    raise ExpressionError(f"a `${{` at character {start - 1} is never closed")
