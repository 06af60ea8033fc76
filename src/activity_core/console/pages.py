"""The pages: each asks `ports.reading`, the registry or `services.explain`, and is rendered.

In: a request. Out: HTML. What is shown are the rows that the API shows, with the same names.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from activity_core.console.question import asked, asked_list
from activity_core.console.rendering import link, page
from activity_core.core.errors import AmbiguousError, BadInputError
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import TaskStatus
from activity_core.ports.dead_letters import DeadLetterStatus
from activity_core.ports.reading import Page, Query, Reading, Row
from activity_core.ports.registry import RegistryStore
from activity_core.services.explain import Explain
from activity_core.services.schedules import Schedules

DEFINITIONS, NEWEST = 50, 8
"""Rows of the overview: definitions, and of each list."""

COUNTED = 100
"""How far the overview counts; `100+` says as much to an operator as the number would."""

Listing = Callable[[Query], Awaitable[Page]]


@dataclass(frozen=True, slots=True)
class Newest:
    """The first rows of a list, and how many there are, as far as they were counted."""

    rows: Sequence[Row]
    count: str


class Pages:
    """Every page of the console, for one tenant."""

    def __init__(
        self, reading: Reading, registry: RegistryStore, explain: Explain, schedules: Schedules
    ) -> None:
        self._reading = reading
        self._registry = registry
        self._explain = explain
        self._schedules = schedules

    async def overview(self, request: Request) -> Response:
        """Definitions by id, and the newest of what an operator looks for."""
        after = asked(request, "cursor").get("cursor", "")
        entries = (await self._registry.snapshot()).entries
        ids = sorted(id_ for id_ in entries if id_ > after)
        standings = await self._schedules.standings(ids[:DEFINITIONS])
        read = self._reading
        return page(
            "overview.html",
            definitions=[(entries[id_], standings[id_]) for id_ in ids[:DEFINITIONS]],
            next=ids[DEFINITIONS - 1] if len(ids) > DEFINITIONS else None,
            defined=len(entries),
            firing=sum(entry.fires for entry in entries.values()),
            runs=(await read.runs(Query(limit=NEWEST))).items,
            running=await _newest(read.runs, RunStatus.RUNNING),
            failed=await _newest(read.runs, RunStatus.FAILED),
            tasks=await _newest(read.tasks, TaskStatus.READY, kind="human"),
            dead_letters=await _newest(read.dead_letters, DeadLetterStatus.OPEN),
        )

    async def events(self, request: Request) -> Response:
        """Events, newest first."""
        query = asked_list(request, "source", "type", "id")
        return _list_page("events.html", query, await self._reading.events(query))

    async def event(self, request: Request) -> Response:
        """One event: who listened, what was decided, and everything that followed."""
        given = asked(request, "source", "id")
        if "id" not in given:
            raise BadInputError("which event?", hint="give its id")
        try:
            event: Mapping[str, Any] = await self._explain.event(given.get("source"), given["id"])
        except AmbiguousError:
            return RedirectResponse(link("/events", id=given["id"]))  # to choose from
        if event["state"] == "refused":
            return page("event_refused.html", event=event)
        runs = {run["run_id"]: run for run in event["runs"]}
        # Definitions may share a run: its chain stands where it is named first.
        verdicts = [(each, runs.pop(each.get("run_id"), None)) for each in event["verdicts"]]
        return page("event.html", event=event, verdicts=verdicts)

    async def runs(self, request: Request) -> Response:
        """Runs, newest first."""
        query = asked_list(request, "definition_id", "source", "event_id", statuses=RunStatus)
        return _list_page("runs.html", query, await self._reading.runs(query), RunStatus)

    async def run(self, request: Request) -> Response:
        """One run: why it is there, and everything that followed."""
        asked(request)
        return page("run.html", run=await self._explain.run(request.path_params["run_id"]))

    async def tasks(self, request: Request) -> Response:
        """Tasks, newest first."""
        names = ("run_id", "definition_id", "assignee", "group")
        query = asked_list(request, *names, statuses=TaskStatus)
        return _list_page("tasks.html", query, await self._reading.tasks(query), TaskStatus)

    async def dead_letters(self, request: Request) -> Response:
        """Dead letters, newest first."""
        query = asked_list(request, "via", "code", "source_id", statuses=DeadLetterStatus)
        found = await self._reading.dead_letters(query)
        return _list_page("dead_letters.html", query, found, DeadLetterStatus)

    async def refusals(self, request: Request) -> Response:
        """What was turned away at the door, newest first."""
        query = asked_list(request, "via", "sender", "code", "source", "event_id")
        return _list_page("refusals.html", query, await self._reading.refusals(query))


async def _newest(listing: Listing, status: StrEnum, *, kind: str | None = None) -> Newest:
    found = await listing(Query({"status": str(status)}, COUNTED))
    rows = [row for row in found.items if kind in (None, row.get("kind"))]
    return Newest(rows[:NEWEST], f"{len(rows)}+" if found.next else str(len(rows)))


def _list_page(
    template: str, query: Query, found: Page, statuses: Sequence[str] | type[StrEnum] = ()
) -> Response:
    return page(
        template,
        rows=found.items,
        next=found.next,
        filters=query.filters,
        cursor=query.cursor,
        statuses=[str(status) for status in statuses],
    )
