"""What every slot ledger writes about slots that were settled."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.contract.slots import (
    MINUTE,
    cursor,
    fire,
    fires,
    holds,
    ledger,
    plan,
    run_of,
    settled,
    skips,
    starts,
    write,
)
from tests.contract.stores import (
    AT,
    ID,
    LEASE,
    SECOND,
    Stores,
    definition,
    event,
)

from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import RejectedError, UnavailableError
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.composition import compose
from activity_core.core.run.run import ClaimedRun, Execution, PendingRun
from activity_core.core.schedule import jitter
from activity_core.core.schedule.gap import Gap
from activity_core.core.schedule.settlement import SlotDecision, SlotRun
from activity_core.ports.backfills import BackfillOrder, BackfillRequest
from activity_core.ports.reading import Query
from activity_core.ports.slot_ledger import SettledSlots

KEY = ids.occurrence_of_slot(AT)
TURN = SECOND / 2  # at two recovery runs a second


async def opened_run(stores: Stores, execution: Execution) -> ClaimedRun:
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        [run] = opened.runs
        return run


async def test_a_slot_that_fires_has_its_decision_its_run_and_its_place_in_the_queue(
    stores: Stores,
):
    await plan(stores)
    await stores.publish(definition(title="Second"), version=2)
    await write(
        stores, settled(fires(AT, Outcome.LATE, "late by 2 s\0"), version=2), at=AT + SECOND
    )
    run_id = run_of(stores, AT)
    [decision] = (await stores.reading.decisions(Query())).items
    assert (decision["outcome"], decision["run_id"], decision["version"]) == ("late", run_id, 2)
    assert (decision["occurrence_key"], decision["decided_at"]) == (KEY, "2026-01-01T12:00:01Z")
    assert str(decision["reason"]).startswith("late by 2 s")
    told = await stores.reading.run(run_id)
    assert (told["trigger"], told["scheduled_for"]) == ("schedule", KEY)
    assert (told["status"], told["fired_at"]) == ("pending", "2026-01-01T12:00:01Z")
    [execution] = await stores.compose(at=AT)
    assert execution.workflow_id == ids.workflow_id(ID, KEY)
    run = await opened_run(stores, execution)
    assert (run.run_id, run.version) == (run_id, 2)
    assert run.occurrence == Occurrence(KEY, TriggerKind.SCHEDULE, scheduled_for=AT)


async def test_the_cursor_stands_where_it_was_put(stores: Stores):
    await plan(stores, "a", "b", "c")
    ended = replace(settled(definition_id="b"), cursor=cursor("b", covered=AT, next_slot=None))
    gone = SettledSlots("c", 1, None, [skips(AT, "retired: it has no schedule any more")])
    moved = cursor("a", covered=AT, next_slot=AT + MINUTE, plan="other")
    await write(stores, replace(settled(definition_id="a"), cursor=moved), ended, gone)
    assert await stores.slots.cursors() == {"a": moved, "b": ended.cursor}
    assert await ledger(stores) == {KEY: ("skipped", None)}


async def test_what_is_covered_stays_covered(stores: Stores):
    await plan(stores)
    behind = cursor(covered=AT - 2 * MINUTE, next_slot=AT + MINUTE)
    await write(stores, replace(settled(), cursor=behind))
    assert await stores.slots.cursors() == {ID: replace(behind, covered_until=AT - MINUTE)}


async def test_nothing_settled_writes_nothing(stores: Stores):
    await plan(stores)
    async with stores.slots.open_due([ID], AT) as opened:
        await opened.write([], AT)
    assert await stores.slots.cursors() == {ID: cursor()}


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.HELD])
async def test_what_does_not_run_names_no_run(stores: Stores, outcome: Outcome):
    await plan(stores)
    await write(stores, settled(SlotDecision(AT, outcome, "overlap: a run is open")))
    assert await ledger(stores) == {KEY: (outcome, None)}
    assert await stores.compose() == []


async def test_a_run_that_makes_up_for_slots_knows_them_and_all_of_them_name_it(stores: Stores):
    await plan(stores)
    slots = [AT - 2 * SECOND, AT - SECOND, AT]
    decisions = [SlotDecision(slot, Outcome.COMPRESSED, "one of 3", run_for=AT) for slot in slots]
    item = settled(skips(AT - 3 * SECOND), *decisions)
    run_id, gap = run_of(stores, AT), Gap.of(slots)
    await write(stores, replace(item, runs=[SlotRun(AT, recovery=True, gap=gap)]))
    assert await ledger(stores) == {
        ids.occurrence_of_slot(AT - 3 * SECOND): ("skipped", None),
        **{ids.occurrence_of_slot(slot): ("compressed", run_id) for slot in slots},
    }
    [execution] = await stores.compose()
    run = await opened_run(stores, execution)
    assert (run.run_id, run.occurrence.gap) == (run_id, gap)


async def test_a_gap_may_list_fewer_slots_than_it_has(stores: Stores):
    await plan(stores)
    gap = Gap(AT - 9 * SECOND, AT, 10, (AT - SECOND, AT))
    decision = SlotDecision(AT, Outcome.COMPRESSED, run_for=AT)
    await write(stores, replace(settled(decision), runs=[SlotRun(AT, gap=gap)]))
    [execution] = await stores.compose()
    assert (await opened_run(stores, execution)).occurrence.gap == gap


async def test_a_slot_that_has_a_run_names_it(stores: Stores):
    await plan(stores)
    await backfill(stores, AT)
    await write(stores, settled(SlotDecision(AT, Outcome.DEDUPLICATED, "a backfill ran it")))
    rows = (await stores.reading.decisions(Query())).items
    own = [row for row in rows if row["outcome"] == "deduplicated"]
    assert [row["run_id"] for row in own] == [run_of(stores, AT)]
    assert len(await stores.compose()) == 1


async def test_a_run_that_somebody_made_meanwhile_is_settled_anew(stores: Stores):
    await plan(stores)
    await backfill(stores, AT)
    with pytest.raises(UnavailableError):
        await write(stores, settled(fires(AT)))
    assert await stores.slots.cursors() == {ID: cursor()}
    assert await stores.slots.decided(ID, AT - MINUTE, AT) == {}


async def backfill(stores: Stores, slot: datetime) -> None:
    request = BackfillRequest("b", ID, slot, slot, BackfillOrder.OLDEST, 1, "ann", "", [slot])
    assert await stores.backfills.request(request, AT)
    assert await stores.backfills.release(AT, lambda _: 1) == 1


async def test_a_version_that_was_never_published_is_rejected(stores: Stores):
    await plan(stores)
    with pytest.raises(RejectedError):
        await write(stores, settled(fires(AT), version=9))
    assert await ledger(stores) == {}


async def test_what_is_decided_stays_decided_and_gets_no_run(stores: Stores):
    await plan(stores)
    await write(stores, settled(skips(AT), fires(AT - SECOND)))
    before = await ledger(stores)
    await write(stores, settled(fires(AT), skips(AT - SECOND)))
    assert await ledger(stores) == before
    assert await starts(stores, AT) == [[run_of(stores, AT - SECOND)]]


async def test_a_held_slot_is_decided_once_more(stores: Stores):
    await plan(stores)
    await write(stores, settled(holds(AT), holds(AT - SECOND)))
    await write(stores, settled(fires(AT - SECOND, reason="buffered: 12 s"), holds(AT)))
    after = {
        ids.occurrence_of_slot(AT - SECOND): ("fired", run_of(stores, AT - SECOND)),
        KEY: ("held", None),
    }
    assert await ledger(stores) == after
    assert await starts(stores, AT) == [[run_of(stores, AT - SECOND)]]
    await write(stores, settled(skips(AT, "paused: by ann")))
    assert (await ledger(stores))[KEY] == ("skipped", None)


async def test_an_ordinary_run_starts_at_once(stores: Stores):
    await plan(stores)
    [run] = await fire(stores, AT)
    assert await starts(stores, AT - 60 * MINUTE) == [[run]]


async def test_jitter_puts_the_start_off(stores: Stores):
    await plan(stores)
    await write(stores, replace(settled(fires(AT)), jitter=MINUTE))
    start = AT + jitter.delay(ID, AT, MINUTE)
    assert AT < start < AT + MINUTE
    tick = timedelta(microseconds=1)
    assert await starts(stores, start - tick, start) == [[], [run_of(stores, AT)]]


async def test_a_run_whose_start_is_put_off_keeps_none_from_its_turn(stores: Stores):
    await plan(stores)
    await write(stores, replace(settled(fires(AT)), jitter=MINUTE))
    [prompt] = await stores.fire(event())
    assert await first_of_queue(stores, AT) == [prompt]
    assert await first_of_queue(stores, AT) == []
    assert await first_of_queue(stores, AT + MINUTE) == [run_of(stores, AT)]


async def test_runs_start_in_order_of_their_turns(stores: Stores):
    await plan(stores)
    await write(stores, replace(settled(fires(AT)), jitter=MINUTE))
    await write(stores, settled(fires(AT - SECOND), recovery=True))
    later = AT + MINUTE
    assert await first_of_queue(stores, later) == [run_of(stores, AT - SECOND)]
    assert await first_of_queue(stores, later) == [run_of(stores, AT)]


async def first_of_queue(stores: Stores, at: datetime) -> list[str]:
    def alone(pending: Sequence[PendingRun]) -> list[Execution]:
        return compose(pending, may_share=lambda _: False, max_runs=1)

    executions = await stores.run_queue.compose(1, alone, at=at, lease=LEASE)
    return [run for execution in executions for run in execution.runs]


async def test_recovery_runs_wait_for_their_turn_oldest_slot_first(stores: Stores):
    await plan(stores, "a", "b")
    late = [AT - SECOND, AT - 2 * SECOND, AT - 3 * SECOND]
    await write(
        stores,
        settled(fires(late[0]), fires(late[2]), definition_id="a", recovery=True),
        replace(settled(fires(late[1]), definition_id="b", recovery=True), jitter=60 * MINUTE),
    )
    runs = [
        run_of(stores, late[2], "a"),
        run_of(stores, late[1], "b"),
        run_of(stores, late[0], "a"),
    ]
    times = [AT + number * TURN for number in range(3)]
    assert await starts(stores, AT - TURN, *times) == [[], *([run] for run in runs)]


async def test_the_pace_goes_on_from_one_settlement_to_the_next(stores: Stores):
    await plan(stores)
    first, second, third = (AT - number * SECOND for number in (3, 2, 1))
    await write(stores, settled(fires(first), fires(second), recovery=True))
    await write(stores, settled(fires(third), fires(AT), recovery=True))
    await write(stores, settled(fires(AT + SECOND), recovery=True), at=AT + MINUTE)
    runs = [[run_of(stores, slot)] for slot in (first, second, third, AT)]
    assert await starts(stores, *(AT + number * TURN for number in range(4))) == runs
    assert await starts(stores, AT + 4 * TURN, AT + MINUTE) == [[], [run_of(stores, AT + SECOND)]]


async def test_a_clock_that_was_ahead_keeps_no_recovery_waiting(stores: Stores):
    await plan(stores)
    ahead = AT + 10 * MINUTE
    await write(stores, settled(fires(AT - 2 * SECOND), recovery=True), at=ahead)
    await write(stores, settled(fires(AT - SECOND), recovery=True))
    late = run_of(stores, AT - SECOND)
    assert await starts(stores, AT + 2 * TURN, ahead) == [
        [late],
        [run_of(stores, AT - 2 * SECOND)],
    ]


async def test_slots_that_are_due_now_do_not_wait_for_recovery(stores: Stores):
    await plan(stores)
    item = settled(fires(AT - SECOND), fires(AT))
    await write(stores, replace(item, runs=[SlotRun(AT - SECOND, recovery=True), SlotRun(AT)]))
    [[first, second]] = await starts(stores, AT)
    assert {first, second} == {run_of(stores, AT - SECOND), run_of(stores, AT)}


async def test_without_displacement_open_runs_go_on(stores: Stores):
    await plan(stores)
    [run_id] = await fire(stores, AT - MINUTE)
    await write(stores, settled(fires(AT)))
    assert (await stores.reading.run(run_id))["status"] == "pending"


async def test_ten_thousand_decisions_fit_into_one_write(stores: Stores):
    await plan(stores)
    slots = [AT - number * SECOND for number in range(10_000)]
    await write(stores, settled(*map(skips, slots[100:]), *map(fires, slots[:100])))
    found = await stores.slots.decided(ID, slots[-1] - SECOND, AT)
    assert sum(outcome is Outcome.SKIPPED for outcome in found.values()) == 9_900
    assert len((await starts(stores, AT))[0]) == 100
