"""Several people at the same few tasks at once, on a real database: one of them wins, all is told.

Every request carries a word of its own as its comment, so each line of the log leads back to the
request that made it. The lines, done again one after another by the pure rules, give the rows.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.contract.stores import AT, Stores, event, spec

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.adapters.postgres.pool import connection, open_pool
from activity_core.bootstrap.stores import Stores as Adapters
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import ConflictError
from activity_core.core.human import answering, handling
from activity_core.core.human.answering import Answer
from activity_core.core.human.dossier import Change, Dossier, Request
from activity_core.core.human.handling import Recipient
from activity_core.core.human.log import Action, LogEntry
from activity_core.core.human.notices import human_of
from activity_core.core.run.task import TaskInstance, TaskStatus
from activity_core.services.catalogue import Catalogue
from activity_core.services.task_inbox import TaskInbox

DEFINITION = ActivityDefinition.model_validate(
    {
        "id": "triage",
        "trigger": {"event": {"type": "order.*"}, "manual": {}},
        "rules": [
            {
                "id": "all",
                "tasks": [
                    {"id": "ask", "human": {"title": "Ask"}},
                    {"id": "check", "human": {"title": "Check", "not_same_as": "ask"}},
                ],
            }
        ],
    }
)
DOINGS = ("claim", "unclaim", "delegate", "return", "comment", "complete", "reject")
PEOPLE = ("ann", "bob", "cem")
TENANTS = count()


@dataclass(frozen=True)
class Asked:
    """What somebody wants; `outcome` is for completing."""

    task: str
    doing: str
    by: str
    outcome: str = "done"


ASKED = st.builds(
    Asked,
    task=st.sampled_from(("ask", "check")),
    doing=st.sampled_from(DOINGS),
    by=st.sampled_from(PEOPLE),
    outcome=st.sampled_from(("done", "refused")),
)


class People(RuleBasedStateMachine):
    """One run with two tasks, and whoever wants something of them."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.words = count(1)
        self.said: dict[str, Asked] = {}  # by the word of the request
        self.done: set[str] = set()
        self.runner.run(self._prepare())

    async def _prepare(self) -> None:
        self.pool = pool = await self.stack.enter_async_context(open_pool(self.url, 6))
        tenant = f"people-{next(TENANTS)}"
        self.stores = Stores.over(tenant, Adapters.over(pool, tenant, recovery_rate=1.0))
        await self.stores.publish(DEFINITION)
        run_id = self.stores.run_id(event())
        specs = [spec(run_id, name, groups=("g",)) for name in ("ask", "check")]
        await self.stores.recorded(*specs)
        self.ids = {each.spec_id: each.task_id for each in specs}
        self.first = {name: await self._stored(name) for name in self.ids}
        self.inbox = TaskInbox(
            self.stores.task_desk,
            Catalogue(self.stores.registry),
            MemoryDoorbell(),
            ManualClock(),
            deployment="test",
        )

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    @rule(asked=st.lists(ASKED, min_size=1, max_size=6))
    def all_at_once(self, asked: list[Asked]) -> None:
        self.runner.run(self._all(asked))

    @rule(task=st.sampled_from(("ask", "check")))
    def everybody_claims(self, task: str) -> None:
        before = self.runner.run(self._stored(task))
        winners = self.runner.run(self._all([Asked(task, "claim", by) for by in PEOPLE]))
        after = self.runner.run(self._stored(task))
        if before.status is TaskStatus.READY and after.status is TaskStatus.CLAIMED:
            assert winners == [after.claimed_by]
        assert len(winners) <= 1

    @rule(task=st.sampled_from(("ask", "check")), outcomes=st.permutations(("a", "b", "c")))
    def everybody_completes(self, task: str, outcomes: list[str]) -> None:
        asked = [
            Asked(task, "complete", by, outcome)
            for by, outcome in zip(PEOPLE, outcomes, strict=True)
        ]
        assert len(self.runner.run(self._all(asked))) <= 1

    @invariant()
    def the_log_tells_it_all(self) -> None:
        self.runner.run(self._check())

    async def _all(self, asked: list[Asked]) -> list[str]:
        """Who got what they wanted."""
        found = await asyncio.gather(*(self._one(each) for each in asked))
        return [each.by for each, ok in zip(asked, found, strict=True) if ok]

    async def _one(self, asked: Asked) -> bool:
        word = f"word {next(self.words)}"
        self.said[word] = asked
        try:
            await self._doing(self.ids[asked.task], asked, Request(asked.by, comment=word))
        except ConflictError:
            return False
        self.done.add(word)
        return True

    def _doing(self, task_id: str, asked: Asked, request: Request) -> Awaitable[TaskInstance]:
        match asked.doing:
            case "delegate":
                return self.inbox.delegate(task_id, request, Recipient("bob"))
            case "complete":
                return self.inbox.complete(task_id, request, Answer(asked.outcome))
            case "return":
                return self.inbox.give_back(task_id, request)
            case name:
                alone = {
                    "claim": self.inbox.claim,
                    "unclaim": self.inbox.unclaim,
                    "comment": self.inbox.comment,
                    "reject": self.inbox.reject,
                }
                return alone[name](task_id, request)

    async def _check(self) -> None:
        rows = {name: await self._stored(name) for name in self.ids}
        logs = {name: await self.stores.task_desk.log(self.ids[name]) for name in self.ids}
        told = [entry.comment for log in logs.values() for entry in log]
        assert len(told) == len(set(told))
        assert set(told) <= self.done
        for name, row in rows.items():
            assert row.revision == len(logs[name])
            assert replayed(self.first[name], logs[name]) == row
            self._check_unlogged(name, row, told)
        ended = {row.task_id: row.result.by for row in rows.values() if row.result}
        announced = await self._announced()
        assert sorted(announced) == sorted(ended)
        if announced == [self.ids["ask"], self.ids["check"]]:
            assert len(set(ended.values())) == 2
        signals = "select count(*) from pending_signals where tenant = %s"
        assert await self._count(signals) == len(ended)

    def _check_unlogged(self, name: str, row: TaskInstance, told: list[str]) -> None:
        """What changed nothing was so already."""
        for word in self.done - set(told):
            asked = self.said[word]
            assert asked.doing in {"claim", "unclaim", "complete", "reject"}
            if asked.task == name and asked.doing == "complete":
                assert row.result is not None
                assert (row.result.by, row.result.outcome) == (asked.by, asked.outcome)

    async def _announced(self) -> list[str]:
        """Ids of tasks in the order in which their ends leave."""
        async with self.stores.outbox.take(1_000, AT) as batch:
            return [str(json.loads(each.body)["subject"]) for each in batch.rows]

    async def _count(self, query: str) -> int:
        async with connection(self.pool) as conn:
            row = await (await conn.execute(query, [self.stores.tenant])).fetchone()
        assert row is not None
        return int(row["count"])

    async def _stored(self, name: str) -> TaskInstance:
        task = await self.stores.task_ledger.get(self.ids[name])
        return replace(task, groups=tuple(task.groups))


def replayed(task: TaskInstance, log: Sequence[LogEntry]) -> TaskInstance:
    """What the rules make of it, one line after another; each line is what they would write."""
    for entry in log:
        change = again(Dossier(task, human_of(DEFINITION, task)), entry)
        assert change is not None
        assert change.entry == entry
        task = change.task
    return task


def again(dossier: Dossier, entry: LogEntry) -> Change | None:
    request, at = Request(entry.by, entry.via, entry.comment), entry.at
    answer = Answer(str(entry.data.get("outcome")), entry.data.get("outputs"))
    doings: Mapping[Action, Callable[[], Change | None]] = {
        Action.CLAIMED: lambda: handling.claim(dossier, request, at),
        Action.UNCLAIMED: lambda: handling.unclaim(dossier, request, at),
        Action.DELEGATED: lambda: handling.delegate(dossier, request, Recipient("bob"), at),
        Action.RETURNED: lambda: handling.give_back(dossier, request, at),
        Action.COMMENTED: lambda: handling.comment(dossier, request, at),
        Action.COMPLETED: lambda: answering.complete(dossier, request, answer, at),
        Action.REJECTED: lambda: answering.reject(dossier, request, at),
    }
    return doings[entry.action]()


def test_several_people_at_once(postgres_url: str) -> None:
    people = type("People", (People,), {"url": postgres_url})
    run_state_machine_as_test(
        people,
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
