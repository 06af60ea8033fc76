"""What every inbox keeps."""

import asyncio

import pytest
from tests.contract.stores import (
    AT,
    ID,
    SECOND,
    BoomError,
    Stores,
    definition,
    event,
    fired,
    record_batch,
    routing,
    said,
)

from activity_core.core import ids
from activity_core.core.decision import Outcome, Routing
from activity_core.core.errors import RejectedError
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.flow import Decided
from activity_core.ports.inbox import Acceptance
from activity_core.ports.reading import Query

ACCEPTED, DUPLICATE, CONFLICT = Acceptance.ACCEPTED, Acceptance.DUPLICATE, Acceptance.CONFLICT


async def pending_ids(stores: Stores) -> list[str]:
    async with stores.inbox.take(1_000) as batch:
        return [each.envelope.id for each in batch.events]


async def test_nothing_is_accepted_from_nothing(stores: Stores):
    assert await stores.inbox.accept([], AT) == []
    assert await stores.inbox.depth() == 0


async def test_the_first_body_wins(stores: Stores):
    assert await stores.accept(event(data=1)) == [ACCEPTED]
    assert await stores.accept(event(data=1), at=AT + SECOND) == [DUPLICATE]
    assert await stores.accept(event(data=2), at=AT + SECOND) == [CONFLICT]
    assert await stores.inbox.depth() == 1
    async with stores.inbox.take(9) as batch:
        [pending] = batch.events
    assert pending.envelope == event(data=1)
    assert (pending.key, pending.received_at) == (stores.key(event()), AT)
    assert pending.size == len(event(data=1).to_bytes())


async def test_a_duplicate_and_a_conflict_within_one_call(stores: Stores):
    answers = await stores.accept(
        event("a"), event("a", data=1), event("b"), event("a"), event("b", data=1)
    )
    assert answers == [ACCEPTED, CONFLICT, ACCEPTED, DUPLICATE, CONFLICT]
    assert await pending_ids(stores) == ["a", "b"]


async def test_source_and_id_identify_together(stores: Stores):
    answers = await stores.accept(event("1", source="/a"), event("1", source="/b", data=1))
    assert answers == [ACCEPTED, ACCEPTED]


async def test_rivals_with_one_event_agree_on_one_winner(stores: Stores):
    answers = await asyncio.gather(*(stores.accept(event(data=n)) for n in range(4)))
    assert sorted(answer for [answer] in answers) == [ACCEPTED, CONFLICT, CONFLICT, CONFLICT]
    assert await stores.inbox.depth() == 1


async def test_whatever_json_can_say_comes_back_as_it_was(stores: Stores):
    odd = event(data={"nul": "\0", "big": 2**63 - 1, "small": 1e-300, "deep": [[[["ü"]]]]})
    await stores.accept(odd)
    async with stores.inbox.take(1) as batch:
        assert batch.events[0].envelope == odd


async def test_a_long_id_is_an_id(stores: Stores):
    long = event("x" * 2_000)
    assert await stores.accept(long, long) == [ACCEPTED, DUPLICATE]


async def test_taken_in_order_of_arrival_up_to_the_limit(stores: Stores):
    await stores.accept(*(event(str(n)) for n in range(5)))
    async with stores.inbox.take(3) as batch:
        assert [each.envelope.id for each in batch.events] == ["0", "1", "2"]
        positions = [each.position for each in batch.events]
    assert positions == sorted(positions)


async def test_only_the_named_positions(stores: Stores):
    await stores.accept(*(event(str(n)) for n in range(4)))
    async with stores.inbox.take(9) as batch:
        wanted = [batch.events[1].position, batch.events[3].position]
    async with stores.inbox.take(9, only=wanted) as batch:
        assert [each.envelope.id for each in batch.events] == ["1", "3"]
    async with stores.inbox.take(9, only=[]) as batch:
        assert not batch.events


async def test_two_at_once_hold_different_events_and_both_commit(stores: Stores):
    await stores.publish(definition())
    await stores.accept(*(event(str(n)) for n in range(4)))
    both_hold = asyncio.Barrier(2)

    async def router() -> set[str]:
        async with stores.inbox.take(2) as batch:
            await both_hold.wait()
            await record_batch(batch, *(fired(each) for each in batch.events))
            return {each.envelope.id for each in batch.events}

    first, second = await asyncio.gather(router(), router())
    assert len(first) == len(second) == 2
    assert first | second == {"0", "1", "2", "3"}
    assert await stores.inbox.depth() == 0
    assert await stores.run_queue.depth() == 4


async def test_what_is_held_is_passed_over_and_free_again_afterwards(stores: Stores):
    await stores.accept(event())
    async with stores.inbox.take(9) as holder, stores.inbox.take(9) as other:
        assert len(holder.events) == 1
        assert not other.events
    assert await pending_ids(stores) == ["1"]


async def test_an_exception_puts_everything_back(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event("a"), event("b"))

    async def fail() -> None:
        async with stores.inbox.take(9) as batch:
            a, b = batch.events
            decided = Decided([fired(a)])
            await batch.record([routing(a, decided)], decided, AT)
            await batch.bury(b, "broken", "it is broken", AT)
            raise BoomError

    with pytest.raises(BoomError):
        await fail()
    assert await pending_ids(stores) == ["a", "b"]
    assert await stores.run_queue.depth() == 0
    assert await stores.dead_letters.depth() == 0
    assert (await stores.reading.decisions(Query())).items == []


async def test_what_is_neither_recorded_nor_buried_stays(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event("a"), event("b"))
    async with stores.inbox.take(9) as batch:
        decided = Decided([fired(batch.events[0])])
        await batch.record([routing(batch.events[0], decided)], decided, AT)
    assert await pending_ids(stores) == ["b"]


async def test_fired_makes_a_pending_run_with_its_pinned_version(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event())
    assert await stores.route() == {"fired": 1}
    assert await stores.inbox.depth() == 0
    run = await stores.reading.run(stores.run_id(event()))
    assert (run["status"], run["version_used"], run["attempt"]) == ("pending", 1, 1)
    assert (run["trigger"], run["events"]) == ("event", [{"source": "/shop", "id": "1"}])


async def test_outcomes_are_conserved(stores: Stores):
    await stores.publish(definition(), definition("other"), definition("third"))
    await stores.accept(event("a"), event("b"))
    async with stores.inbox.take(9) as batch:
        a, b = batch.events
        decided = Decided(
            [fired(a)],
            [
                said(a, Outcome.SKIPPED, "paused", definition_id="other"),
                said(a, Outcome.FAILED, "no such key", definition_id="third"),
            ],
        )
        routings = [routing(a, decided, filtered=2), routing(b, decided)]
        counts = await batch.record(routings, decided, AT)
    assert counts == {"fired": 1, "skipped": 1, "failed": 1, "filtered": 2}
    told = await stores.reading.event("/shop", "a")
    expected = {"revision": 1, "listened": 5, "routed_at": "2026-01-01T12:00:00Z"}
    assert told["routing"] == expected | {"counts": counts}
    rows = (await stores.reading.decisions(Query())).items
    assert {(row["definition_id"], row["outcome"], row["reason"]) for row in rows} == {
        (ID, "fired", ""),
        ("other", "skipped", "paused"),
        ("third", "failed", "no such key"),
    }
    unmatched = await stores.reading.event("/shop", "b")
    assert (unmatched["state"], unmatched["decisions"]) == ("unmatched", [])


async def test_outcomes_that_do_not_add_up_are_rejected(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event())

    async def record() -> None:
        async with stores.inbox.take(9) as batch:
            [only] = batch.events
            await batch.record([Routing(only, 1, 2, 0)], Decided([fired(only)]), AT)

    with pytest.raises(RejectedError):
        await record()
    assert await pending_ids(stores) == ["1"]


async def test_a_version_that_was_never_published_is_rejected(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event())

    async def record() -> None:
        async with stores.inbox.take(9) as batch:
            [only] = batch.events
            await record_batch(batch, fired(only, version=2))

    with pytest.raises(RejectedError):
        await record()
    assert await pending_ids(stores) == ["1"]
    assert await stores.run_queue.depth() == 0


async def test_one_dedupe_key_runs_once_and_names_the_first_run(stores: Stores):
    await stores.publish(definition())
    occurrence = ids.occurrence_of_dedupe_key("order-7")
    run_id = ids.run_id(stores.tenant, ID, occurrence)
    for batch_of_events in (["a", "b"], ["c"]):
        await stores.accept(*(event(id_) for id_ in batch_of_events))
        async with stores.inbox.take(9) as batch:
            await record_batch(
                batch, *(fired(each, occurrence=occurrence) for each in batch.events)
            )
    told = [await stores.reading.event(None, id_) for id_ in ("a", "b", "c")]
    assert [row["routing"]["counts"] for row in told] == [  # type: ignore[index,call-overload]
        {"fired": 1},
        {"deduplicated": 1},
        {"deduplicated": 1},
    ]
    decisions = (await stores.reading.decisions(Query())).items
    assert {row["run_id"] for row in decisions} == {run_id}
    assert len(decisions) == 3
    assert await stores.run_queue.depth() == 1
    assert (await stores.reading.run(run_id))["events"] == [{"source": "/shop", "id": "a"}]


async def test_rival_routers_fire_an_occurrence_once(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event("a"), event("b"))
    occurrence = ids.occurrence_of_dedupe_key("order-7")
    both_hold = asyncio.Barrier(2)

    async def router() -> str:
        async with stores.inbox.take(1) as batch:
            await both_hold.wait()
            [only] = batch.events
            [outcome] = await record_batch(batch, fired(only, occurrence=occurrence))
            return outcome

    assert sorted(await asyncio.gather(router(), router())) == ["deduplicated", "fired"]
    assert await stores.run_queue.depth() == 1


async def test_buried_is_off_the_inbox_with_reason_and_bytes(stores: Stores):
    await stores.accept(event("a", data={"n": 1}), event("b"))
    async with stores.inbox.take(9) as batch:
        expected = DeadLetter.of_event(batch.events[0], "broken", "it is broken", AT)
        await batch.bury(batch.events[0], "broken", "it is broken", AT)
    assert await pending_ids(stores) == ["b"]
    letter = await stores.dead_letters.get(expected.dead_letter_id)
    assert letter == expected
    assert letter.body == event("a", data={"n": 1}).to_bytes()
    told = await stores.reading.event(None, "a")
    assert (told["state"], told["routing"]) == ("buried", None)
    assert await stores.accept(event("a", data={"n": 1})) == [DUPLICATE]


async def test_requeued_comes_last_and_may_be_buried_once_more(stores: Stores):
    await stores.accept(event("a"), event("b"))
    async with stores.inbox.take(1) as batch:
        await batch.bury(batch.events[0], "broken", "it is broken", AT)
    assert await stores.inbox.requeue(stores.key(event("a")))
    assert await pending_ids(stores) == ["b", "a"]
    async with stores.inbox.take(9) as batch:
        await batch.bury(batch.events[1], "broken", "still", AT)
    assert await stores.dead_letters.depth() == 2


async def test_nothing_to_requeue(stores: Stores):
    await stores.publish(definition())
    assert not await stores.inbox.requeue(stores.key(event("unknown")))
    await stores.accept(event("a"))
    assert not await stores.inbox.requeue(stores.key(event("a")))
    await stores.route()
    assert not await stores.inbox.requeue(stores.key(event("a")))
    assert await stores.inbox.depth() == 0
