"""The pages of what comes in: overview, events, dead letters, refusals. Runs are in `work_pages`.

In: a request. Out: HTML. What is shown are the rows that the API shows, with the same names.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from activity_core.console.parts import ConsoleParts
from activity_core.console.question import asked, asked_list
from activity_core.console.rendering import link, list_page, page
from activity_core.core.errors import AmbiguousError, BadInputError
from activity_core.core.rollout import Rollout
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import TaskStatus
from activity_core.ports.dead_letters import DeadLetterStatus
from activity_core.ports.reading import Page, Query, Row
from activity_core.ports.registry import RegistryEntry
from activity_core.ports.rollouts import RunTally

DEFINITIONS, ROLLOUTS, NEWEST = 50, 10, 8
"""Rows of the overview: definitions, rollouts, and of each list."""

COUNTED = 100
"""How far the overview counts; `100+` says as much to an operator as the number would."""

Listing = Callable[[Query], Awaitable[Page]]


@dataclass(frozen=True, slots=True)
class Newest:
    """The first rows of a list, and how many there are, as far as they were counted."""

    rows: Sequence[Row]
    count: str


@dataclass(frozen=True, slots=True)
class RolledOut:
    """A rollout, and what became of the candidate's runs."""

    entry: RegistryEntry
    rollout: Rollout
    runs: RunTally


class Pages:
    """Pages for one tenant."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self._reading = parts.reading

    async def overview(self, request: Request) -> Response:
        """Definitions by id, and the newest of what an operator looks for."""
        after = asked(request, "cursor").get("cursor", "")
        entries = (await self._parts.registry.snapshot()).entries
        ids = sorted(id_ for id_ in entries if id_ > after)
        rolled_out = [each for each in entries.values() if each.rollout]
        standings = await self._parts.schedules.standings(ids[:DEFINITIONS])
        read = self._reading
        return page(
            "overview.html",
            definitions=[(entries[id_], standings[id_]) for id_ in ids[:DEFINITIONS]],
            next=ids[DEFINITIONS - 1] if len(ids) > DEFINITIONS else None,
            defined=len(entries),
            rollouts=await self._rollouts(rolled_out),
            rolled_out=len(rolled_out),
            firing=sum(entry.fires for entry in entries.values()),
            runs=(await read.runs(Query(limit=NEWEST))).items,
            running=await _newest(read.runs, RunStatus.RUNNING),
            failed=await _newest(read.runs, RunStatus.FAILED),
            tasks=await _newest(read.tasks, TaskStatus.READY, kind="human"),
            dead_letters=await _newest(read.dead_letters, DeadLetterStatus.OPEN),
            now=self._parts.clock.now(),
        )

    async def _rollouts(self, entries: Sequence[RegistryEntry]) -> list[RolledOut]:
        """Those that go on first, then the newest."""
        found = [(entry.rollout, entry) for entry in entries if entry.rollout]
        found.sort(key=lambda pair: pair[0].since, reverse=True)
        found.sort(key=lambda pair: pair[0].stopped != "")
        return [
            RolledOut(entry, rollout, await self._tally(entry.definition.id, rollout))
            for rollout, entry in found[:ROLLOUTS]
        ]

    async def _tally(self, definition_id: str, rollout: Rollout) -> RunTally:
        rollouts = self._parts.rollouts
        return await rollouts.tally(definition_id, rollout.version, rollout.since)

    async def events(self, request: Request) -> Response:
        """Events, newest first."""
        query = asked_list(request, "source", "type", "id")
        return list_page("events.html", query, await self._reading.events(query))

    async def event(self, request: Request) -> Response:
        """One event: who listened, what was decided, and everything that followed."""
        given = asked(request, "source", "id")
        if "id" not in given:
            raise BadInputError("which event?", hint="give its id")
        try:
            event: Mapping[str, Any] = await self._parts.explain.event(
                given.get("source"), given["id"]
            )
        except AmbiguousError:
            return RedirectResponse(link("/events", id=given["id"]))  # to choose from
        if event["state"] == "refused":
            return page("event_refused.html", event=event)
        runs = {run["run_id"]: run for run in event["runs"]}
        # Definitions may share a run: its chain stands where it is named first.
        verdicts = [(each, runs.pop(each.get("run_id"), None)) for each in event["verdicts"]]
        return page("event.html", event=event, verdicts=verdicts)

    async def dead_letters(self, request: Request) -> Response:
        """Dead letters, newest first."""
        query = asked_list(request, "via", "code", "source_id", statuses=DeadLetterStatus)
        found = await self._reading.dead_letters(query)
        return list_page("dead_letters.html", query, found, DeadLetterStatus)

    async def refusals(self, request: Request) -> Response:
        """What was turned away at the door, newest first."""
        query = asked_list(request, "via", "sender", "code", "source", "event_id")
        return list_page("refusals.html", query, await self._reading.refusals(query))


async def _newest(listing: Listing, status: StrEnum, *, kind: str | None = None) -> Newest:
    found = await listing(Query({"status": str(status)}, COUNTED))
    rows = [row for row in found.items if kind in (None, row.get("kind"))]
    return Newest(rows[:NEWEST], f"{len(rows)}+" if found.next else str(len(rows)))
