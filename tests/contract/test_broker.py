"""What every broker keeps: deliveries in, publishing out.

Another adapter joins with a module `broker_<name>` (see `broker_bench`) and a fixture for the
address of its server.
"""

import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest
from tests.contract.broker_bench import Bench

from activity_core.adapters.memory.broker import MemoryBroker
from activity_core.adapters.memory.clock import ManualClock
from activity_core.core.errors import UnavailableError
from activity_core.ports.broker import Consumer, Delivery

SOON = timedelta(milliseconds=100)
MUCH_LATER = timedelta(hours=1)

SERVERS = {"memory": "", "nats": "nats_url", "kafka": "kafka_address", "rabbitmq": "rabbitmq_url"}
"""Broker → the fixture that has its server."""


@pytest.fixture(params=SERVERS)
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Name and address of a broker; outside of any loop, as fixtures of servers need it."""
    fixture = SERVERS[request.param]
    return request.param, request.getfixturevalue(fixture) if fixture else ""


@pytest.fixture
async def bench(place: tuple[str, str]) -> AsyncIterator[Bench]:
    broker, address = place
    module = importlib.import_module(f"tests.contract.broker_{broker}")
    async with module.bench(address) as made:
        yield made


class Reading:
    """The batches of a consumer, taken message by message."""

    def __init__(self, batches: AsyncIterator[Sequence[Delivery]], batch: int) -> None:
        self._batches = batches
        self._batch = batch
        self._left: list[Delivery] = []

    async def take(self, count: int) -> list[Delivery]:
        """The next so many deliveries, not settled."""
        while len(self._left) < count:
            deliveries = await anext(self._batches)
            assert 1 <= len(deliveries) <= self._batch
            self._left.extend(deliveries)
        taken, self._left = self._left[:count], self._left[count:]
        return taken


@asynccontextmanager
async def reading(consumer: Consumer, batch: int = 10) -> AsyncIterator[Reading]:
    async with aclosing(consumer.deliveries(batch)) as batches:  # type: ignore[type-var]
        yield Reading(batches, batch)


async def test_messages_come_as_they_were_sent_and_in_order(bench: Bench):
    for n in range(5):
        await bench.send(b"\x00\xff%d" % n, {"content-type": "application/json", "n": str(n)})
    async with reading(bench.consumer, batch=2) as stream:
        taken = await stream.take(5)
    assert [delivery.body for delivery in taken] == [b"\x00\xff%d" % n for n in range(5)]
    assert [delivery.headers["n"] for delivery in taken] == list("01234")
    assert {delivery.headers["content-type"] for delivery in taken} == {"application/json"}
    assert len({delivery.position for delivery in taken}) == 5
    assert [delivery.attempt for delivery in taken] == [1] * 5
    assert all(delivery.published_at.tzinfo for delivery in taken)
    assert all(delivery.subject for delivery in taken)


async def test_a_message_may_be_empty_and_have_no_headers(bench: Bench):
    await bench.send(b"", {})
    async with reading(bench.consumer) as stream:
        [delivery] = await stream.take(1)
    assert delivery.body == b""


async def test_what_is_settled_never_comes_again(bench: Bench):
    for body in (b"a", b"b", b"c"):
        await bench.send(body, {})
    async with reading(bench.consumer) as stream:
        acked, dead, retried = await stream.take(3)
        await acked.ack()
        await dead.dead("event_invalid")
        await retried.retry(SOON)
        await bench.pass_time(SOON)
        [again] = await stream.take(1)
        assert (again.body, again.position) == (b"c", retried.position)
        await again.ack()
        await bench.send(b"d", {})
        [last] = await stream.take(1)
        assert last.body == b"d"
        await last.ack()
    async with reading(await bench.successor()) as stream:
        await bench.send(b"e", {})
        [first] = await stream.take(1)
        assert first.body == b"e"


async def test_attempts_are_counted_for_each_message_alone(bench: Bench):
    for body in (b"a", b"b"):
        await bench.send(body, {})
    async with reading(bench.consumer) as stream:
        failing, other = await stream.take(2)
        for attempt in (2, 3):
            await failing.retry(SOON)
            await bench.pass_time(SOON)
            [failing] = await stream.take(1)
            assert (failing.body, failing.attempt) == (b"a", attempt)
        await other.retry(SOON)
        await bench.pass_time(SOON)
        [other] = await stream.take(1)
        assert (other.body, other.attempt) == (b"b", 2)


async def test_what_is_tried_again_later_holds_nothing_up(bench: Bench):
    """Poison, too, is only tried again until somebody buries it."""
    for body in (b"poison", b"a", b"b"):
        await bench.send(body, {})
    async with reading(bench.consumer, batch=1) as stream:
        [poison] = await stream.take(1)
        await poison.retry(MUCH_LATER)
        for expected in (b"a", b"b"):
            [delivery] = await stream.take(1)
            assert (delivery.body, delivery.attempt) == (expected, 1)
            await delivery.ack()


async def test_what_is_not_settled_holds_nothing_up(bench: Bench):
    for n in range(4):
        await bench.send(b"%d" % n, {})
    async with reading(bench.consumer, batch=1) as stream:
        first, second, third, fourth = await stream.take(4)
        assert [each.body for each in (first, second, third, fourth)] == [b"0", b"1", b"2", b"3"]
        for delivery in (third, first, fourth, second):
            await delivery.ack()
        await bench.send(b"4", {})
        [fifth] = await stream.take(1)
        assert fifth.body == b"4"


async def test_retrying_what_is_settled_changes_nothing(bench: Bench):
    await bench.send(b"a", {})
    async with reading(bench.consumer) as stream:
        [delivery] = await stream.take(1)
        await delivery.ack()
        await delivery.retry(timedelta())
        await bench.send(b"b", {})
        [after] = await stream.take(1)
        assert after.body == b"b"


async def test_what_a_dead_consumer_left_comes_to_the_next(bench: Bench):
    for body in (b"a", b"b", b"c", b"d"):
        await bench.send(body, {})
    async with reading(bench.consumer) as stream:
        lost = await stream.take(4)
        await lost[0].ack()
        await lost[1].dead("event_invalid")
    async with reading(await bench.successor()) as stream:
        left = await stream.take(2)
        assert [each.body for each in left] == [b"c", b"d"]
        assert [each.position for each in left] == [each.position for each in lost[2:]]
        for each in left:
            await each.ack()
        await bench.send(b"e", {})
        [after] = await stream.take(1)
        assert (after.body, after.attempt) == (b"e", 1)


async def test_what_was_settled_before_its_turn_hides_nothing_from_the_next(bench: Bench):
    """What was settled behind an unsettled message may come again: at least once is the promise."""
    for body in (b"a", b"b", b"c"):
        await bench.send(body, {})
    async with reading(bench.consumer) as stream:
        lost = await stream.take(3)
        await lost[1].ack()
    async with reading(await bench.successor()) as stream:
        seen: list[bytes] = []
        while not {b"a", b"c"} <= set(seen):
            [delivery] = await stream.take(1)
            seen.append(delivery.body)
        assert seen in ([b"a", b"c"], [b"a", b"b", b"c"])


async def test_publishing_stores_each_event(bench: Bench):
    await bench.publisher.publish("e1", "shop.paid", b"1", key="run 1")
    await bench.publisher.publish("e2", "shop.sent", b"\x00\xff", key="run 1")
    found = await bench.published()
    assert [(event.event_id, event.event_type, event.body) for event in found] == [
        ("e1", "shop.paid", b"1"),
        ("e2", "shop.sent", b"\x00\xff"),
    ]
    assert {event.key for event in found} <= {"run 1", ""}


async def test_an_event_that_is_published_again_is_the_same(bench: Bench):
    for _ in range(3):
        await bench.publisher.publish("e1", "shop.paid", b"1", key="k")
    found = await bench.published()
    assert {(event.event_id, event.body) for event in found} == {("e1", b"1")}
    assert len(found) == (1 if bench.dedupes else 3)


async def test_the_events_of_a_key_stay_in_order(bench: Bench):
    keys = [f"run {n}" for n in range(5)]
    for n in range(10):
        for key in keys:
            await bench.publisher.publish(f"{key}: {n}", "shop.paid", b"", key=key)
    found = [event.event_id for event in await bench.published()]
    for key in keys:
        of_key = [event_id for event_id in found if event_id.startswith(f"{key}: ")]
        assert of_key == [f"{key}: {n}" for n in range(10)]


async def test_a_broker_that_does_not_answer_is_unavailable(bench: Bench):
    consumer, publisher = bench.unreachable
    with pytest.raises(UnavailableError):
        await publisher.publish("e1", "shop.paid", b"1", key="k")
    async with reading(consumer) as stream:
        with pytest.raises(UnavailableError):
            await stream.take(1)


async def test_the_twin_fails_on_demand():
    broker = MemoryBroker(ManualClock())
    broker.failures.before(UnavailableError("away"))
    broker.failures.after(UnavailableError("answer lost"))
    for stored in (0, 1):
        with pytest.raises(UnavailableError):
            await broker.publish("e1", "shop.paid", b"1", key="k")
        assert len(broker.events) == stored
    await broker.publish("e1", "shop.paid", b"1", key="k")
    assert len(broker.events) == 1


async def test_the_twin_is_interrupted_redelivers_and_closes():
    broker = MemoryBroker(ManualClock())
    broker.send(b"a")
    broker.interrupt(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await anext(broker.deliveries(1))
    [lost] = await anext(broker.deliveries(1))
    broker.redeliver()
    [again] = await anext(broker.deliveries(1))
    assert again.position == lost.position
    await again.dead("event_invalid")
    broker.close()
    assert [batch async for batch in broker.deliveries(1)] == []
    assert broker.endings == ["dead: event_invalid"]
