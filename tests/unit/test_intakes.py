"""Intakes: one per active broker source, begun and ended as the registry says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.services.entrances import EntranceDesk
from activity_core.services.gate import Gate
from activity_core.services.intakes import Intakes
from activity_core.services.registry import Registry

INBOX = "ACTIVITY_CORE_INBOX"
ORDERS = "{kind: source, id: orders, kafka: {topics: [orders]}}"
HOOK = "{kind: source, id: hook, webhook: {verify: {bearer: {secrets: ['env:S']}}}}"
CLAIM = f"{{kind: source, id: claim, nats: {{stream: {INBOX}, subjects: [events.shop.>]}}}}"


class Scene:
    """Intakes that consume nothing but remember for whom they run."""

    def __init__(self) -> None:
        self.system = MemorySystem()
        system = self.system
        self.running: list[str] = []
        gate = Gate(system.registry_store, system.clock, unlisted=True)
        self.intakes = Intakes(gate, self._consume, inbox=INBOX)
        self.registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
        self.desk = EntranceDesk(system.registry_store, system.clock)

    async def _consume(self, source: EventSource | None) -> None:
        name = source.id if source else INBOX
        self.running.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            self.running.remove(name)

    async def apply(self, *texts: str) -> None:
        await self.registry.apply(parse_definitions("\n---\n".join(texts), file="t"), "ann")

    async def seen(self) -> list[str]:
        self.system.clock.advance(timedelta(seconds=1))
        await self.intakes.step()
        await asyncio.sleep(0)  # what was begun runs until it waits
        return sorted(self.running)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    async with scene.intakes.until_left():
        yield scene
    assert scene.running == []


async def test_sources_of_brokers_and_the_inbox_stream_are_consumed(scene: Scene):
    assert await scene.seen() == [INBOX]
    await scene.apply(ORDERS, HOOK)
    assert await scene.seen() == [INBOX, "orders"]
    assert await scene.seen() == [INBOX, "orders"]


async def test_a_paused_source_is_not_consumed_until_it_is_resumed(scene: Scene):
    await scene.apply(ORDERS)
    await scene.seen()
    await scene.desk.pause("orders", "ann", "too loud")
    assert await scene.seen() == [INBOX]
    await scene.desk.resume("orders", "ann")
    assert await scene.seen() == [INBOX, "orders"]
    await scene.apply(ORDERS.replace("id: orders", "id: orders, enabled: false"))
    assert await scene.seen() == [INBOX]


async def test_whoever_claims_the_inbox_stream_has_it_alone(scene: Scene):
    await scene.apply(CLAIM)
    assert await scene.seen() == ["claim"]
    await scene.desk.pause("claim", "ann")
    assert await scene.seen() == []
    await scene.desk.retire("claim", "ann")
    assert await scene.seen() == [INBOX]
