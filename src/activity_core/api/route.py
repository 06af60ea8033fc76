"""What the routes have in common: strict query parameters, and lists that page.

A parameter that a route does not have is an error with a suggestion, never ignored: a filter with
a typing error would list everything.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query as Parameter
from fastapi import Request, Response
from fastapi.routing import APIRoute

from activity_core.api.problem import PROBLEM, JsonResponse
from activity_core.core.definition.duration import parse_duration
from activity_core.core.definition_file.issue import did_you_mean
from activity_core.core.errors import BadInputError
from activity_core.ports.reading import Page, Query

Limit = Annotated[int, Parameter(ge=1, le=1_000, description="How many items at most.")]
Cursor = Annotated[
    str | None, Parameter(max_length=2_000, description="`next` of the page before.")
]
Filter = Annotated[str | None, Parameter(max_length=2_000)]
Moment = Annotated[
    str | None,
    Parameter(
        max_length=64,
        description="An instant like `2026-11-21T09:00:00Z`, or how long ago, like `2h`.",
    ),
]


class StrictRoute(APIRoute):
    """A route that knows its query parameters; each may be given once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, behind the check."""
        handler = super().get_route_handler()
        known = {parameter.alias for parameter in self.dependant.query_params}

        async def strict(request: Request) -> Response:
            if "\x00" in request.scope["path"]:
                raise BadInputError("a NUL character is part of no id")
            if request.scope["query_string"]:
                _check(request, known)
            return await handler(request)

        return strict


def query(filters: Mapping[str, str | None], limit: int, cursor: str | None) -> Query:
    """The port's question: filters that were not given are left out."""
    given = {name: value for name, value in filters.items() if value is not None}
    return Query(given, limit, cursor)


def moment(text: str, now: datetime) -> datetime:
    """The instant that a `Moment` means.

    Raises:
        BadInputError: it is neither an instant with its offset from UTC nor a duration.
    """
    try:
        found = datetime.fromisoformat(text) if "-" in text else now - parse_duration(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadInputError(
        f"{text!r} is neither an instant nor a duration",
        hint="write 2026-11-21T09:00:00Z or 2h",
    )


def ids_of_page(
    ids: Iterable[str], limit: int, cursor: str | None
) -> tuple[Sequence[str], str | None]:
    """Those of one page of a list that is at hand as a whole, and where the next goes on."""
    rest = sorted(id_ for id_ in ids if cursor is None or id_ > cursor)
    return rest[:limit], rest[limit - 1] if len(rest) > limit else None


def listing(page: Page) -> JsonResponse:
    """The answer of every list."""
    return JsonResponse({"items": list(page.items), "next": page.next})


def problems(**described: str) -> dict[int | str, dict[str, Any]]:
    """Problem answers for OpenAPI: `problems(_404="no such run")`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        int(status.removeprefix("_")): {
            "description": text,
            "content": {PROBLEM: {"schema": schema}},
        }
        for status, text in described.items()
    }


def _check(request: Request, known: set[str]) -> None:
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in known:
            some = f"known are {', '.join(sorted(known))}" if known else "there are none here"
            raise BadInputError(
                f"unknown query parameter `{name:.60}`",
                hint=did_you_mean(name, known).removeprefix("; ") or some,
            )
        if name in seen:
            raise BadInputError(f"query parameter `{name}` is given twice")
        if "\x00" in value:
            raise BadInputError(f"query parameter `{name}` holds a NUL character")
        seen.add(name)
