"""What every store of cases keeps: queues in order, one open case per key, turns taken once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.stores import (
    AT,
    ID,
    SECOND,
    BoomError,
    Stores,
    definition,
    event,
    member,
    record,
    record_batch,
    spec,
)

from activity_core.core import ids
from activity_core.core.case.case import Case, CaseStatus
from activity_core.core.case.timers import TimerDue
from activity_core.core.errors import ConflictError, NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.flow.group import Group
from activity_core.core.jsontext import canonical_json
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.run import ClaimedRun, RunFailure, RunStatus
from activity_core.core.run.task import NewTask, TaskStatus
from activity_core.ports.cases import BY_ITSELF, CaseWork, OpenCase, QueuedRun, Ring
from activity_core.ports.reading import Query

MANY = 100


async def queue(stores: Stores, *envelopes: EventEnvelope, key: str = "k") -> list[str]:
    """Events of one key, routed in this order; their runs."""
    if await stores.registry.revision() == 0:
        await stores.publish(definition())
    await stores.accept(*envelopes)
    text = canonical_json(key).decode()
    async with stores.inbox.take(1_000) as batch:
        fires = [
            (ID, Group((replace(member(each), keys={"case": text}),))) for each in batch.events
        ]
        await record_batch(batch, *fires)
    return [stores.run_id(each) for each in envelopes]


async def ring(stores: Stores, *, delivered: bool = True) -> Sequence[Ring]:
    rings = await stores.cases.rings(MANY, AT)
    if delivered:
        await stores.cases.drop_rings(rings)
    return rings


async def opened(stores: Stores, *names: str, key: str = "k") -> str:
    """A case whose first events have these ids."""
    await queue(stores, *(event(name) for name in names or ("1",)), key=key)
    [case] = await ring(stores)
    return case.case_id


async def take(
    stores: Stores, case_id: str, *, limit: int = MANY, closes: bool = False
) -> list[str]:
    """Take what is queued; close if told to and nothing is left. Ids of the runs."""
    async with stores.cases.open(case_id, limit) as case:
        return await take_in(case, closes=closes)


async def take_in(case: OpenCase, *, closes: bool = False) -> list[str]:
    runs = [each.run for each in case.queued]
    taken = replace(case.case, taken=case.case.taken + len(runs), state={"n": len(runs)})
    if closes:
        taken = replace(taken, status=CaseStatus.CLOSED, closed_at=AT)
    await case.write(CaseWork(taken, (), runs, [record(run) for run in runs]), AT)
    return [run.run_id for run in runs]


async def take_and_fail(stores: Stores, case_id: str) -> None:
    async with stores.cases.open(case_id, MANY) as case:
        await take_in(case)
        raise BoomError


async def take_and_close(stores: Stores, case_id: str, thinking: float) -> list[str]:
    """As a workflow does: again and again, until nothing is queued."""
    taken: list[str] = []
    while True:
        async with stores.cases.open(case_id, MANY) as case:
            if case.case.status is CaseStatus.CLOSED:
                return taken
            await asyncio.sleep(thinking)
            taken += await take_in(case, closes=not case.queued)


def timer_run(stores: Stores, case: Case) -> QueuedRun:
    key = ids.occurrence_of_timer(case.case_id, "late", AT + SECOND)
    run = ClaimedRun(
        ids.run_id(stores.tenant, ID, key),
        ID,
        case.version,
        Occurrence(key, TriggerKind.TIMER, timer="late"),
        attempt=1,
        status=RunStatus.RUNNING,
        recorded=False,
    )
    return QueuedRun(run, AT + SECOND)


async def test_runs_of_a_case_are_queued_and_not_started(stores: Stores):
    [run] = await queue(stores, event("1"))
    assert await stores.compose() == []
    assert (await stores.reading.run(run))["status"] == "pending"
    [decision] = (await stores.reading.decisions(Query())).items
    assert (decision["outcome"], decision["run_id"]) == ("fired", run)


async def test_a_ring_opens_the_case_of_a_key_once(stores: Stores):
    await queue(stores, event("1"), event("2"))
    [first] = await ring(stores, delivered=False)
    [again] = await ring(stores)
    key = '"k"'
    assert first.case_id == again.case_id == ids.case_id(stores.tenant, ID, key, 1)
    assert first.workflow_id == ids.case_workflow_id(ID, key, 1)
    assert first.version == again.version == (ID, 1)
    assert await ring(stores) == []


async def test_each_key_has_its_case_and_its_queue(stores: Stores):
    ours = await queue(stores, event("1"), event("2"), key="a")
    others = await queue(stores, event("3"), key="b")
    rings = await ring(stores)
    taken = [await take(stores, each.case_id) for each in rings]
    assert sorted(taken) == sorted([ours, others])


async def test_two_starters_open_one_case(stores: Stores):
    await queue(stores, event("1"))
    answers = await asyncio.gather(*(stores.cases.rings(MANY, AT) for _ in range(4)))
    assert len({each.case_id for rings in answers for each in rings}) == 1
    assert len((await stores.cases.page(Query())).items) == 1


async def test_turns_are_taken_in_order_and_once(stores: Stores):
    names = [str(n) for n in range(8, 0, -1)]
    case_id = await opened(stores, *names)
    runs = [stores.run_id(event(name)) for name in names]
    assert await take(stores, case_id, limit=5) == runs[:5]
    assert await take(stores, case_id) == runs[5:]
    assert await take(stores, case_id) == []
    row = await stores.cases.show(case_id)
    assert (row["taken"], row["state"], row["queued"]) == (8, {"n": 0}, [])
    assert [(await stores.reading.run(run))["status"] for run in runs] == ["completed"] * 8


async def test_a_claimed_turn_has_its_event(stores: Stores):
    case_id = await opened(stores, "1")
    async with stores.cases.open(case_id, MANY) as case:
        [queued] = case.queued
        assert queued.run.occurrence.event == event("1")
        assert (queued.at, queued.run.occurrence.timer) == (AT, "")
        assert (case.case.state, case.case.opened_at, case.case.number) == (None, AT, 1)


async def test_what_fails_is_not_taken(stores: Stores):
    case_id = await opened(stores, "1")
    with pytest.raises(BoomError):
        await take_and_fail(stores, case_id)
    assert await take(stores, case_id) == [stores.run_id(event("1"))]


async def test_what_is_left_of_a_run_goes_to_the_starter(stores: Stores):
    case_id = await opened(stores, "1")
    async with stores.cases.open(case_id, MANY) as case:
        [run] = [each.run for each in case.queued]
        tasks = [NewTask(spec(run.run_id), TaskStatus.READY)]
        left = record(run, RunStatus.PENDING, tasks=tasks)
        await case.write(CaseWork(case.case, (), [run], [left]), AT)
    [execution] = await stores.compose()
    assert execution.runs == (run.run_id,)
    async with stores.run_ledger.open(execution.execution_id, AT) as found:
        assert [each.recorded for each in found.runs] == [True]


async def test_a_run_that_was_closed_while_it_waited_is_passed_over(stores: Stores):
    case_id = await opened(stores, "1", "2")
    first, second = stores.run_id(event("1")), stores.run_id(event("2"))
    assert await stores.run_ledger.close(first, RunStatus.CANCELLED, None, AT, [])
    assert await take(stores, case_id) == [second]
    assert (await stores.cases.show(case_id))["queued"] == []


async def test_a_retried_run_waits_for_its_turn_again(stores: Stores):
    case_id = await opened(stores, "1", "2")
    async with stores.cases.open(case_id, 1) as case:
        [run] = [each.run for each in case.queued]
        failed = record(run, RunStatus.FAILED, failure=RunFailure("limit_exceeded", "no"))
        await case.write(CaseWork(case.case, (), [run], [failed]), AT)
    async with stores.run_control.hold(run.run_id) as held:
        await held.retry(AT)
    assert await stores.compose() == []
    second = stores.run_id(event("2"))
    assert (await stores.cases.show(case_id))["queued"] == [second, run.run_id]
    assert await take(stores, case_id) == [second, run.run_id]


async def test_a_timer_that_waits_goes_first(stores: Stores):
    case_id = await opened(stores, "1", "2")
    async with stores.cases.open(case_id, MANY) as case:
        fired = timer_run(stores, case.case)
        await case.write(CaseWork(case.case, [fired], [fired.run]), AT)
    runs = [fired.run.run_id, stores.run_id(event("1")), stores.run_id(event("2"))]
    assert (await stores.cases.show(case_id))["queued"] == runs
    waiting = await stores.cases.queued_run(fired.run.run_id)
    assert waiting is not None
    assert waiting.occurrence.timer == "late"
    assert await take(stores, case_id) == runs
    assert await stores.cases.queued_run(fired.run.run_id) is None
    [told] = [
        each
        for each in (await stores.reading.decisions(Query())).items
        if each["run_id"] == runs[0]
    ]
    assert (told["outcome"], told["reason"]) == ("fired", "timer late")
    assert (await stores.reading.run(runs[0]))["trigger"] == "timer"


async def test_the_same_instant_of_a_timer_fires_once(stores: Stores):
    case_id = await opened(stores, "1")
    await take(stores, case_id)
    for _ in range(2):
        async with stores.cases.open(case_id, MANY) as case:
            fired = timer_run(stores, case.case)
            await case.write(CaseWork(case.case, [fired], [fired.run]), AT)
    assert (await stores.cases.show(case_id))["queued"] == [fired.run.run_id]


async def test_what_comes_after_the_end_opens_the_next_number(stores: Stores):
    first = await opened(stores, "1")
    await take(stores, first, closes=True)
    second = await opened(stores, "2")
    assert second == ids.case_id(stores.tenant, ID, '"k"', 2)
    assert await take(stores, first) == []
    assert await take(stores, second) == [stores.run_id(event("2"))]
    row = await stores.cases.show(first)
    assert (row["status"], row["closed_by"]) == ("closed", BY_ITSELF)


@pytest.mark.parametrize("thinking", [0.0, 0.01, 0.02])
async def test_what_comes_while_a_case_closes_is_taken_once(stores: Stores, thinking: float):
    """It is of the case that closes, or of the next one: never of both, never of none."""
    first = await opened(stores, "0")
    names = [str(n) for n in range(1, 4)]

    async def send() -> None:
        for name in names:
            await queue(stores, event(name))

    async def start() -> list[str]:
        taken = []
        for _ in range(10):
            for each in await ring(stores):
                if each.case_id != first:
                    taken += await take(stores, each.case_id)
            await asyncio.sleep(0.01)
        return taken

    closing = take_and_close(stores, first, thinking)
    by_first, _, by_next = await asyncio.gather(closing, send(), start())
    by_next += [run for each in await ring(stores) for run in await take(stores, each.case_id)]
    assert sorted([*by_first, *by_next]) == sorted(
        stores.run_id(event(name)) for name in ("0", *names)
    )


async def test_what_comes_in_the_very_transaction_that_closes_opens_the_next(stores: Stores):
    first = await opened(stores, "1")
    await take(stores, first)

    async def come() -> Sequence[Ring]:
        await queue(stores, event("2"))
        return await ring(stores)

    async with stores.cases.open(first, MANY) as case:
        coming = asyncio.create_task(come())
        await asyncio.wait([coming], timeout=0.5)  # the twin lets nobody in
        assert await take_in(case, closes=True) == []
    [second] = {each.case_id for each in [*await coming, *await ring(stores)]}
    assert second != first
    assert await take(stores, second) == [stores.run_id(event("2"))]


async def test_a_case_that_is_being_taken_is_rung_later(stores: Stores):
    case_id = await opened(stores, "1")
    await queue(stores, event("2"))
    async with stores.cases.open(case_id, 1) as case:
        rung = asyncio.create_task(ring(stores))
        await asyncio.wait([rung], timeout=0.2)
        await take_in(case)
    assert {each.case_id for each in [*await rung, *await ring(stores)]} == {case_id}


async def test_an_operator_closes_a_case_and_its_workflow_is_rung(stores: Stores):
    case_id = await opened(stores, "1")
    with pytest.raises(ConflictError, match="wait for their turn"):
        await stores.cases.close(case_id, "ann", AT)
    await take(stores, case_id)
    for _ in range(2):
        await stores.cases.close(case_id, "ann", AT + SECOND)
    row = await stores.cases.show(case_id)
    assert (row["status"], row["closed_by"]) == ("closed", "ann")
    assert row["closed_at"] == "2026-01-01T12:00:01Z"
    assert [(each.case_id, each.version) for each in await ring(stores)] == [(case_id, (ID, 1))]
    assert await ring(stores) == []


async def test_lost_cases_are_rung_and_others_left_alone(stores: Stores):
    well, lost = await opened(stores, "1", key="a"), await opened(stores, "2", key="b")
    later = AT + timedelta(minutes=5)
    untouched = await stores.cases.untouched(MANY, later)
    assert {(each.case_id, each.version) for each in untouched} == {
        (well, (ID, 1)),
        (lost, (ID, 1)),
    }
    assert await stores.cases.untouched(MANY, AT) == []
    await stores.cases.touch([well], [lost], later)
    assert await stores.cases.untouched(MANY, later) == []
    assert [each.case_id for each in await ring(stores)] == [lost]


async def test_cases_are_listed_newest_first_and_filtered(stores: Stores):
    first = await opened(stores, "1", key="a")
    await take(stores, first, closes=True)
    second = await opened(stores, "2", key="b")

    async def ids_of(**filters: str) -> list[str]:
        return [str(row["case_id"]) for row in (await stores.cases.page(Query(filters))).items]

    assert set(await ids_of()) == {first, second}
    assert await ids_of(status="closed") == [first]
    assert await ids_of(key="b") == await ids_of(key='"b"') == [second]
    assert await ids_of(definition_id="other") == []


async def test_a_case_shows_what_it_waits_for_and_what_it_took(stores: Stores):
    case_id = await opened(stores, "1")
    async with stores.cases.open(case_id, MANY) as case:
        [run] = [each.run for each in case.queued]
        taken = replace(case.case, state={"paid": True}, fired={"old": AT}, version=1)
        wakes = TimerDue("reminder", AT + SECOND)
        await case.write(CaseWork(taken, (), [run], [record(run)], wakes), AT)
    row = dict(await stores.cases.show(case_id))
    assert row == {
        "case_id": case_id,
        "definition_id": ID,
        "key": "k",
        "number": 1,
        "version": 1,
        "status": "open",
        "taken": 0,
        "opened_at": "2026-01-01T12:00:00Z",
        "last_event_at": "2026-01-01T12:00:00Z",
        "wake_at": "2026-01-01T12:00:01Z",
        "waiting_for": "reminder",
        "closed_at": None,
        "closed_by": None,
        "workflow_id": ids.case_workflow_id(ID, '"k"', 1),
        "state": {"paid": True},
        "queued": [],
        "runs": [
            {
                "run_id": run.run_id,
                "trigger": "event",
                "timer": None,
                "status": "completed",
                "fired_at": "2026-01-01T12:00:00Z",
            }
        ],
    }
    async with stores.cases.open(case_id, MANY) as case:
        assert case.case.fired == {"old": AT}


async def test_an_unknown_case(stores: Stores):
    with pytest.raises(NotFoundError):
        await stores.cases.show("case-x")
    with pytest.raises(NotFoundError):
        await stores.cases.close("case-x", "ann", AT)
    with pytest.raises(NotFoundError):
        await take(stores, "case-x")
