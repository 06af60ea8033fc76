"""What a page was asked for: its query parameters, read strictly.

A parameter that a page does not have is an error, never ignored: a filter with a typing error
would show everything. An empty one is one that was not given; forms send them.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from starlette.requests import Request

from activity_core.core.definition_file.issue import did_you_mean
from activity_core.core.errors import BadInputError
from activity_core.ports.reading import Query

PAGE_SIZE = 50


def asked(request: Request, *known: str) -> dict[str, str]:
    """The parameters that were given.

    Raises:
        BadInputError: one that is not known, is given twice or holds a NUL character.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            suggestion = did_you_mean(name, known)
            raise BadInputError(f"unknown query parameter `{name:.60}`{suggestion}")
        if name in given or "\x00" in value:
            raise BadInputError(f"query parameter `{name}` is given twice or holds NUL")
        given[name] = value
    return {name: value for name, value in given.items() if value}


def asked_list(request: Request, *filters: str, statuses: type[StrEnum] | None = None) -> Query:
    """The question to a list with these filters, and `status` if it has statuses.

    Raises:
        BadInputError: see `asked`; or there is no such status.
    """
    given = asked(request, "cursor", *filters, *(["status"] if statuses else []))
    cursor = given.pop("cursor", None)
    if statuses:
        check_choice(given, "status", statuses)
    return Query(given, PAGE_SIZE, cursor)


def check_choice(given: Mapping[str, str], name: str, choices: Iterable[str]) -> None:
    """Refuse a parameter that is none of the choices.

    Raises:
        BadInputError: with the choices as hint.
    """
    value = given.get(name)
    if value is not None and value not in set(choices):
        raise BadInputError(f"no such {name}: {value:.60}", hint=f"one of {', '.join(choices)}")


def asked_offset(request: Request) -> int:
    """Where a list that is paged here starts.

    Raises:
        BadInputError: see `asked`; or it is no place.
    """
    cursor = asked(request, "cursor").get("cursor", "0")
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):  # noqa: PLR2004 - an int
        raise BadInputError("no such cursor", hint="start at the first page")
    return int(cursor)
