"""Bind parameters of context queries: `:name` outside strings, comments and `::casts`.

Read by `definition_check` (which names are needed) and by the SQL source (what psycopg is given).
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      '(?:[^']|'')*'                      # a string
    | "(?:[^"]|"")*"                      # a quoted name
    | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$     # a dollar-quoted string
    | --[^\n]*                            # a comment to the end of the line
    | /\*.*?\*/                           # a comment
    | ::                                  # a cast
    | :(?P<name>[a-z_][a-z0-9_]*)         # a bind parameter
    | %                                   # means something to psycopg
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """`text` has psycopg's `%(name)s`; `names` are those it needs, in order, each once."""

    text: str
    names: tuple[str, ...]


def bind(query: str) -> BoundQuery:
    """Translate the parameters of a query and nothing else of it."""
    names: dict[str, None] = {}

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return match[0].replace("%", "%%")
        names[name] = None
        return f"%({name})s"

    return BoundQuery(_TOKEN.sub(replace, query), tuple(names))
