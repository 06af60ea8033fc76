"""The desk of dead letters: replayed like any other event, or discarded; each once."""

import json
from dataclasses import replace

import pytest
from tests.unit.memory_system import MemorySystem, event

from activity_core.adapters.memory.clock import START
from activity_core.core.errors import BadInputError, ConflictError, NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import parse_json
from activity_core.ports.dead_letters import DeadLetter, DeadLetterStatus
from activity_core.ports.doorbell import Topic
from activity_core.services.dead_letters import DeadLetterDesk

LETTER = DeadLetter("l-1", "nats", "s", "code", "why", {}, json.dumps(event()).encode(), START)


class Scene:
    def __init__(self) -> None:
        system = self.system = MemorySystem()
        self.desk = DeadLetterDesk(
            system.dead_letters,
            system.ingest,
            system.inbox,
            system.doorbell,
            system.clock,
            tenant="main",
            decode=lambda letter: EventEnvelope.from_json(parse_json(letter.body)),
        )

    async def status(self) -> tuple[DeadLetterStatus, str]:
        letter = await self.system.dead_letters.get("l-1")
        return letter.status, letter.resolved_by


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.system.dead_letters.bury(LETTER)
    return scene


async def test_replayed_once(scene: Scene):
    assert (await scene.desk.replay("l-1", "ann")).id == "o-1"
    assert await scene.system.inbox.depth() == 1
    assert await scene.status() == (DeadLetterStatus.REPLAYED, "ann")
    for again in (scene.desk.replay, scene.desk.discard):
        with pytest.raises(ConflictError, match="replayed by ann"):
            await again("l-1", "bob")


async def test_discarded_without_a_trace_in_the_inbox(scene: Scene):
    await scene.desk.discard("l-1", "ann")
    assert await scene.system.inbox.depth() == 0
    assert await scene.status() == (DeadLetterStatus.DISCARDED, "ann")


async def test_what_is_still_no_event_stays_open(scene: Scene):
    await scene.system.dead_letters.bury(replace(LETTER, dead_letter_id="l-2", body=b"{bad"))
    with pytest.raises(BadInputError):
        await scene.desk.replay("l-2", "ann")
    assert (await scene.system.dead_letters.get("l-2")).status is DeadLetterStatus.OPEN


async def test_a_conflict_stays_open(scene: Scene):
    other = EventEnvelope(id="o-1", source="/shop", type="order.created", data={"amount": 1})
    await scene.system.ingest.accept([other], "http")
    with pytest.raises(ConflictError):
        await scene.desk.replay("l-1", "ann")
    assert (await scene.status())[0] is DeadLetterStatus.OPEN


async def test_an_event_that_the_router_buried_goes_back_to_its_queue(scene: Scene):
    await scene.system.ingest.accept([EventEnvelope.from_json(event())], "http")
    async with scene.system.inbox.take(1) as batch:
        [pending] = batch.events
        await batch.bury(pending, "causation_too_deep", "why", START)
    assert await scene.system.inbox.depth() == 0
    [letter] = [
        letter
        for letter in scene.system.state.tables.dead_letters.values()
        if letter.via == "router"
    ]
    rings = scene.system.doorbell.rings[Topic.ROUTER]
    await scene.desk.replay(letter.dead_letter_id, "ann")
    assert await scene.system.inbox.depth() == 1
    assert scene.system.doorbell.rings[Topic.ROUTER] == rings + 1


async def test_an_unknown_one(scene: Scene):
    for act in (scene.desk.replay, scene.desk.discard):
        with pytest.raises(NotFoundError):
            await act("none", "ann")
