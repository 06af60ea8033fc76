"""Intake: acked only when durable, buried when it can never be, and nothing blocks the rest."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.memory_system import MemorySystem, event

from activity_core.adapters.memory.broker import MemoryBroker
from activity_core.core.errors import UnavailableError
from activity_core.core.event.binding import decode_nats
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.broker import Delivery
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.inbox import Acceptance
from activity_core.services.intake import REDELIVER_AFTER, Intake

HORIZON = timedelta(days=1)


class Scene:
    """A broker in front of an installation."""

    def __init__(self) -> None:
        self.system = MemorySystem()
        self.broker = MemoryBroker(self.system.clock)
        self.intake = Intake(
            self.broker,
            self.system.ingest,
            self.system.dead_letters,
            self.system.clock,
            via="nats",
            decode=_decode,
            horizon=HORIZON,
        )

    async def consume(self) -> None:
        self.broker.close()
        await self.intake.step()

    @property
    def letters(self) -> list[DeadLetter]:
        return list(self.system.state.tables.dead_letters.values())


def _decode(delivery: Delivery) -> EventEnvelope:
    return decode_nats(
        delivery.headers, delivery.body, subject=delivery.subject, position=delivery.position
    )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def raw(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


async def test_good_ones_are_acked_and_bad_ones_buried_with_their_bytes(scene: Scene):
    for body in (raw(), b"{bad", raw(id_="o-2"), b'{"no": "event"}'):
        scene.broker.send(body, subject="events.shop", headers={"n": "1"})
    await scene.consume()
    assert scene.broker.endings == ["ack", "dead: json_malformed", "ack", "dead: event_invalid"]
    assert await scene.system.inbox.depth() == 2
    bad = scene.letters[0]
    assert (bad.body, bad.subject, bad.via, dict(bad.headers)) == (
        b"{bad",
        "events.shop",
        "nats",
        {"n": "1"},
    )
    assert (bad.code, bad.buried_at) == ("json_malformed", scene.system.clock.now())


async def test_the_same_again_is_acked_and_another_body_is_buried(scene: Scene):
    for body in (raw(), raw(), raw(data={"amount": 1})):
        scene.broker.send(body)
    await scene.consume()
    assert scene.broker.endings == ["ack", "ack", "dead: event_conflict"]
    assert await scene.system.inbox.depth() == 1


async def test_what_is_redelivered_after_it_was_buried_is_buried_once(scene: Scene):
    scene.broker.send(b"{bad")
    await scene.consume()
    [message] = scene.broker._messages
    message.ending = ""  # the confirmation was lost
    scene.broker.redeliver()
    await scene.consume()
    assert len(scene.letters) == 1


async def test_too_old_to_tell_whether_it_came_before(scene: Scene):
    scene.broker.send(raw())
    scene.system.clock.advance(HORIZON + timedelta(seconds=1))
    scene.broker.send(raw(id_="o-2"))
    await scene.consume()
    assert scene.broker.endings == ["dead: too_old", "ack"]


async def test_nothing_is_acked_while_the_store_is_away(scene: Scene):
    inbox = scene.system.inbox
    accept = inbox.accept

    async def away(*_: object) -> list[Acceptance]:
        raise UnavailableError("away")

    inbox.accept = away  # type: ignore[method-assign, assignment]
    scene.broker.send(raw())
    scene.broker.send(b"{bad")
    scene.broker.close()
    with pytest.raises(UnavailableError):
        await scene.intake.step()
    assert scene.broker.endings == ["", "dead: json_malformed"]

    inbox.accept = accept  # type: ignore[method-assign]
    await scene.consume()
    assert scene.broker.endings[0] == ""  # it is not due yet
    scene.system.clock.advance(REDELIVER_AFTER)
    await scene.consume()
    assert scene.broker.endings == ["ack", "dead: json_malformed"]


async def test_a_lost_broker_ends_the_step(scene: Scene):
    scene.broker.interrupt(UnavailableError("gone"))
    with pytest.raises(UnavailableError):
        await scene.intake.step()
