"""Many writers at once, and some that die: what only a real database can get wrong."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from tests.contract.stores import (
    AT,
    RECOVERY_RATE,
    SECOND,
    Stores,
    announcement,
    definition,
    event,
    fired,
    record,
    record_batch,
    spec,
)

from activity_core.adapters.postgres.pool import Pool, connection, open_pool
from activity_core.bootstrap.stores import Stores as Adapters
from activity_core.core.errors import InvalidEventError, RejectedError, UnavailableError
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.run.task import NewTask, TaskResult, TaskStatus
from activity_core.ports.inbox import Acceptance
from activity_core.ports.outbox import OutboxRow
from activity_core.ports.reading import Query


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[Pool]:
    async with open_pool(postgres_url, 8) as opened:
        yield opened


@pytest.fixture
async def stores(pool: Pool, request: pytest.FixtureRequest) -> Stores:
    tenant = request.node.name
    own = Adapters.over(pool, tenant, recovery_rate=RECOVERY_RATE)
    stores = Stores.over(tenant, own)
    await stores.publish(definition())
    return stores


async def test_overlapping_calls_accept_every_event_once(stores: Stores):
    names = [str(n) for n in range(50)]
    orders = [names[n:] + names[:n] for n in range(8)] + [names[::-1]] * 8
    calls = [stores.accept(*map(event, order)) for order in orders]
    answers = Counter(answer for call in await asyncio.gather(*calls) for answer in call)
    assert answers == {Acceptance.ACCEPTED: 50, Acceptance.DUPLICATE: 15 * 50}
    assert await stores.inbox.depth() == 50


async def test_routers_side_by_side_fire_an_occurrence_once(stores: Stores):
    await stores.accept(*(event(str(n)) for n in range(60)))

    async def router() -> Counter[str]:
        counts: Counter[str] = Counter()
        while True:
            async with stores.inbox.take(5) as batch:
                if not batch.events:
                    return counts
                # Twelve events share an occurrence, and meet it in different batches.
                fires = (
                    fired(each, occurrence=f"e.{int(each.envelope.id) % 5}")
                    for each in batch.events
                )
                counts.update(await record_batch(batch, *fires))

    total = sum(await asyncio.gather(*(router() for _ in range(4))), Counter())
    assert total == {"fired": 5, "deduplicated": 55}
    assert await stores.run_queue.depth() == 5
    assert len((await stores.reading.decisions(Query(limit=100))).items) == 60


async def test_a_router_that_dies_gives_everything_back(stores: Stores, pool: Pool):
    await stores.accept(event("1"), event("2"))

    async def die() -> None:
        async with stores.inbox.take(10) as batch:
            await record_batch(batch, *(fired(each) for each in batch.events))
            async with connection(pool) as conn:
                await conn.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where pid in"
                    " (select pid from pg_locks where relation = 'pending_events'::regclass)"
                )

    with pytest.raises(UnavailableError):
        await die()
    assert await stores.inbox.depth() == 2
    assert await stores.route() == {"fired": 2}


async def test_one_wrong_event_of_a_batch_can_be_found_by_halving(stores: Stores):
    await stores.accept(event("good"), event("bad"))
    async with stores.inbox.take(10) as batch:
        good, bad = batch.events
    wrong = [fired(good), fired(bad, version=99)]
    with pytest.raises(RejectedError):
        async with stores.inbox.take(10) as batch:
            await record_batch(batch, *wrong)
    async with stores.inbox.take(10, only=[good.position]) as batch:
        await record_batch(batch, *wrong[:1])
    async with stores.inbox.take(10, only=[bad.position]) as batch:
        await batch.bury(batch.events[0], "store_rejected", "no such version", AT)
    assert await stores.inbox.depth() == 0
    assert await stores.dead_letters.depth() == 1


async def test_an_event_that_cannot_be_read_any_more_blocks_nothing(stores: Stores, pool: Pool):
    await stores.accept(event("old"), event("new"))
    async with connection(pool) as conn:
        await conn.execute(
            "update events set body = '{}' where tenant = %s and event_id = 'old'",
            [stores.tenant],
        )
    async with stores.inbox.take(10) as batch:
        old, new = batch.events
        assert (old.id, new.envelope.id) == ("old", "new")
        with pytest.raises(InvalidEventError) as refusal:
            _ = old.envelope
        await batch.bury(old, refusal.value.code, refusal.value.message, AT)
    assert await stores.inbox.depth() == 1
    [letter] = (await stores.reading.dead_letters(Query())).items
    assert (letter["code"], letter["subject"]) == ("event_invalid", "order.created")


async def test_starters_side_by_side_never_share_a_run(stores: Stores):
    await stores.fire(*(event(str(n)) for n in range(40)))
    composed = await asyncio.gather(*(stores.compose() for _ in range(4)))
    runs = [run for executions in composed for execution in executions for run in execution.runs]
    assert len(runs) == len(set(runs)) == 40


async def test_the_same_execution_carried_out_twice_is_recorded_once(stores: Stores):
    execution = await stores.execution(*(event(str(n)) for n in range(10)))

    async def carry_out() -> int:
        async with stores.run_ledger.open(execution.execution_id, AT) as opened:
            await opened.record(
                [
                    record(
                        run,
                        tasks=[NewTask(spec(run.run_id), TaskStatus.READY)],
                        announcements=[announcement(f"a-{run.run_id}", run.run_id)],
                    )
                    for run in opened.runs
                ],
                AT,
            )
            return len(opened.runs)

    assert sorted(await asyncio.gather(*(carry_out() for _ in range(4)))) == [0, 0, 0, 10]
    assert await stores.outbox.depth() == 10
    assert len((await stores.reading.tasks(Query(limit=100))).items) == 10


async def test_rivals_complete_a_task_once(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs
    [task_id] = [item["task_id"] for item in (await stores.reading.tasks(Query())).items]

    async def complete(by: str) -> str:
        result = TaskResult(TaskStatus.COMPLETED, "done", by=by)
        news = [announcement(f"by-{by}", run_id)]
        task = await stores.task_ledger.finish(str(task_id), result, AT, news, ring=True)
        assert task.result is not None
        return task.result.by

    winners = set(await asyncio.gather(*(complete(name) for name in "abcd")))
    assert len(winners) == 1
    assert await stores.outgoing() == [f"by-{winners.pop()}"]
    assert len(await stores.run_queue.take_signals(9)) == 1


async def test_relays_side_by_side_keep_the_order_of_each_key(stores: Stores):
    execution = await stores.execution(*(event(str(n)) for n in range(20)))
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        await opened.record([record(run, RunStatus.RUNNING) for run in opened.runs], AT)
    sent: list[OutboxRow] = []
    written = asyncio.Event()

    async def write(run_id: str) -> None:
        news = [announcement(f"{run_id}-{n}", run_id) for n in range(3)]
        await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, news)

    async def relay() -> None:
        while True:
            done = written.is_set()
            async with stores.outbox.take(3, AT + SECOND) as batch:
                sent.extend(batch.rows)
                await asyncio.sleep(0)
                await batch.settle([row.position for row in batch.rows], [])
            if done and await stores.outbox.depth() == 0:
                return

    relays = [asyncio.create_task(relay()) for _ in range(4)]
    await asyncio.gather(*map(write, execution.runs))
    written.set()
    await asyncio.gather(*relays)
    assert len(sent) == 60
    for run_id in execution.runs:
        assert [row.event_id for row in sent if row.key == run_id] == [
            f"{run_id}-{n}" for n in range(3)
        ]


async def test_failures_that_name_the_unprintable_still_close_the_run(stores: Stores):
    [run_id] = (await stores.execution()).runs
    failure = RunFailure("broken", "it said \0 and \ud800")
    assert await stores.run_ledger.close(run_id, RunStatus.FAILED, failure, AT, [])
    run = await stores.reading.run(run_id)
    assert run["failure"] == {"code": "broken", "message": "it said \ufffd and ?"}


async def test_the_server_going_away_is_said_in_our_words():
    async with open_pool("postgresql://nobody@127.0.0.1:1/nothing", 1) as pool:
        pool.timeout = 0.05
        with pytest.raises(UnavailableError):
            await Adapters.over(pool, "main", recovery_rate=RECOVERY_RATE).inbox.depth()
