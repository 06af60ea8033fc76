"""The pages of what follows: runs, tasks and cases.

In: a request. Out: HTML. What is shown are the rows that the API shows, with the same names.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from activity_core.console.parts import ConsoleParts
from activity_core.console.question import (
    PAGE_SIZE,
    asked,
    asked_list,
    asked_offset,
    check_choice,
)
from activity_core.console.rendering import list_page, page
from activity_core.console.task_graph import drawings
from activity_core.core.case.case import CaseStatus
from activity_core.core.errors import BadInputError
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import TaskStatus
from activity_core.ports.reading import Row

DRAWN = 40
"""Tasks of a run that are drawn; of more, only a table is readable."""

VIEWS = [
    ("inbox, by due", {"sort": "due"}),
    ("open", {"open": "true"}),
    ("all", {}),
    *((str(status), {"status": str(status)}) for status in TaskStatus),
]
"""Of the list of tasks: names, and the parameters that lead there."""


class WorkPages:
    """Pages for one tenant."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self._reading = parts.reading

    async def runs(self, request: Request) -> Response:
        """Runs, newest first."""
        query = asked_list(request, "definition_id", "source", "event_id", statuses=RunStatus)
        return list_page("runs.html", query, await self._reading.runs(query), RunStatus)

    async def run(self, request: Request) -> Response:
        """One run: why it is there, its tasks as a graph, and what was done to it."""
        start = asked_offset(request)
        run: Any = await self._parts.explain.run(request.path_params["run_id"])
        tasks = sorted(run["tasks"], key=lambda task: (task["rule"], task["item"]))
        drawn = drawings(tasks) if len(tasks) <= DRAWN else []
        if drawn:
            tasks = [box.task for drawing in drawn for box in drawing.boxes]
        end = start + PAGE_SIZE
        return page(
            "run.html",
            run=run,
            drawings=drawn,
            counts=Counter(task["status"] for task in tasks),
            rows=tasks[start:end],
            cursor=start or None,
            next=end if len(tasks) > end else None,
            now=self._parts.clock.now(),
        )

    async def tasks(self, request: Request) -> Response:
        """All tasks, newest first; or what people can do now, what is due first comes first."""
        names = ("run_id", "definition_id", "assignee", "group", "claimed_by", "open", "sort")
        query = asked_list(request, *names, statuses=TaskStatus)
        check_choice(query.filters, "open", ["true", "false"])
        check_choice(query.filters, "sort", ["newest", "due"])
        filters = {name: value for name, value in query.filters.items() if name != "sort"}
        by_due = query.filters.get("sort") == "due"
        if by_due and filters.keys() & {"status", "open", "run_id"}:
            raise BadInputError(
                "`sort=due` lists what people can do now", hint="leave out status, open and run_id"
            )
        wanted = replace(query, filters=filters)
        listing = self._reading.task_inbox if by_due else self._reading.tasks
        now = self._parts.clock.now()
        return list_page("tasks.html", query, await listing(wanted), now=now, views=VIEWS)

    async def task(self, request: Request) -> Response:
        """One task: its words, who has it, what it needs, and what was done to it."""
        asked(request)
        task_id = request.path_params["task_id"]
        task: Any = await self._reading.task(task_id)
        run: Any = await self._reading.run(task["run_id"])
        others: list[Any] = run["tasks"]
        return page(
            "task.html",
            task=task,
            run=run,
            needs=[each for each in others if each["task_id"] in task["needs"]],
            needed_by=[each for each in others if task_id in each["needs"]],
            about=[each for each in others if each["task_id"] == task["about"]],
            told=[each for each in others if each["about"] == task_id],
            log=await self._parts.task_inbox.log(task_id),
            now=self._parts.clock.now(),
        )

    async def cases(self, request: Request) -> Response:
        """Cases, newest first."""
        query = asked_list(request, "definition_id", "key", statuses=CaseStatus)
        return list_page("cases.html", query, await self._parts.case_desk.page(query), CaseStatus)

    async def case(self, request: Request) -> Response:
        """One case: what it knows, what it waits for, and its runs in order."""
        asked(request)
        case: Row = await self._parts.case_desk.show(request.path_params["case_id"])
        return page("case.html", case=case)
