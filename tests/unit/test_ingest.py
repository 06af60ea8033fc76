"""Ingest: durable before it is answered, and the router is woken for what is new."""

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.core.errors import UnavailableError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.doorbell import Topic
from activity_core.ports.inbox import Acceptance
from activity_core.services.ingest import Ingest

ACCEPTED, DUPLICATE, CONFLICT = Acceptance.ACCEPTED, Acceptance.DUPLICATE, Acceptance.CONFLICT


def event(id_: str, data: object = None) -> EventEnvelope:
    return EventEnvelope(id=id_, source="/shop", type="order.created", data=data)  # type: ignore[arg-type]


async def test_one_answer_each_in_order():
    system = MemorySystem()
    events = [event("1"), event("2"), event("1"), event("2", 5)]
    answers = await system.ingest.accept(events, "http")
    assert answers == [ACCEPTED, ACCEPTED, DUPLICATE, CONFLICT]
    assert await system.inbox.depth() == 2
    assert system.doorbell.rings[Topic.ROUTER] == 1


async def test_nobody_is_woken_for_what_is_known():
    system = MemorySystem()
    await system.ingest.accept([event("1")], "http")
    assert await system.ingest.accept([event("1")], "nats") == [DUPLICATE]
    assert system.doorbell.rings[Topic.ROUTER] == 1


async def test_an_outage_is_the_callers_to_know():
    system = MemorySystem()

    class Away:
        async def accept(self, *_: object) -> list[Acceptance]:
            raise UnavailableError("away")

    ingest = Ingest(Away(), system.doorbell, system.clock, tenant="main")  # type: ignore[arg-type]
    with pytest.raises(UnavailableError):
        await ingest.accept([event("1")], "http")
    assert not system.doorbell.rings
