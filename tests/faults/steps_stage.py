"""Everybody around the runs that take every step: their servers, workers and people.

In: an installation whose worker dies at every boundary. Out: `Seen`, once all runs are over: the
tables, and what the world outside was asked to do.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from tests.api import cloudevent, eventually
from tests.faults import mortal
from tests.faults.installation import Installation
from tests.faults.steps_definitions import ID, MANY, QUEUE, TYPE, text
from tests.outside import Outside, Reply, Request

OVER_WITHIN = 300.0
MORTAL = (sys.executable, "-P", str(Path(mortal.__file__)))
TOLD = frozenset({200, 409, 503})
"""Done; ended meanwhile, or asked too early; an outage."""

TASKS = f"""
    select r.run_id, (convert_from(e.body, 'utf8')::json -> 'data' ->> 'n')::int as n,
        r.status as run_status, t.task_id, t.rule, t.spec_id, t.item, t.role, t.about, t.kind,
        t.status, t.started_at, t.finished_at
    from runs r
    join run_events o on o.run_id = r.run_id
    join events e on e.event_key = o.event_key
    join tasks t on t.run_id = r.run_id
    where r.definition_id = '{ID}'"""


@dataclass(frozen=True)
class Seen:
    """What there is when all is over. `called`: the arguments of what the team's own did, by id."""

    tasks: Sequence[Mapping[str, Any]]
    requests: Sequence[Request]
    noted: Sequence[str]
    stored: Sequence[str]
    called: Sequence[tuple[str, int]]
    died: frozenset[str]


@dataclass
class Team:
    """The team's own worker, in this very process."""

    called: list[tuple[str, int]] = field(default_factory=list)

    @activity.defn
    async def charge(self, n: int) -> str:
        info = activity.info()
        self.called.append((f"{info.workflow_id} {info.activity_id}", n))
        return "charged"

    @activity.defn
    async def noted(self, child: str, n: int) -> None:
        self.called.append((child, n))


@workflow.defn(name="Child")
class Child:
    """Takes a while: it has a step of its own."""

    @workflow.run
    async def run(self, n: int) -> str:
        await workflow.execute_activity_method(
            Team.noted,
            args=[workflow.info().workflow_id, n],
            start_to_close_timeout=timedelta(seconds=10),
        )
        return "grown up"


@dataclass
class Stage:
    """The runs of some events, all at once."""

    running: Installation
    outside: Outside
    home: Path
    team: Team = field(default_factory=Team)

    @property
    def notes(self) -> Path:
        return self.home / "notes"

    async def play(self, count: int) -> Seen:
        """Runs of `count` events, while their worker dies again and again."""
        await self._prepare(count)
        async with self._team(), self._mortal():
            for n in range(count):
                await self.running.send(cloudevent(TYPE, f"steps-{n}", {"n": n}))
            await eventually(self._over, "all runs are over", OVER_WITHIN)
        return await self.seen()

    async def seen(self) -> Seen:
        """What there is."""
        noted = (self.home / "noted").read_text().split()
        return Seen(
            await self._rows(TASKS),
            self.outside.below("/steps/"),
            noted,
            [row["task_id"] for row in await self._rows("select task_id from steps_effects")],
            self.team.called,
            frozenset(each.name for each in self.notes.iterdir()),
        )

    async def _prepare(self, count: int) -> None:
        self.notes.mkdir()
        await self._rows("create table if not exists steps_effects (task_id text)")
        await self.running.api.apply(text(self.home / "noted"))
        self.outside.answers("/steps/refuse", Reply(422))
        self.outside.answers("/steps/take", Reply(201))
        for n in range(count):
            for path in ("ask", "late", "wait", "order", "pay", "undo-order", "undo-pay"):
                self.outside.answers(f"/steps/{path}/{n}", Reply(201, {"said": 1}))
            for path in (f"notify/{n}/created", f"notify/{n}/completed"):
                self.outside.answers(f"/steps/{path}", Reply(201))
            for x in range(MANY):
                self.outside.answers(f"/steps/each/{n}/{x}", Reply(201))

    @asynccontextmanager
    async def _team(self) -> AsyncIterator[None]:
        client = await Client.connect(str(self.running.env["ACTIVITY_CORE_TEMPORAL_ADDRESS"]))
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=[Child],
            activities=[self.team.charge, self.team.noted],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            yield

    @asynccontextmanager
    async def _mortal(self) -> AsyncIterator[None]:
        """In the place of the installation's worker."""
        await self.running.kill("worker")
        command = (*MORTAL, str(self.notes))
        await self.running.start("worker", command=command)
        try:
            yield
        finally:
            await self.running.replace("worker")

    async def _over(self) -> bool:
        """Whether all runs are; meanwhile people and other sides do what runs wait for."""
        self.running.programs["worker"].assert_alive()
        await asyncio.gather(self._agree(), self._call_back())
        left = await self._rows(
            f"""(select run_id from runs where definition_id = '{ID}' and finished_at is null)
            union all select event_id from pending_events join events using (event_key)"""
        )
        return not left

    async def _agree(self) -> None:
        for task in await self._rows(
            f"""select task_id from tasks
            where definition_id = '{ID}' and wait and status = 'ready'"""
        ):
            await self._tell(f"/v1/tasks/{task['task_id']}/complete", {"outcome": "done"})

    async def _call_back(self) -> None:
        waiting = {
            row["task_id"]
            for row in await self._rows(
                f"""select task_id from tasks
                where definition_id = '{ID}' and spec_id = 'wait' and status = 'running'"""
            )
        }
        for request in self.outside.below("/steps/wait/"):
            # Who is killed while it asks sends no body.
            if request.body and request.headers["idempotency-key"] in waiting:
                body = {"status": "completed", "outputs": {"told": True}}
                await self._tell(request.body["tell"], body)

    async def _tell(self, url: str, body: Mapping[str, Any]) -> None:
        answer = await self.running.api.http.post(url, json=body)
        assert answer.status_code in TOLD, answer.text

    async def _rows(self, query: str) -> list[dict[str, Any]]:
        async with self.running.connection() as connection:
            rows = await connection.execute(query.encode())
            return await rows.fetchall() if rows.description else []
