"""What every slot ledger keeps: who is due, who has it locked, what was audited."""

import asyncio
from dataclasses import replace

import pytest
from tests.contract.slots import (
    MINUTE,
    cursor,
    fire,
    fires,
    holds,
    plan,
    run_of,
    settled,
    skips,
    write,
)
from tests.contract.stores import (
    AT,
    ID,
    SECOND,
    BoomError,
    Stores,
    definition,
    event,
    record_batch,
    said,
)

from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.run.run import RunStatus
from activity_core.ports.reading import Query
from activity_core.ports.run_queue import ManualRequest
from activity_core.ports.slot_ledger import AuditRange

LATER = AT + 100 * MINUTE


async def end(stores: Stores, run_id: str) -> None:
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])


async def test_cursors_are_kept_as_they_were_planned(stores: Stores):
    assert await stores.slots.cursors() == {}
    ended = cursor("b", next_slot=None, wake_at=None)
    await stores.slots.plan([ended, cursor("a")])
    assert await stores.slots.cursors() == {"a": cursor("a"), "b": ended}


async def test_a_new_plan_keeps_what_is_covered_and_what_was_due(stores: Stores):
    old = cursor(next_slot=AT, wake_at=AT + 5 * SECOND)
    await stores.slots.plan([old])
    later = cursor(
        plan="hourly", covered=AT + SECOND, next_slot=AT + 60 * MINUTE, wake_at=AT + 61 * MINUTE
    )
    await stores.slots.plan([later])
    assert await stores.slots.cursors() == {ID: replace(old, plan="hourly")}
    sooner = cursor(plan="each second", next_slot=AT - SECOND, wake_at=AT)
    await stores.slots.plan([sooner])
    assert await stores.slots.cursors() == {ID: sooner}


async def test_a_plan_without_slots_leaves_what_was_due_and_one_with_slots_begins(stores: Stores):
    await stores.slots.plan([cursor()])
    await stores.slots.plan([cursor(plan="none", next_slot=None, wake_at=None)])
    assert await stores.slots.cursors() == {ID: cursor(plan="none")}
    await stores.slots.plan([cursor("ended", next_slot=None, wake_at=None)])
    await stores.slots.plan([cursor("ended")])
    assert (await stores.slots.cursors())["ended"] == cursor("ended")


async def test_nothing_to_plan(stores: Stores):
    await stores.slots.plan([])
    assert await stores.slots.cursors() == {}


async def test_due_is_what_has_a_slot_oldest_first(stores: Stores):
    await stores.slots.plan(
        [
            cursor("a", next_slot=AT),
            cursor("b", next_slot=AT - SECOND, covered=AT - 9 * MINUTE),
            cursor("later", next_slot=AT + SECOND),
            cursor("never", next_slot=None, wake_at=None),
        ]
    )
    due = await stores.slots.due(AT, 9)
    assert list(due.items()) == [("b", AT - 9 * MINUTE), ("a", AT - MINUTE)]
    assert list(await stores.slots.due(AT, 1)) == ["b"]
    assert list(await stores.slots.due(AT - 2 * SECOND, 9)) == []


async def test_opening_locks_those_that_are_still_due_in_order_of_ids(stores: Stores):
    await stores.slots.plan([cursor("b"), cursor("c", next_slot=AT + SECOND), cursor("a")])
    async with stores.slots.open_due(["c", "b", "a", "unknown"], AT) as opened:
        assert [each.cursor for each in opened.due] == [cursor("a"), cursor("b")]
        assert [(list(each.open_runs), list(each.held)) for each in opened.due] == [([], [])] * 2
    async with stores.slots.open_due([], AT) as opened:
        assert list(opened.due) == []


async def test_open_runs_are_those_of_slots_oldest_first(stores: Stores):
    await plan(stores)
    runs = await fire(stores, AT - SECOND, AT - 3 * SECOND, AT - 2 * SECOND)
    await stores.fire(event("not of a slot"))
    await stores.run_queue.submit(ManualRequest(ID, 1, "m.1", {}, "ann"), AT)
    await end(stores, runs[2])
    await stores.slots.plan([cursor()])
    async with stores.slots.open_due([ID], AT) as opened:
        [each] = opened.due
        assert list(each.open_runs) == [runs[1], runs[0]]


async def test_a_held_slot_is_due_once_no_run_is_open(stores: Stores):
    await plan(stores)
    [run] = await fire(stores, AT - MINUTE)
    await write(stores, settled(holds(AT), holds(AT - SECOND)))
    assert not await stores.slots.due(AT, 9)
    assert not await stores.slots.overdue(AT)
    async with stores.slots.open_due([ID], AT) as opened:
        assert list(opened.due) == []
    await end(stores, run)
    assert dict(await stores.slots.due(AT, 9)) == {ID: AT}
    assert await stores.slots.overdue(AT)
    async with stores.slots.open_due([ID], AT) as opened:
        [each] = opened.due
        assert (list(each.open_runs), list(each.held)) == ([], [AT - SECOND, AT])


async def test_a_held_event_is_no_held_slot(stores: Stores):
    await plan(stores)
    await stores.accept(event())
    async with stores.inbox.take(1) as batch:
        await record_batch(batch, settled=[said(batch.events[0], Outcome.HELD)])
    assert not await stores.slots.overdue(AT)
    async with stores.slots.open_due([ID], AT) as opened:
        assert [list(each.held) for each in opened.due] == [[]]
    await write(stores, settled(fires(AT)))
    assert await stores.slots.due(AT, 9) == {}


async def test_a_slot_comes_before_one_that_was_held(stores: Stores):
    await plan(stores, "a", "b")
    await write(stores, settled(holds(AT), definition_id="a", next_slot=None))
    assert list(await stores.slots.due(AT, 9)) == ["b", "a"]
    assert list(await stores.slots.due(AT, 1)) == ["b"]


async def test_a_run_that_is_no_slots_holds_nothing_back(stores: Stores):
    await plan(stores)
    await stores.fire(event())
    await write(stores, settled(holds(AT)))
    assert list(await stores.slots.due(AT, 9)) == [ID]


async def test_two_settlers_at_once_never_both_get_a_cursor(stores: Stores):
    names = [f"d-{number}" for number in range(20)]
    await plan(stores, *names)
    everybody_has_opened = asyncio.Barrier(3)

    async def settler() -> list[str]:
        async with stores.slots.open_due(names, AT) as opened:
            await everybody_has_opened.wait()
            mine = [each.cursor.definition_id for each in opened.due]
            await opened.write([settled(skips(AT), definition_id=id_) for id_ in mine], AT)
            return mine

    async with asyncio.timeout(10):
        parts = await asyncio.gather(*(settler() for _ in range(3)))
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert not await stores.slots.due(AT, 99)


async def test_rivals_settle_each_definition_once(stores: Stores):
    names = [f"d-{number}" for number in range(20)]
    await plan(stores, *names)

    async def settler() -> int:
        async with stores.slots.open_due(names, AT) as opened:
            mine = [each.cursor.definition_id for each in opened.due]
            await opened.write([settled(skips(AT), definition_id=id_) for id_ in mine], AT)
            return len(mine)

    assert sum(await asyncio.gather(*(settler() for _ in range(4)))) == len(names)
    assert len((await stores.reading.decisions(Query(limit=99))).items) == len(names)


async def test_an_exception_changes_nothing_and_frees_the_cursor(stores: Stores):
    await plan(stores)

    async def fail() -> None:
        async with stores.slots.open_due([ID], AT) as opened:
            await opened.write([settled(skips(AT))], AT)
            raise BoomError

    with pytest.raises(BoomError):
        await fail()
    assert await stores.slots.decided(ID, AT - MINUTE, AT) == {}
    assert dict(await stores.slots.due(AT, 9)) == {ID: AT - MINUTE}
    await write(stores, settled(skips(AT)))


async def test_overdue_is_what_somebody_must_have_looked_at(stores: Stores):
    assert not await stores.slots.overdue(AT)
    await stores.slots.plan([cursor(wake_at=AT + SECOND), cursor("never", wake_at=None)])
    assert not await stores.slots.overdue(AT)
    assert await stores.slots.overdue(AT + SECOND)


async def test_taken_are_slots_that_have_a_run_however_they_got_it(stores: Stores):
    await plan(stores, ID, "other")
    [run] = await fire(stores, AT - SECOND)
    await end(stores, run)
    asked = {ID: [AT - SECOND, AT], "other": [AT - SECOND]}
    async with stores.slots.open_due(["other"], AT) as opened:
        assert await opened.taken(asked) == {ID: {AT - SECOND: run_of(stores, AT - SECOND)}}
        assert await opened.taken({}) == {}


async def test_decided_is_a_range_of_slots_of_one_definition(stores: Stores):
    await plan(stores, ID, "other")
    await write(stores, settled(skips(AT - SECOND), holds(AT), skips(AT - 2 * SECOND)))
    await write(stores, settled(skips(AT - SECOND), definition_id="other"))
    await stores.fire(event())
    await stores.run_queue.submit(ManualRequest(ID, 1, "m.1", {}, "ann"), AT)
    found = await stores.slots.decided(ID, AT - 2 * SECOND, AT)
    assert found == {AT - SECOND: Outcome.SKIPPED, AT: Outcome.HELD}
    half = SECOND / 2
    assert await stores.slots.decided(ID, AT - half, AT + half) == {AT: Outcome.HELD}
    assert await stores.slots.decided(ID, AT, AT + half) == {}


async def test_what_was_covered_and_never_audited_longest_ago_first(stores: Stores):
    await stores.publish(definition("a"), definition("b"), definition("c"))
    await stores.slots.plan(
        [cursor("a", covered=AT - MINUTE), cursor("b", covered=AT - 2 * MINUTE), cursor("c")]
    )
    assert await stores.slots.unaudited(9, before=AT) == []
    for id_ in ("a", "b"):
        await write(stores, settled(definition_id=id_))
    a, b = AuditRange("a", AT - MINUTE, AT), AuditRange("b", AT - 2 * MINUTE, AT)
    assert await stores.slots.unaudited(9, before=AT + MINUTE) == [b, a]
    assert await stores.slots.unaudited(1, before=AT + MINUTE) == [b]
    half = AT - 30 * SECOND
    assert await stores.slots.unaudited(9, before=half) == [
        replace(b, until=half),
        replace(a, until=half),
    ]
    assert await stores.slots.unaudited(9, before=AT - MINUTE) == [replace(b, until=AT - MINUTE)]


async def test_what_was_audited_is_left_alone(stores: Stores):
    await plan(stores, "a", "b")
    await write(stores, settled(definition_id="a"), settled(definition_id="b"))
    half = AuditRange("a", AT - MINUTE, AT - 30 * SECOND)
    await stores.slots.mark_audited([AuditRange("b", AT - MINUTE, AT), half])
    rest = AuditRange("a", half.until, AT)
    assert await stores.slots.unaudited(9, before=AT) == [rest]
    await stores.slots.mark_audited([half, replace(half, definition_id="b")])
    await stores.slots.mark_audited([AuditRange("gone", AT, AT)])
    beyond = AuditRange("a", AT - MINUTE, AT + MINUTE)  # of a cursor that was there before
    await stores.slots.mark_audited([beyond])
    await stores.slots.mark_audited([])
    assert await stores.slots.unaudited(9, before=AT) == [rest]


async def test_unexplained_slots_are_on_record_as_failed(stores: Stores):
    await plan(stores)
    await write(stores, settled(skips(AT - SECOND)))
    slots = [AT - 2 * SECOND, AT - SECOND]
    for _ in range(2):
        await stores.slots.write_unexplained(ID, 1, slots, "nobody knows\0", AT + SECOND)
    found = await stores.slots.decided(ID, AT - MINUTE, AT)
    assert found == {AT - 2 * SECOND: Outcome.FAILED, AT - SECOND: Outcome.SKIPPED}
    rows = {row["occurrence_key"]: row for row in (await stores.reading.decisions(Query())).items}
    row = rows[ids.occurrence_of_slot(AT - 2 * SECOND)]
    assert (row["version"], row["run_id"], row["decided_at"]) == (1, None, "2026-01-01T12:00:01Z")
    assert str(row["reason"]).startswith("nobody knows")


async def test_a_held_slot_is_not_unexplained(stores: Stores):
    await plan(stores)
    await fire(stores, AT - MINUTE)
    await write(stores, settled(holds(AT)))
    await stores.slots.write_unexplained(ID, 1, [AT], "nobody knows", AT)
    assert await stores.slots.decided(ID, AT - SECOND, AT) == {AT: Outcome.HELD}
