"""What commands print: tables and details for people, JSON as the API answered it for scripts.

Values come from events, so from anywhere: they are never read as markup, and control characters
are shown escaped, so that they cannot drive the terminal.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

WIDE = 200
"""Columns when nobody looks: a pipe has no width, and a wrapped id is no id."""

Columns = Mapping[str, str | Callable[[Mapping[str, Any]], object]]
"""Title → a field's name, or a function of the item."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")]
Cursor = Annotated[str | None, typer.Option(help="Where to go on, as the page before said.")]

_STYLES = {
    "completed": "green",
    "fired": "green",
    "accepted": "green",
    "active": "green",
    "failed": "red",
    "buried": "red",
    "conflict": "red",
    "invalid": "red",
    "open": "red",
    "running": "yellow",
    "pending": "yellow",
    "ready": "cyan",
    "paused": "yellow",
    "retired": "dim",
    "disabled": "dim",
    "filtered": "dim",
    "skipped": "dim",
}


def console() -> Console:
    """Standard output."""
    wide = None if sys.stdout.isatty() else WIDE
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=wide)


def print_json(answer: object) -> None:
    """JSON, indented."""
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def note(line: str) -> None:
    """A line for people, beside what is printed for scripts."""
    typer.echo(line, err=True)


def text(value: object, *, longest: int = 500) -> Text:
    """A value in one line; words that say a state have its colour."""
    if value is None:
        return Text("-", style="dim")
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in plain)
    short = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return Text(short, style=_STYLES.get(plain, ""))


def print_page(answer: Mapping[str, Any], columns: Columns, *, as_json: bool) -> None:
    """A page of a list."""
    if as_json:
        print_json(answer)
        return
    items: Sequence[Mapping[str, Any]] = answer["items"]
    if not items:
        note("nothing")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns:
        table.add_column(title, overflow="fold")
    for item in items:
        table.add_row(
            *(text(item[of] if isinstance(of, str) else of(item)) for of in columns.values())
        )
    console().print(table)
    if answer["next"]:
        note(f"there are more: --cursor {answer['next']}")


def print_detail(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: a line per field, then structures, indented below."""
    if as_json:
        print_json(answer)
        return
    tree = Tree("", hide_root=True, guide_style="dim")
    for name, value in sorted(answer.items(), key=lambda each: isinstance(each[1], dict)):
        _branch(tree, name, value)
    console().print(tree)


def print_tree(tree: Tree, answer: Mapping[str, Any], *, as_json: bool) -> None:
    """A trace, or the answer that it was made from."""
    if as_json:
        print_json(answer)
    else:
        console().print(tree)


def _branch(tree: Tree, name: str, value: object) -> None:
    label = Text(f"{text(name)}: ", style="bold")
    if isinstance(value, dict) and value:
        below = tree.add(label)
        for key, item in value.items():
            _branch(below, str(key), item)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        below = tree.add(label)
        for index, item in enumerate(value):
            _branch(below, str(index), item)
    else:
        tree.add(label + text(value))
