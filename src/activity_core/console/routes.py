"""The console's routes: which page stands where, and errors as pages.

In: a GET under `/console`, behind the API's door. Out: a page of `pages` or `work_pages`, an asset,
or an error's page with the error's status.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from activity_core.console.pages import Pages
from activity_core.console.parts import ConsoleParts
from activity_core.console.rendering import page
from activity_core.console.work_pages import WorkPages
from activity_core.core.errors import ActivityCoreError, BadInputError, NotFoundError

STATIC = Path(__file__).parent / "static"

PageFunction = Callable[[Request], Awaitable[Response]]


def create_console(parts: ConsoleParts) -> list[BaseRoute]:
    """Routes of an application that lets in whoever may read everything; `/` leads there too."""
    pages, work = Pages(parts), WorkPages(parts)
    return [
        Route("/", _to_console),
        Mount("/console/static", _Assets(directory=STATIC)),
        *(
            Route(path, _errors_as_pages(function))
            for path, function in {
                "/console": pages.overview,
                "/console/events": pages.events,
                "/console/events/explain": pages.event,
                "/console/runs": work.runs,
                "/console/runs/{run_id}": work.run,
                "/console/tasks": work.tasks,
                "/console/tasks/{task_id}": work.task,
                "/console/cases": work.cases,
                "/console/cases/{case_id}": work.case,
                "/console/dead-letters": pages.dead_letters,
                "/console/refusals": pages.refusals,
                "/console/{rest:path}": _nothing,
            }.items()
        ),
    ]


class _Assets(StaticFiles):
    """Style sheets: a browser may keep them, but asks whether they are still the same."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def _errors_as_pages(function: PageFunction) -> PageFunction:
    async def answer(request: Request) -> Response:
        try:
            if "\x00" in request.scope["path"]:
                raise BadInputError("a NUL character is part of no id")
            return await function(request)
        except ActivityCoreError as error:
            return page("error.html", status=error.status, error=error)

    return answer


async def _nothing(request: Request) -> Response:
    raise NotFoundError(f"there is nothing at {request.url.path}", hint="start at the overview")


async def _to_console(_: Request) -> Response:
    return RedirectResponse("/console")
