"""Negative controls of the counting: an intake with a mistake in it, or rows with damage."""

from collections.abc import AsyncIterator, Sequence

import pytest
from tests.api import eventually
from tests.faults.broker_feeds import Feed, all_arrived, feeds, miscounted
from tests.faults.broker_intake import intake_inside
from tests.faults.broker_lines import Line
from tests.faults.installation import Installation

from activity_core.bootstrap.system import System
from activity_core.core.definition.event_source import EventSource
from activity_core.core.errors import UnavailableError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.broker import Consumer, Delivery
from activity_core.ports.inbox import Acceptance
from activity_core.services.ingest import Ingest

pytestmark = pytest.mark.usefixtures("no_intake")

NUMBER = 100


class Interrupted(Ingest):
    """Does not answer the first time that it is asked for each way in."""

    failed: dict[str, set[str]]
    seen: int

    @classmethod
    def of(cls, system: System) -> "Interrupted":
        tenant = system.settings.tenant
        ingest = cls(system.stores.inbox, system.doorbell, system.clock, tenant=tenant)
        ingest.failed, ingest.seen = {}, 0
        return ingest

    async def accept(self, envelopes: Sequence[EventEnvelope], via: str) -> Sequence[Acceptance]:
        self.seen += len(envelopes)
        if via not in self.failed:
            self.failed[via] = {envelope.id for envelope in envelopes}
            raise UnavailableError("interrupted")
        return await super().accept(envelopes, via)


class AckingFirst:
    """A consumer whose messages are acknowledged before anybody has looked at them."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def deliveries(self, batch: int) -> AsyncIterator[Sequence[Delivery]]:
        async for deliveries in self._consumer.deliveries(batch):
            for delivery in deliveries:
                await delivery.ack()
            yield deliveries


async def test_an_intake_that_acks_before_the_insert_loses_and_that_is_noticed(
    running: Installation, lines: Sequence[Line]
) -> None:
    interrupted: Interrupted | None = None

    def break_it(system: System) -> None:
        nonlocal interrupted
        system.ingest = interrupted = Interrupted.of(system)
        honest = system.brokers.consumer

        def consumer(source: EventSource | None) -> Consumer:
            return AckingFirst(honest(source))

        system.brokers.consumer = consumer  # type: ignore[method-assign]

    async with feeds(running, lines, "acks-first") as found:
        async with intake_inside(running, lines, break_it):
            for feed in found:
                await feed.send_numbers(range(NUMBER))

            async def all_seen() -> bool:
                return interrupted is not None and interrupted.seen == NUMBER * len(found)

            await eventually(all_seen, "the intake has seen everything")
            await running.settled()
        assert interrupted is not None
        async with running.connection() as connection:
            for feed in found:
                lost = sorted(interrupted.failed[feed.line.kind])
                assert await miscounted(connection, feed) == sorted(
                    f"{feed.name}: lost: {id_}" for id_ in lost
                )
                assert lost


async def test_an_intake_that_acks_after_the_insert_loses_nothing_by_that(
    running: Installation, lines: Sequence[Line]
) -> None:
    def interrupt(system: System) -> None:
        system.ingest = Interrupted.of(system)

    async with feeds(running, lines, "acks-last") as found:
        async with intake_inside(running, lines, interrupt):
            for feed in found:
                await feed.send_numbers(range(NUMBER))
            await all_arrived(running, found)
        async with running.connection() as connection:
            assert [await miscounted(connection, feed) for feed in found] == [[] for _ in found]


DAMAGE = {
    "stored 2 times: 0": """
        insert into events (tenant, received_at, event_key, source, event_id, type, via, body)
        select tenant, received_at + interval '1 microsecond', event_key, source, event_id, type,
            via, body
        from events where source = %s and event_id = '0'""",
    "not routed once: 0": """
        delete from routings where event_key in (
            select event_key from events where source = %s and event_id = '0')""",
    "never sent: 0-again": """
        insert into events (tenant, received_at, event_key, source, event_id, type, via, body)
        select tenant, received_at, sha256('again'), source, '0-again', type, via, body
        from events where source = %s and event_id = '0'""",
    "lost: 0": "delete from events where source = %s and event_id = '0'",
}


@pytest.fixture(scope="module")
async def fed(running: Installation, lines: Sequence[Line], no_intake: None) -> AsyncIterator[Feed]:
    """A feed of three events, all there."""
    async with feeds(running, lines[:1], "damaged") as [feed]:
        async with intake_inside(running, lines):
            await feed.send_numbers(range(3))
            await all_arrived(running, [feed])
        yield feed


@pytest.mark.parametrize("what", DAMAGE)
async def test_damage_is_noticed(running: Installation, fed: Feed, what: str) -> None:
    async with running.connection() as connection:
        await connection.set_autocommit(False)
        await connection.execute("set local session_replication_role = replica")
        assert await miscounted(connection, fed) == []
        await connection.execute(DAMAGE[what].encode(), [fed.source])
        assert f"{fed.name}: {what}" in await miscounted(connection, fed)
        await connection.rollback()
