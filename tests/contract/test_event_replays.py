"""What every store of event replays keeps."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

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
    said,
)

from activity_core.adapters.memory.event_replays import MemoryEventReplays
from activity_core.core import ids
from activity_core.core.decision import Outcome, PendingEvent
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.flow.group import Group, Settled
from activity_core.ports.event_replays import (
    Advance,
    EventReplay,
    EventReplayRequest,
    EventReplayStatus,
    Place,
    RecordedEvents,
    Stretch,
    Tally,
)
from activity_core.ports.flow import Decided

LATER = AT + timedelta(hours=1)
REQUEST = EventReplayRequest(
    replay_id="mended",
    definition_id=ID,
    since=AT,
    until=LATER,
    rate=20.0,
    actor="ann",
    reason="its filter was wrong",
)
OTHER = "other"


async def recorded(stores: Stores, *sent: EventEnvelope, at: datetime = AT) -> None:
    """Events that nobody listened to when they came."""
    if await stores.registry.revision() == 0:
        await stores.publish(definition(), definition(OTHER))
    await stores.accept(*sent, at=at)
    async with stores.inbox.take(1_000) as batch:
        await record_batch(batch)


async def page(
    stores: Stores,
    *types: str,
    after: Place | None = None,
    until: datetime = LATER,
    limit: int = 100,
) -> RecordedEvents:
    stretch = Stretch(ID, types or ("order.*",), after or Place(AT), until)
    async with stores.event_replays.open() as records:
        return await records.page(stretch, limit)


async def existing(stores: Stores) -> list[str]:
    found = await page(stores)
    return sorted(each.envelope.id for each in found.events if each.key in found.existing)


def names(found: RecordedEvents) -> list[str]:
    return [each.envelope.id for each in found.events]


def again(pending: PendingEvent, replay_id: str = "mended") -> Group:
    """An event as a replay makes a group of it."""
    [member] = fired(pending)[1].members
    key = ids.input_of_replay(replay_id, member.input_key)
    return Group((replace(member, input_key=key),))


async def write(stores: Stores, decided: Decided) -> None:
    async with stores.event_replays.open() as records:
        await records.flow.write(decided, AT)


async def test_what_was_asked_for_comes_back(stores: Stores):
    assert await stores.event_replays.request(REQUEST, AT)
    assert await stores.event_replays.progress("mended") == EventReplay(
        request=REQUEST,
        status=EventReplayStatus.RUNNING,
        place=Place(AT),
        tally=Tally(),
        requested_at=AT,
    )
    assert await stores.event_replays.due(AT) == [REQUEST]
    assert await stores.event_replays.due(AT - SECOND) == []


async def test_an_id_asks_once_and_a_definition_is_replayed_once_at_a_time(stores: Stores):
    asked = [stores.event_replays.request(REQUEST, AT) for _ in range(3)]
    assert sorted(await asyncio.gather(*asked)) == [False, False, True]
    second = replace(REQUEST, replay_id="second")
    assert not await stores.event_replays.request(second, AT)
    assert await stores.event_replays.request(
        replace(second, definition_id=OTHER, replay_id="third"), AT
    )
    await stores.event_replays.stop("mended", AT)
    assert not await stores.event_replays.request(REQUEST, AT)
    assert await stores.event_replays.request(second, AT)


async def test_unknown_ids(stores: Stores):
    for id_ in ("unknown", "\0", "\ud800"):
        with pytest.raises(NotFoundError):
            await stores.event_replays.progress(id_)
        with pytest.raises(NotFoundError):
            await stores.event_replays.stop(id_, AT)
    assert await stores.event_replays.recent("\0", 9) == []
    async with stores.event_replays.open() as records:
        assert await records.lock("unknown", AT) is None


async def test_stopping(stores: Stores):
    await stores.event_replays.request(REQUEST, AT)
    await stores.event_replays.stop("mended", LATER)
    stopped = await stores.event_replays.progress("mended")
    assert (stopped.status, stopped.finished_at) == (EventReplayStatus.STOPPED, LATER)
    await stores.event_replays.stop("mended", LATER + SECOND)
    assert await stores.event_replays.progress("mended") == stopped
    assert await stores.event_replays.due(LATER) == []
    async with stores.event_replays.open() as records:
        assert await records.lock("mended", LATER) is None


async def test_the_newest_are_listed_first(stores: Stores):
    for number, id_ in enumerate("abc"):
        request = replace(REQUEST, replay_id=id_, definition_id=OTHER if id_ == "b" else id_)
        assert await stores.event_replays.request(request, AT + number * SECOND)
    listed = await stores.event_replays.recent(None, 2)
    assert [each.request.replay_id for each in listed] == ["c", "b"]
    [one] = await stores.event_replays.recent(OTHER, 9)
    assert one.request.replay_id == "b"


async def test_progress_is_kept_with_what_follows_or_not_at_all(stores: Stores):
    await stores.event_replays.request(REQUEST, AT)
    place, tally = Place(AT + SECOND, b"k" * 32), Tally(5, 2, 3, 1)
    advance = Advance(place, tally, LATER, is_over=False)

    async def in_vain() -> None:
        async with stores.event_replays.open() as records:
            assert await records.lock("mended", AT) is not None
            await records.advance("mended", advance, AT)
            raise BoomError

    with pytest.raises(BoomError):
        await in_vain()
    assert (await stores.event_replays.progress("mended")).tally == Tally()
    async with stores.event_replays.open() as records:
        await records.lock("mended", AT)
        await records.advance("mended", advance, AT)
    found = await stores.event_replays.progress("mended")
    assert (found.place, found.tally, found.status) == (place, tally, EventReplayStatus.RUNNING)
    assert await stores.event_replays.due(AT) == []
    async with stores.event_replays.open() as records:
        assert await records.lock("mended", AT) is None
        assert await records.lock("mended", LATER) == found
        await records.advance("mended", replace(advance, is_over=True), LATER)
    over = await stores.event_replays.progress("mended")
    assert (over.status, over.finished_at) == (EventReplayStatus.COMPLETED, LATER)
    assert over.tally == tally + tally


async def test_one_has_it_at_a_time(stores: Stores):
    if isinstance(stores.event_replays, MemoryEventReplays):
        return  # its transactions come one after the other
    await stores.event_replays.request(REQUEST, AT)
    async with stores.event_replays.open() as records:
        assert await records.lock("mended", AT) is not None
        async with stores.event_replays.open() as others:
            assert await others.lock("mended", AT) is None


async def test_a_page_has_what_was_received_in_the_range_of_the_types(stores: Stores):
    await recorded(stores, event("early"), at=AT - SECOND)
    await recorded(stores, event("a"), event("refund", type_="refund.made"), at=AT)
    await recorded(stores, event("b"), event("bare", type_="order."), at=AT + SECOND)
    await recorded(stores, event("late"), at=LATER + SECOND)
    found = await page(stores)
    assert (names(found), found.is_last) == (["a", "b"], True)
    [first, _] = found.events
    assert (first.received_at, first.position) == (AT, 0)
    assert first.envelope == event("a")
    assert first.size == len(event("a").to_bytes())
    assert len((await page(stores, "refund.made", "order.created")).events) == 3
    assert sorted(names(await page(stores, "refund.made"))) == ["refund"]
    assert names(await page(stores, "refund")) == []
    assert names(await page(stores, until=AT)) == ["a"]


async def test_pages_follow_each_other_without_gap_or_repetition(stores: Stores):
    sent = [event(str(number), type_=f"order.{number % 3}") for number in range(9)]
    await recorded(stores, *sent[:5], at=AT)
    await recorded(stores, *sent[5:], at=AT + SECOND)
    seen: list[str] = []
    place, is_last = Place(AT), False
    for _ in range(9):
        found = await page(stores, "order.0", "order.1", after=place, limit=2)
        seen, place, is_last = seen + names(found), found.end, found.is_last
        if is_last:
            break
    assert is_last
    assert sorted(seen) == sorted(each.id for each in sent if each.type != "order.2")
    assert names(await page(stores, after=place)) == []


async def test_a_page_ends_before_what_waits_for_the_router(stores: Stores):
    await recorded(stores, event("a"), at=AT)
    await stores.accept(event("waits"), at=AT + SECOND)
    await stores.accept(event("b"), at=AT + 2 * SECOND)
    async with stores.inbox.take(1_000) as batch:
        [position] = [each.position for each in batch.events if each.envelope.id == "b"]
    async with stores.inbox.take(1, only=[position]) as batch:
        await record_batch(batch)
    found = await page(stores)
    assert (names(found), found.is_last) == (["a"], False)
    found = await page(stores, after=found.end)
    assert (names(found), found.is_last) == ([], False)
    async with stores.inbox.take(1_000) as batch:
        await record_batch(batch)
    found = await page(stores, after=found.end)
    assert (names(found), found.is_last) == (["waits", "b"], True)


async def test_events_with_a_run_or_waiting_for_one_exist(stores: Stores):
    await stores.fire(event("fired"))
    await stores.publish(definition(OTHER))
    await stores.accept(*(event(id_) for id_ in ("held", "skipped", "of-other", "nobody")))
    async with stores.inbox.take(10) as batch:
        by_id = {each.envelope.id: each for each in batch.events}
        await record_batch(
            batch,
            fired(by_id["of-other"], definition_id=OTHER),
            settled=[said(by_id["held"], Outcome.HELD), said(by_id["skipped"], Outcome.SKIPPED)],
        )
    found = await page(stores)
    assert len(found.events) == 5
    assert await existing(stores) == ["fired", "held"]


async def test_what_another_replay_did_exists(stores: Stores):
    await recorded(stores, event("a"), event("b"), event("c"))
    by_id = {each.envelope.id: each for each in (await page(stores)).events}
    held = Settled(again(by_id["a"]), Outcome.HELD, "waits")
    failed = Settled(again(by_id["c"]), Outcome.FAILED, "no such key")
    run = again(by_id["b"])
    await write(stores, Decided(fired=[(ID, run)], settled=[(ID, held), (ID, failed)]))
    assert await existing(stores) == ["a", "b"]
    decided = (await stores.reading.event("/shop", "b"))["decisions"]
    assert [each["outcome"] for each in _rows(decided)] == ["fired"]


async def test_members_of_a_run_exist(stores: Stores):
    await recorded(stores, event("a"), event("b"), event("c"))
    by_id = {each.envelope.id: each for each in (await page(stores)).events}
    batch = Group(again(by_id["a"]).members + again(by_id["b"]).members)
    await write(stores, Decided(fired=[(ID, batch)]))
    assert await existing(stores) == ["a", "b"]


async def test_one_event(stores: Stores):
    await recorded(stores, event("a"), event("b"))
    async with stores.event_replays.open() as records:
        found = await records.one(ID, stores.key(event("a")))
        assert (names(found), found.existing, found.is_last) == (["a"], frozenset(), True)
        assert names(await records.one(ID, stores.key(event("none")))) == []
    [pending] = found.events
    await write(stores, Decided(fired=[(ID, again(pending))]))
    async with stores.event_replays.open() as records:
        assert (await records.one(ID, pending.key)).existing == {pending.key}
        assert (await records.one(OTHER, pending.key)).existing == frozenset()


async def test_a_publication_may_look_back(stores: Stores):
    async with stores.registry.edit("ann", lambda: AT) as edit:
        await edit.publish(definition(), 1)
        await edit.log([])
        await edit.look_back(ID, timedelta(hours=1))
        await edit.look_back(ID, timedelta(hours=2))
    [replay] = await stores.event_replays.recent(ID, 9)
    assert (replay.request.since, replay.request.until) == (AT - timedelta(hours=1), AT)
    assert (replay.request.actor, replay.requested_at) == ("ann", AT)

    async def in_vain() -> None:
        async with stores.registry.edit("ann", lambda: AT) as edit:
            await edit.log([])
            await edit.look_back(OTHER, timedelta(hours=1))
            raise BoomError

    with pytest.raises(BoomError):
        await in_vain()
    assert await stores.event_replays.recent(OTHER, 9) == []


def _rows(value: object) -> Sequence[dict[str, object]]:
    assert isinstance(value, list)
    return value
