"""What inboxes cost when a hundred thousand tasks are open: looking, and completing.

Tasks are inserted set-based, a run each, beside the definition that they are of; what lists and
changes them is ours. Each number of open tasks is kept by a database of its own.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from statistics import quantiles

import psycopg

from activity_core.adapters.postgres.migrate import migrate
from activity_core.adapters.postgres.pool import connection
from activity_core.bootstrap.system import System, open_system
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.human.answering import Answer
from activity_core.core.human.dossier import Request
from activity_core.ports.reading import Query
from activity_core.services.catalogue import Catalogue
from activity_core.services.task_inbox import TaskInbox
from activity_core.settings import Settings
from benchmarks.figure import Figure, in_turns
from benchmarks.stack import apply, servers

MANY = int(os.environ.get("BENCH_SIZE", "100000"))
FEW = 1_000
LOOKS = 300
"""Pages, and tasks, read per round."""
COMPLETED = 300
"""Per round, one after the other; as many come anew before the next."""
AT_ONCE = 10_000
"""Inserted by one statement: sessions of ours give up after half a minute."""
GROUPS = 20
PAGE = Query({"group": "g7"})
DEFINITION = """
id: ask
trigger: {manual: {}}
rules:
  - id: ask
    tasks:
      - id: look
        human: {title: Look, assign: {group: people}}
"""
_NEW = (
    """
insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status, fired_at,
    touched_at, recorded_at, context_snapshot, context_hash)
select %(tenant)s, 'run-' || n, 'ask', 1, 'm.' || n, 'manual', 'running', now(), now(), now(),
    '{}', ''
from generate_series(%(first)s::int, %(last)s::int) n
""",
    """
insert into executions (tenant, execution_id, workflow_id, created_at)
select %(tenant)s, 'execution-' || n, 'activity-ask-' || n, now()
from generate_series(%(first)s::int, %(last)s::int) n
""",
    """
insert into attempts (tenant, run_id, attempt, execution_id)
select %(tenant)s, 'run-' || n, 1, 'execution-' || n
from generate_series(%(first)s::int, %(last)s::int) n
""",
    f"""
insert into tasks (tenant, task_id, run_id, definition_id, version, rule, spec_id, item, kind,
    title, status, inputs, needs, groups, wait, due_at, created_at)
select %(tenant)s, 'task-' || n, 'run-' || n, 'ask', 1, 'ask', 'look', 0, 'human',
    'Look at ' || n, 'ready', '{{}}', '{{}}', array['g' || (n %% {GROUPS})], true,
    now() + (n * 7919 %% 1000003) * interval '1 s', now()
from generate_series(%(first)s::int, %(last)s::int) n
""",  # noqa: S608 - a number of ours
)
_ANALYSE = "analyze runs, executions, attempts, tasks, task_inbox"
_ONE = "select * from tasks where tenant = %(tenant)s and task_id = %(task)s"


async def measure() -> Sequence[Figure]:
    """The page of a group beside one row by its key; completing beside a hundredth of tasks."""
    async with (
        servers() as settings,
        _office(settings, "few", FEW) as few,
        _office(settings, "many", MANY) as many,
    ):
        return [
            Figure.of(
                f"inbox of a group, {MANY:,} open tasks, p99",
                await in_turns(many.read_one, many.read_page),
                reference_name="one task by its primary key",
                goal=0.05,
                unit="ms",
                less_is_better=True,
            ),
            Figure.of(
                f"completing a task, {MANY:,} open",
                await in_turns(few.complete, many.complete),
                reference_name=f"the same, {FEW:,} open",
                goal=0.8,
                unit="1/s",
            ),
        ]


class _Office:
    """A database in which a number of tasks are open."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._made = 0
        self._open = count(1)
        self._inbox = TaskInbox(
            system.stores.task_desk,
            Catalogue(system.stores.registry),
            system.doorbell,
            system.clock,
            deployment=system.settings.deployment,
        )

    async def add(self, tasks: int) -> None:
        """So many more, and statistics of all."""
        tenant = self._system.settings.tenant
        end = self._made + tasks
        async with connection(self._system.pool) as conn:
            for first in range(self._made + 1, end + 1, AT_ONCE):
                last = min(first + AT_ONCE - 1, end)
                for statement in _NEW:
                    await conn.execute(statement, {"tenant": tenant, "first": first, "last": last})
            await conn.execute(_ANALYSE)
        self._made = end

    async def read_page(self) -> float:
        """p99 of the first page of a group, in ms."""

        async def page() -> None:
            found = await self._system.stores.reading.task_inbox(PAGE)
            assert len(found.items) == PAGE.limit

        return await _p99(page)

    async def read_one(self) -> float:
        """p99 of a row by its key, in ms."""
        values = {"tenant": self._system.settings.tenant, "task": "task-7"}

        async def one() -> None:
            async with connection(self._system.pool) as conn:
                assert await (await conn.execute(_ONE, values)).fetchone()

        return await _p99(one)

    async def complete(self) -> float:
        """Tasks a second; as many are open at the end as at the beginning."""
        began = time.perf_counter()
        for number in range(COMPLETED):
            task_id = f"task-{next(self._open)}"
            await self._inbox.complete(task_id, Request(f"person-{number}"), Answer("done"))
        rate = COMPLETED / (time.perf_counter() - began)
        await self.add(COMPLETED)
        return rate


async def _p99(work: Callable[[], Awaitable[None]]) -> float:
    taken = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        await work()
        taken.append(1_000 * (time.perf_counter() - began))
    return quantiles(taken, n=100)[98]


@asynccontextmanager
async def _office(settings: Settings, name: str, tasks: int) -> AsyncIterator[_Office]:
    address = str(settings.database_url)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as conn:
        await conn.execute(f"create database {name}")
    own = f"{address.rpartition('/')[0]}/{name}"
    await asyncio.to_thread(migrate, own)
    async with open_system(settings.model_copy(update={"database_url": own})) as system:
        await apply(system, parse_definitions(DEFINITION, file="bench.yaml"))
        office = _Office(system)
        await office.add(tasks)
        yield office
