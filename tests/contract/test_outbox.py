"""What every outbox keeps. The ledgers write it: here, the closing of runs."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.contract.stores import AT, SECOND, BoomError, Stores, announcement, event

from activity_core.core.run.announcement import Announcement
from activity_core.core.run.run import RunStatus
from activity_core.ports.outbox import OutboxRow, Setback, StuckRow


async def announce(stores: Stores, *announcements: Announcement) -> None:
    """Each key in a transaction of its own, all events of a key together."""
    keys = list(dict.fromkeys(each.key for each in announcements))
    run_ids = await stores.fire(*(event(key) for key in keys))
    for key, run_id in zip(keys, run_ids, strict=True):
        mine = [each for each in announcements if each.key == key]
        assert await stores.run_ledger.close(run_id, RunStatus.CANCELLED, None, AT, mine)


async def settle(
    stores: Stores, sent: Sequence[str] = (), failed: Sequence[str] = (), *, at=AT, wait=SECOND
) -> list[str]:
    """One relay's step; returns what it held."""
    async with stores.outbox.take(1_000, at) as batch:
        places = {row.event_id: row.position for row in batch.rows}
        await batch.settle(
            [places[each] for each in sent],
            [Setback(places[each], f"{each}: refused\0", at + wait) for each in failed],
        )
        return [row.event_id for row in batch.rows]


async def test_an_empty_outbox(stores: Stores):
    assert await stores.outgoing() == []
    assert await stores.outbox.depth() == 0
    assert list(await stores.outbox.stuck(9)) == []


async def test_rows_say_what_to_publish(stores: Stores):
    news = announcement("e1", "a")
    await announce(stores, news)
    async with stores.outbox.take(9, AT) as batch:
        [row] = batch.rows
    assert row == OutboxRow(row.position, "a", "e1", news.type, news.body, 0)


async def test_rows_of_a_key_in_the_order_they_were_committed(stores: Stores):
    await announce(stores, *(announcement(f"e{n}", "a") for n in range(20)))
    async with stores.outbox.take(1_000, AT) as batch:
        assert [row.event_id for row in batch.rows] == [f"e{n}" for n in range(20)]
        positions = [row.position for row in batch.rows]
    assert positions == sorted(positions)


async def test_one_event_id_leaves_once(stores: Stores):
    await announce(stores, announcement("e1", "a"))
    assert await settle(stores, sent=["e1"]) == ["e1"]
    await announce(stores, announcement("e1", "b"), announcement("e2", "b"))
    assert await stores.outgoing() == ["e2"]


async def test_what_was_sent_is_off_and_the_rest_stays(stores: Stores):
    await announce(stores, *(announcement(f"e{n}", "a") for n in range(3)))
    await settle(stores, sent=["e0"])
    assert await stores.outgoing() == ["e1", "e2"]
    assert await stores.outbox.depth() == 2
    await settle(stores)
    assert await stores.outbox.depth() == 2


async def test_the_limit_takes_the_first_of_a_key(stores: Stores):
    await announce(stores, *(announcement(f"e{n}", "a") for n in range(5)))
    async with stores.outbox.take(2, AT) as batch:
        assert [row.event_id for row in batch.rows] == ["e0", "e1"]


async def test_back_off_holds_back_the_key_and_no_other(stores: Stores):
    await announce(
        stores,
        announcement("a1", "a"),
        announcement("a2", "a"),
        announcement("b1", "b"),
    )
    await settle_every_key(stores, failed=["a1"])
    assert await drained(stores, at=AT) == ["b1"]
    assert await stores.outgoing(AT) == []
    assert await stores.outgoing(AT + SECOND) == ["a1", "a2"]


async def test_a_later_row_in_back_off_lets_the_earlier_ones_go(stores: Stores):
    await announce(stores, *(announcement(f"e{n}", "a") for n in range(3)))
    await settle(stores, failed=["e1"])
    assert await stores.outgoing(AT) == ["e0"]
    await settle(stores, sent=["e0"])
    assert await stores.outgoing(AT) == []
    assert await stores.outgoing(AT + SECOND) == ["e1", "e2"]


async def test_what_comes_while_a_key_is_in_back_off_waits(stores: Stores):
    await announce(stores, announcement("e1", "a"))
    await settle(stores, failed=["e1"])
    await announce_for(stores, "later", announcement("e2", "a"))
    assert await stores.outgoing(AT) == []
    assert await stores.outgoing(AT + SECOND) == ["e1", "e2"]


async def test_setbacks_are_counted_and_listed(stores: Stores):
    await announce(stores, announcement("e1", "a"), announcement("e2", "a"))
    await settle(stores, failed=["e1"])
    await settle(stores, failed=["e1"], at=AT + SECOND)
    [stuck] = await stores.outbox.stuck(9)
    told = "activity-core.task.created.v1"
    assert stuck == StuckRow(stuck.position, "a", "e1", told, 2, stuck.last_error, AT + 2 * SECOND)
    assert stuck.last_error.startswith("e1: refused")
    async with stores.outbox.take(9, AT + 2 * SECOND) as batch:
        assert [row.attempts for row in batch.rows] == [2, 0]
    await settle(stores, sent=["e1"], at=AT + 2 * SECOND)
    assert list(await stores.outbox.stuck(9)) == []


async def test_stuck_rows_are_listed_oldest_first_up_to_the_limit(stores: Stores):
    await announce(stores, *(announcement(f"e{n}", f"k{n}") for n in range(3)))
    await settle_every_key(stores, failed=["e0", "e1", "e2"])
    assert [row.event_id for row in await stores.outbox.stuck(2)] == ["e0", "e1"]


async def test_two_relays_hold_different_keys(stores: Stores):
    keys = [f"k{n}" for n in range(30)]
    await announce(stores, *(announcement(f"{key}-{n}", key) for key in keys for n in (0, 1)))
    async with stores.outbox.take(7, AT) as one, stores.outbox.take(1_000, AT) as other:
        assert one.rows
        assert not {row.key for row in one.rows} & {row.key for row in other.rows}


async def test_relays_side_by_side_send_everything_once_and_in_order(stores: Stores):
    keys = [f"k{n}" for n in range(30)]
    await announce(stores, *(announcement(f"{key}-{n}", key) for key in keys for n in range(3)))
    sent: list[str] = []

    async def relay() -> None:
        idle = 0
        while idle < 3:
            async with stores.outbox.take(10, AT) as batch:
                sent.extend(row.event_id for row in batch.rows)
                await batch.settle([row.position for row in batch.rows], [])
                idle = 0 if batch.rows else idle + 1

    await asyncio.gather(relay(), relay(), relay())
    assert await stores.outbox.depth() == 0
    assert len(sent) == len(set(sent)) == 90
    for key in keys:
        mine = [each for each in sent if each.startswith(f"{key}-")]
        assert mine == [f"{key}-{n}" for n in range(3)]


async def test_an_exception_changes_nothing(stores: Stores):
    await announce(stores, announcement("e1", "a"))

    async def fail() -> None:
        async with stores.outbox.take(9, AT) as batch:
            await batch.settle([batch.rows[0].position], [])
            raise BoomError

    with pytest.raises(BoomError):
        await fail()
    assert await stores.outgoing() == ["e1"]


async def announce_for(stores: Stores, event_id: str, *announcements: Announcement) -> None:
    """Events of a transaction of its own, whatever their keys."""
    [run_id] = await stores.fire(event(event_id))
    assert await stores.run_ledger.close(run_id, RunStatus.CANCELLED, None, AT, announcements)


async def settle_every_key(stores: Stores, failed: Sequence[str]) -> None:
    """Set rows back, in as many steps as it takes a relay to see them all."""
    left = set(failed)
    while left:
        async with stores.outbox.take(1_000, AT) as batch:
            mine = [row for row in batch.rows if row.event_id in left]
            assert mine, f"never handed out: {left}"
            left -= {row.event_id for row in mine}
            await batch.settle([], [Setback(row.position, "refused", AT + SECOND) for row in mine])


async def drained(stores: Stores, *, at) -> list[str]:
    """Everything that can be sent now, in the order it is sent."""
    sent: list[str] = []
    while True:
        async with stores.outbox.take(1_000, at) as batch:
            if not batch.rows:
                return sent
            sent += [row.event_id for row in batch.rows]
            await batch.settle([row.position for row in batch.rows], [])
