"""What a page was asked for: its query parameters, read strictly.

A parameter that a page does not have is an error, never ignored: a filter with a typing error
would show everything. An empty one is one that was not given; forms send them.
"""

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
    status = given.get("status")
    if statuses and status and status not in set(statuses):
        raise BadInputError(f"no such status: {status:.60}", hint=f"one of {', '.join(statuses)}")
    return Query(given, PAGE_SIZE, cursor)
