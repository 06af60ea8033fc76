"""What CEL says when something is wrong with an expression, in words for who wrote it.

In: messages of cel-cpp, from `condition`. Out: ExpressionErrors, short enough for a column and
without control characters: a message may quote the data.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from activity_core.core.errors import ExpressionError

_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_CODE = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_MIXED = re.compile(r"_[-+*/%]_\((?:int64, double|double, int64)\)")
_LONGEST = 200


def shorten(text: str, longest: int = _LONGEST) -> str:
    """One printable line of at most `longest` characters, cut with `…`."""
    line = "".join(c if c.isprintable() else " " for c in text[: longest + 1])
    return line if len(line) <= longest else line[: longest - 1] + "…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or what there is when nothing is close; empty when there is nothing."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return shorten(f"known: {', '.join(names)}") if names else ""


def compile_error(message: str, text: str, variables: Iterable[str]) -> ExpressionError:
    """The first thing wrong with an expression, with its place as line:column from 1."""
    found = _PLACE.search(message)
    if found is None:
        return ExpressionError(shorten(_CODE.sub("", message)))
    line, column, what = found[1], int(found[2]), found[3].removesuffix(" [INVALID_ARGUMENT]")
    undeclared = _UNDECLARED.search(what)
    if undeclared is None:
        what = what.split(" expecting {")[0].replace("'<EOF>'", "the end")
        return ExpressionError(shorten(f"{what} (at {line}:{column})"))
    name = undeclared[1]
    if re.search(rf"\b{re.escape(name)}\s*\(", text):
        return ExpressionError(shorten(f"unknown function {name} (at {line}:{column})"))
    # CEL points at the last dot of a qualified name.
    column = max(1, column - max(0, name.rfind(".")))
    root = name.split(".")[0]
    where = f"(at {line}:{column})"
    return ExpressionError(
        shorten(f"unknown variable {root} {where}"), hint=_unknown(root, variables)
    )


def evaluation_error(message: str, text: str) -> ExpressionError:
    """Why an expression failed on some values."""
    what = _CODE.sub("", _CODE.sub("", message))
    hint = ""
    if what.startswith("Key not found in map"):
        hint = "test it with has(…) before"
    elif _MIXED.search(what):
        hint = "int and double do not mix in arithmetic: convert with double(…) or int(…)"
    elif what.startswith("Iteration budget"):
        hint = "one expression may make 10000 iterations"
    return ExpressionError(f"{shorten(what)} in {shorten(text, 100)}", hint=hint)


def _unknown(name: str, variables: Iterable[str]) -> str:
    if name == "tasks":
        return "outputs of earlier tasks are not known yet when rules are decided"
    return did_you_mean(name, variables)
