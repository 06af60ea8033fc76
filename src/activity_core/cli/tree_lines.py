"""Lines of trees: labels, values and states, made safe to print.

Used by `trace`, `lineage` and `simulate`.
"""

from collections.abc import Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from activity_core.cli.output import text

Row = Mapping[str, Any]

LONGEST_VALUE = 160
"""Characters of data and context that are shown; `--json` has all of it."""


def root(title: Text, rest: str) -> Tree:
    """A tree that begins with a title."""
    return Tree(title.append_text(text(rest)), guide_style="dim")


def words(style: str, *parts: object) -> Text:
    """Parts in one style, each made safe to print."""
    return Text("".join(text(part).plain for part in parts), style=style)


def line(label: str, *values: object) -> Text:
    """A label and values; empty ones are left out, states have their colours."""
    parts = [Text(text(label).plain, style="bold")] if label else []
    parts += [
        value if isinstance(value, Text) else text(value, longest=LONGEST_VALUE)
        for value in values
        if value not in (None, "")
    ]
    return Text(" ").join(parts)


def count(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def add_misses(tree: Tree, answer: Row) -> None:
    """What would have listened, had a little been otherwise."""
    for miss in answer.get("nearest_misses", ()):
        noun = "event type " if miss["kind"] == "event_type" else ""
        tree.add(line("near miss", f"{noun}{miss['id']}", text(miss["why"])))
