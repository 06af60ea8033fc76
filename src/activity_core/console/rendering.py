"""Rendering: templates and values become pages that may load nothing but the console's own styles.

Everything in a template is escaped; what comes from events and tasks is never markup.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from unicodedata import east_asian_width
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from activity_core.core.jsontext import JsonValue
from activity_core.ports.reading import Page, Query

SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A template with its values; one that is missing is an error."""
    html = _TEMPLATES.get_template(template).render(values)
    return HTMLResponse(html, status, {"content-security-policy": SECURITY_POLICY})


def list_page(
    template: str, query: Query, found: Page, statuses: Iterable[str] = (), **values: Any
) -> HTMLResponse:
    """A page of a list, with what it was asked for."""
    return page(
        template,
        **{
            "rows": found.items,
            "next": found.next,
            "filters": query.filters,
            "cursor": query.cursor,
            "statuses": [str(status) for status in statuses],
        }
        | values,
    )


def link(path: str, **parameters: str | None) -> str:
    """An address under `/console`; empty parameters are left out."""
    given = {name: value for name, value in parameters.items() if value}
    return f"/console{path}?{urlencode(given)}" if given else f"/console{path}"


def _pretty(value: JsonValue) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _seconds(start: str, end: str) -> str:
    """How long it took between two instants."""
    took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return f"{took.total_seconds():.3f} s"


def _is_past(instant: str, now: datetime) -> bool:
    return datetime.fromisoformat(instant) < now


def _cut(text: str, cells: int) -> str:
    """The beginning of a text that fits into so many cells of a fixed width."""
    taken = 0
    for at, letter in enumerate(text):
        taken += 2 if east_asian_width(letter) in "WF" else 1
        if taken > cells:
            return text[: at - 1] + "…"
    return text


_TEMPLATES = Environment(
    loader=PackageLoader("activity_core.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["link"] = link
_TEMPLATES.filters |= {"pretty": _pretty, "count": _count, "seconds_to": _seconds, "cut": _cut}
_TEMPLATES.tests["past"] = _is_past
