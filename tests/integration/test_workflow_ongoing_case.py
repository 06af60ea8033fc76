"""OngoingCase on a real server: rings, timers, ends, lost answers, continuing as new."""

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker
from tests.case_stage import FOLLOW, CaseStage
from tests.temporal_server import eventually, temporal_client

from activity_core.adapters.system_clock import SystemClock
from activity_core.adapters.temporal.engine import TASK_TIMEOUT, TemporalEngine
from activity_core.core.case.progress import CaseProgress
from activity_core.core.errors import UnavailableError
from activity_core.core.run.run import RunStatus
from activity_core.ports.engine import Purpose, WorkflowState
from activity_core.services.case_keeper import CaseKeeper
from activity_core.services.case_starter import CaseStarter
from activity_core.workflows.case_messages import RING, SETTLE, STATE, WAITING_FOR, CaseRequest
from activity_core.workflows.case_steps import CaseSteps
from activity_core.workflows.ongoing_case import OngoingCase

COUNTER = itertools.count()


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


class Live(CaseStage):
    """A deployment of its own, by the system's clock."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.clock = cast("Any", SystemClock())  # nobody sets it
        self.client = client
        self.queue_name = f"cases-{next(COUNTER)}"
        self.engine = TemporalEngine(client, self.queue_name)
        self.name = self.queue_name  # workflow ids hold the key: each test has its own

    def worker(self, keeper: CaseKeeper | None = None) -> Worker:
        # The default sandbox, nothing passed through: what is forbidden must fail here.
        return Worker(
            self.client,
            task_queue=self.queue_name,
            workflows=[OngoingCase],
            activities=CaseSteps(keeper or self.keeper).all,
            max_cached_workflows=100,
        )

    async def start(self) -> None:
        starter = CaseStarter(self.cases, self.store, self.engine, self.clock)
        while await starter.step():
            pass

    async def handle(self, case_id: str) -> WorkflowHandle[Any, Any]:
        row = await self.show(case_id)
        return self.client.get_workflow_handle(str(row["workflow_id"]))

    async def case_ids(self) -> list[str]:
        return sorted(self.state.tables.cases)

    def order(self, n: int = 0) -> str:
        return f"{self.name}-{n}"


@pytest.fixture
async def live(client: Client) -> Live:
    live = Live(client)
    await live.apply(FOLLOW)
    return live


async def begun(live: Live, id_: str = "1", type_: str = "order.new") -> str:
    await live.send(id_, type_, live.order())
    await live.start()
    [case_id] = await live.case_ids()
    return case_id


async def test_fifty_events_of_five_keys_in_any_order(live: Live) -> None:
    names = [(str(n), live.order(n % 5)) for n in (place * 37 % 50 for place in range(50))]
    sent: dict[str, list[str]] = {}
    async with live.worker():
        for id_, order in names:
            await live.send(id_, "order.new", order)
            sent.setdefault(order, []).append(id_)
            if len(sent[order]) % 3 == 0:
                await live.start()
        await live.start()
        for case_id in await live.case_ids():
            handle = await live.handle(case_id)
            state: Any = await handle.execute_update(SETTLE)
            key = str((await live.show(case_id))["key"])
            assert state == {"seen": sent[key], "late": 0} == await handle.query(STATE)
    assert len(await live.case_ids()) == 5
    assert {run.status for run in live.state.tables.runs.values()} == {RunStatus.COMPLETED}
    assert len(live.titles()) == 50


async def test_a_case_sleeps_until_its_timer(live: Live) -> None:
    await live.apply(FOLLOW.replace("1h", "1s") + "migrate: newest\n")
    async with live.worker():
        case_id = await begun(live)
        handle = await live.handle(case_id)

        async def has_fired() -> bool:
            return len(live.titles()) == 2

        await eventually(has_fired)
        assert live.titles()[-1] == "reminder of 1"
        assert await handle.query(WAITING_FOR) == ""
        assert await handle.execute_update(SETTLE) == {"seen": ["1"], "late": 1}


async def test_the_end_ends_the_workflow_and_what_comes_later_starts_the_next(live: Live) -> None:
    async with live.worker():
        first = await begun(live, "1", "order.done")
        await (await live.handle(first)).result()
        await live.send("2", "order.new", live.order())
        await live.start()
        [second] = set(await live.case_ids()) - {first}
        handle = await live.handle(second)
        assert await handle.execute_update(SETTLE) == {"seen": ["2"], "late": 0}
        assert handle.id.endswith("-2")


async def test_a_ring_at_a_closed_case_does_no_harm(live: Live) -> None:
    async with live.worker():
        case_id = await begun(live, "1", "order.done")
        handle = await live.handle(case_id)
        await handle.result()
        await live.engine.start_case(case_id, handle.id, Purpose("follow", 1, case_id))
        await live.client.get_workflow_handle(handle.id).result()
    assert (await live.show(case_id))["taken"] == 1


async def test_an_operator_closes_it(live: Live) -> None:
    async with live.worker():
        case_id = await begun(live)
        handle = await live.handle(case_id)
        await handle.execute_update(SETTLE)
        await live.cases.close(case_id, "ann", live.clock.now())
        await live.start()
        await handle.result()


async def test_a_terminated_workflow_goes_on_where_the_rows_are(live: Live) -> None:
    async with live.worker():
        case_id = await begun(live)
        handle = await live.handle(case_id)
        await handle.execute_update(SETTLE)
        await handle.terminate()
        await live.send("2", "order.new", live.order())
        await live.start()
        again = live.client.get_workflow_handle(handle.id)
        assert await again.execute_update(SETTLE) == {"seen": ["1", "2"], "late": 0}


class Forgetful(CaseKeeper):
    """Takes two turns and dies before it can say so, the first two times."""

    def __init__(self, keeper: CaseKeeper) -> None:
        super().__init__(keeper._ports, keeper._clock, keeper._doorbell, tenant="main")
        self.deaths = 0

    async def take(self, case_id: str, limit: int = 50) -> CaseProgress:
        if self.deaths == 2:
            return await super().take(case_id, limit)
        await super().take(case_id, 2)
        self.deaths += 1
        raise UnavailableError("gone after the commit")


async def test_what_was_taken_and_never_answered_is_not_taken_twice(live: Live) -> None:
    for n in range(5):
        await live.send(str(n), "order.new", live.order())
    async with live.worker(Forgetful(live.keeper)):
        await live.start()
        [case_id] = await live.case_ids()
        state = await (await live.handle(case_id)).execute_update(SETTLE)
    assert state == {"seen": ["0", "1", "2", "3", "4"], "late": 0}
    assert live.titles() == [f"order.new of {n}" for n in range(1, 6)]


async def test_it_continues_as_new_without_losing_a_ring(live: Live) -> None:
    await live.send("0", "order.new", live.order())
    [case_id] = await live.rung()
    row = await live.show(case_id)
    handle = await live.client.start_workflow(
        OngoingCase.run,
        CaseRequest(case_id, most_steps=2),
        id=str(row["workflow_id"]),
        task_queue=live.queue_name,
        task_timeout=TASK_TIMEOUT,
    )
    newest = live.client.get_workflow_handle(handle.id)
    async with live.worker():
        for n in range(1, 20):
            await live.send(str(n), "order.new", live.order())
            await newest.signal(RING)

        async def has_all() -> bool:
            return len((await live.state_of(case_id))["seen"]) == 20

        await eventually(has_all)
        assert (await newest.describe()).run_id != handle.first_execution_run_id
        assert await live.engine.state(handle.id) is WorkflowState.RUNNING
    assert (await live.state_of(case_id))["seen"] == [str(n) for n in range(20)]


async def test_remote_sources_are_gathered_and_a_silent_one_fails_its_run(live: Live) -> None:
    source = "context: {there: {http: {url: 'http://127.0.0.1/'}, retry: {max_attempts: 1}}}\n"
    await live.apply(FOLLOW + source)
    run = await live.send("1", "order.new", live.order())
    async with live.worker():
        await live.start()
        [case_id] = await live.case_ids()
        handle = await live.handle(case_id)
        await handle.execute_update(SETTLE)
        failure = live.run(run).failure
        assert failure is not None
        assert failure.code == "context_unavailable"
        live.source.answers["there"] = 1
        await live.send("2", "order.new", live.order())
        assert await handle.execute_update(SETTLE) == {"seen": ["2"], "late": 0}


async def test_the_history_holds_no_event(live: Live) -> None:
    async with live.worker():
        await live.send("1", "order.done", live.order(), secret="hush")
        await live.start()
        [case_id] = await live.case_ids()
        handle = await live.handle(case_id)
        await handle.result()
        history = json.dumps((await handle.fetch_history()).to_json_dict())
    assert "hush" not in history
