"""What every store of backfills keeps."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.stores import AT, ID, SECOND, Stores, definition

from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import NotFoundError
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.schedule.settlement import SlotDecision, SlotRun
from activity_core.ports.backfills import (
    BackfillOrder,
    BackfillProgress,
    BackfillRequest,
    BackfillStatus,
)
from activity_core.ports.reading import Query
from activity_core.ports.slot_ledger import SettledSlots, SlotCursor

SLOTS = [AT - timedelta(minutes=minutes) for minutes in (3, 2, 1)]
REQUEST = BackfillRequest(
    backfill_id="late-load",
    definition_id=ID,
    first=SLOTS[0],
    last=SLOTS[-1],
    order=BackfillOrder.OLDEST,
    max_concurrent=1,
    actor="ann",
    reason="the load was late",
    slots=SLOTS,
)
OTHER = replace(REQUEST, backfill_id="other")


def version_of(definition_id: str) -> int | None:
    return {ID: 1}.get(definition_id)


async def published(stores: Stores) -> None:
    if await stores.registry.revision() == 0:
        await stores.publish(definition())


async def requested(stores: Stores, request: BackfillRequest = REQUEST) -> None:
    await published(stores)
    assert await stores.backfills.request(request, AT)


async def release(stores: Stores) -> int:
    return await stores.backfills.release(AT + SECOND, version_of)


async def counts(stores: Stores, backfill_id: str = "late-load") -> Mapping[str, int]:
    return (await stores.backfills.progress(backfill_id)).counts


async def close(stores: Stores, run_id: str, status: RunStatus = RunStatus.COMPLETED) -> None:
    failure = RunFailure("task_failed", "no") if status is RunStatus.FAILED else None
    assert await stores.run_ledger.close(run_id, status, failure, AT, [])


async def close_all(stores: Stores, status: RunStatus = RunStatus.COMPLETED) -> list[str]:
    """Close every open run; returns their slots."""
    items = (await stores.reading.runs(Query({"status": "pending"}))).items
    for item in items:
        await close(stores, str(item["run_id"]), status)
    return sorted(str(item["scheduled_for"]) for item in items)


def run_id(stores: Stores, index: int) -> str:
    return ids.run_id(stores.tenant, ID, ids.occurrence_of_slot(SLOTS[index]))


async def settled(stores: Stores, *decisions: SlotDecision, runs: tuple[SlotRun, ...] = ()) -> None:
    """What the settler decided about slots, without any backfill."""
    await published(stores)
    before = SlotCursor(ID, "plan", SLOTS[0] - SECOND, SLOTS[0], SLOTS[0])
    await stores.slots.plan([before])
    async with stores.slots.open_due([ID], AT) as opened:
        await opened.write([SettledSlots(ID, 1, before, decisions, runs)], AT)


async def test_what_was_asked_for_comes_back(stores: Stores):
    await requested(stores)
    assert await stores.backfills.progress("late-load") == BackfillProgress(
        backfill_id="late-load",
        definition_id=ID,
        first=SLOTS[0],
        last=SLOTS[-1],
        order=BackfillOrder.OLDEST,
        max_concurrent=1,
        actor="ann",
        reason="the load was late",
        status=BackfillStatus.RUNNING,
        slots=3,
        counts={"waiting": 3},
        requested_at=AT,
        finished_at=None,
    )
    assert await stores.backfills.running() == {ID}


async def test_an_id_asks_once(stores: Stores):
    await requested(stores)
    assert not await stores.backfills.request(replace(REQUEST, slots=SLOTS[:1]), AT + SECOND)
    assert await counts(stores) == {"waiting": 3}


async def test_of_rivals_one_asks(stores: Stores):
    await stores.publish(definition())
    answers = await asyncio.gather(*(stores.backfills.request(REQUEST, AT) for _ in range(3)))
    assert sorted(answers) == [False, False, True]
    assert await counts(stores) == {"waiting": 3}


async def test_unknown_ids(stores: Stores):
    for id_ in ("unknown", "\0", "\ud800"):
        with pytest.raises(NotFoundError):
            await stores.backfills.progress(id_)
        with pytest.raises(NotFoundError):
            await stores.backfills.stop(id_, AT)
    assert await stores.backfills.running() == frozenset()
    assert await release(stores) == 0


async def test_a_released_slot_has_a_run_and_a_decision_of_its_own(stores: Stores):
    await requested(stores)
    assert await release(stores) == 1
    run = await stores.reading.run(run_id(stores, 0))
    occurrence = ids.occurrence_of_slot(SLOTS[0])
    assert (run["trigger"], run["status"], run["version_used"]) == ("backfill", "pending", 1)
    assert (run["occurrence_key"], run["scheduled_for"]) == (occurrence, "2026-01-01T11:57:00Z")
    assert run["fired_at"] == "2026-01-01T12:00:01Z"
    [decision] = (await stores.reading.decisions(Query())).items
    assert (decision["outcome"], decision["occurrence_key"]) == ("fired", occurrence)
    assert decision["run_id"] == run["run_id"]
    assert decision["reason"] == "backfill asked for by ann: the load was late"
    [execution] = await stores.compose(at=AT + SECOND)
    assert execution.runs == (run["run_id"],)
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        [claimed] = opened.runs
    assert claimed.occurrence == Occurrence(
        occurrence, TriggerKind.BACKFILL, scheduled_for=SLOTS[0]
    )


async def test_turns_follow_the_request_and_the_runs_that_are_open(stores: Stores):
    await requested(stores, replace(REQUEST, slots=SLOTS[::-1], order=BackfillOrder.NEWEST))
    assert await release(stores) == 1
    assert await release(stores) == 0
    assert await counts(stores) == {"pending": 1, "waiting": 2}
    assert await close_all(stores) == ["2026-01-01T11:59:00Z"]
    assert await release(stores) == 1
    assert await close_all(stores, RunStatus.FAILED) == ["2026-01-01T11:58:00Z"]
    assert await release(stores) == 1
    assert await counts(stores) == {"completed": 1, "failed": 1, "pending": 1}
    assert await close_all(stores) == ["2026-01-01T11:57:00Z"]


async def test_several_at_a_time_start_in_the_order_of_their_turns(stores: Stores):
    await requested(stores, replace(REQUEST, slots=SLOTS[::-1], max_concurrent=2))
    assert await release(stores) == 2
    executions = await stores.compose(at=AT + SECOND)
    assert [each.runs for each in executions] == [(run_id(stores, 2),), (run_id(stores, 1),)]
    await close(stores, run_id(stores, 2))
    assert await release(stores) == 1


async def test_it_is_completed_when_the_last_run_is_closed(stores: Stores):
    await requested(stores, replace(REQUEST, max_concurrent=9))
    assert await release(stores) == 3
    await release(stores)
    assert (await stores.backfills.progress("late-load")).status is BackfillStatus.RUNNING
    await close_all(stores)
    assert await release(stores) == 0
    over = await stores.backfills.progress("late-load")
    assert (over.status, over.finished_at) == (BackfillStatus.COMPLETED, AT + SECOND)
    assert over.counts == {"completed": 3}
    assert await stores.backfills.running() == frozenset()


async def test_without_slots_it_is_completed_at_once(stores: Stores):
    await requested(stores, replace(REQUEST, slots=[]))
    assert await release(stores) == 0
    over = await stores.backfills.progress("late-load")
    assert (over.status, over.slots, over.counts) == (BackfillStatus.COMPLETED, 0, {})


async def test_a_definition_that_may_not_run_puts_it_off(stores: Stores):
    await requested(stores)
    assert await stores.backfills.release(AT, lambda _: None) == 0
    assert await counts(stores) == {"waiting": 3}
    assert await release(stores) == 1


async def test_stopping_lets_open_runs_go_on(stores: Stores):
    await requested(stores)
    await release(stores)
    await stores.backfills.stop("late-load", AT + SECOND)
    await close_all(stores)
    assert await release(stores) == 0
    stopped = await stores.backfills.progress("late-load")
    assert (stopped.status, stopped.finished_at) == (BackfillStatus.STOPPED, AT + SECOND)
    assert stopped.counts == {"completed": 1, "waiting": 2}
    await stores.backfills.stop("late-load", AT + 2 * SECOND)
    assert await stores.backfills.progress("late-load") == stopped


async def test_slots_with_a_run_are_left_alone(stores: Stores):
    await settled(
        stores,
        SlotDecision(SLOTS[0], Outcome.COMPRESSED, run_for=SLOTS[1]),
        SlotDecision(SLOTS[1], Outcome.COMPRESSED, run_for=SLOTS[1]),
        SlotDecision(SLOTS[2], Outcome.SKIPPED, "overlap: no"),
        runs=(SlotRun(SLOTS[1]),),
    )
    known = {SLOTS[0]: run_id(stores, 1), SLOTS[1]: run_id(stores, 1)}
    assert await stores.backfills.existing(ID, SLOTS) == known
    assert await stores.backfills.existing("other", SLOTS) == {}
    await requested(stores)
    assert await counts(stores) == {"existing": 2, "waiting": 1}
    assert await release(stores) == 1
    assert await counts(stores) == {"existing": 2, "pending": 1}
    found = (await stores.reading.decisions(Query({"definition_id": ID}))).items
    last = ids.occurrence_of_slot(SLOTS[2])
    assert {each["outcome"] for each in found if each["occurrence_key"] == last} == {
        "skipped",
        "fired",
    }


async def test_a_slot_that_got_a_run_meanwhile_is_left_alone(stores: Stores):
    await requested(stores)
    await settled(
        stores,
        SlotDecision(SLOTS[0], Outcome.LATE, run_for=SLOTS[0]),
        SlotDecision(SLOTS[1], Outcome.COMPRESSED, run_for=SLOTS[0]),
        runs=(SlotRun(SLOTS[0]),),
    )
    assert [await release(stores) for _ in range(3)] == [0, 0, 1]
    assert await counts(stores) == {"existing": 2, "pending": 1}
    runs = (await stores.reading.runs(Query())).items
    assert sorted(str(run["trigger"]) for run in runs) == ["backfill", "schedule"]


async def test_two_backfills_never_run_a_slot_twice(stores: Stores):
    await requested(stores, replace(REQUEST, max_concurrent=3))
    await requested(stores, replace(OTHER, max_concurrent=3))
    made = [await release(stores) for _ in range(3)]
    assert sum(made) == 3
    assert await counts(stores) == {"pending": 3}
    assert await counts(stores, "other") == {"existing": 3}
    assert len((await stores.reading.decisions(Query())).items) == 3


async def test_rivals_release_a_slot_once(stores: Stores):
    await requested(stores)
    made = await asyncio.gather(*(release(stores) for _ in range(3)))
    assert sum(made) == 1
    assert await counts(stores) == {"pending": 1, "waiting": 2}


async def test_the_newest_are_listed_first(stores: Stores):
    await requested(stores)
    assert await stores.backfills.request(OTHER, AT + SECOND)
    third = replace(REQUEST, backfill_id="third", definition_id="elsewhere", slots=[])
    assert await stores.backfills.request(third, AT + 2 * SECOND)
    listed = await stores.backfills.recent(None, 2)
    assert [each.backfill_id for each in listed] == ["third", "other"]
    of_one = await stores.backfills.recent(ID, 9)
    assert [each.backfill_id for each in of_one] == ["other", "late-load"]
    assert await stores.backfills.recent("\0", 9) == []


async def test_reasons_that_no_database_keeps_are_kept_nearly(stores: Stores):
    await requested(stores, replace(REQUEST, actor="a\0b", reason=""))
    assert await release(stores) == 1
    [decision] = (await stores.reading.decisions(Query())).items
    assert str(decision["reason"]).startswith("backfill asked for by a")
