"""Intake: acked only when durable, buried when it can never be, and nothing blocks the rest."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.memory_system import MemorySystem, event

from activity_core.adapters.memory.broker import MemoryBroker
from activity_core.adapters.memory.reading import MemoryReading
from activity_core.adapters.memory.refusals import MemoryRefusals
from activity_core.adapters.memory.secrets import MemoryKeySets, MemorySecrets
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.errors import UnavailableError
from activity_core.ports.broker import UNREADABLE
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.inbox import Acceptance
from activity_core.ports.reading import Query
from activity_core.services.burial import Burial
from activity_core.services.gate import Gate
from activity_core.services.intake import MOST_ATTEMPTS, REDELIVER_AFTER, Intake
from activity_core.services.message_reader import MessageReader
from activity_core.services.refusal_log import RefusalLog
from activity_core.services.registry import Registry
from activity_core.services.verifier import Verifier

HORIZON = timedelta(days=1)


class Scene:
    """A broker in front of an installation."""

    def __init__(self) -> None:
        self.system = MemorySystem()
        self.broker = MemoryBroker(self.system.clock)
        self.intake = self.intake_of(None)

    def intake_of(self, source: EventSource | None, *, unlisted: bool = True) -> Intake:
        system = self.system
        return Intake(
            self.broker,
            MessageReader(
                Verifier(MemorySecrets({"env:S": "sesame"}), MemoryKeySets({})),
                max_depth=64,
                max_events=100,
            ),
            Gate(system.registry_store, system.clock, unlisted=unlisted),
            system.ingest,
            Burial(
                system.dead_letters,
                RefusalLog(MemoryRefusals(system.state), system.clock),
                system.clock,
            ),
            clock=system.clock,
            protocol=source.way if source else "nats",
            source=source,
            horizon=HORIZON,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.system.clock.advance(timedelta(seconds=seconds))

    async def consume(self) -> None:
        self.broker.close()
        await self.intake.step()

    @property
    def letters(self) -> list[DeadLetter]:
        return list(self.system.state.tables.dead_letters.values())


def source(**more: Any) -> EventSource:
    way = {"topics": ["shop"]} | more.pop("kafka", {})
    return EventSource.model_validate({"kind": "source", "id": "shop", "kafka": way} | more)


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


async def test_what_the_adapter_could_not_read_is_buried_though_it_looks_good(scene: Scene):
    scene.broker.send(raw(), headers={UNREADABLE: "a header's name is not UTF-8"})
    scene.broker.send(raw(id_="o-2"))
    await scene.consume()
    assert scene.broker.endings == ["dead: unreadable", "ack"]
    assert "a header's name is not UTF-8" in scene.letters[0].message
    assert scene.letters[0].body == raw()


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


async def test_batches_go_in_one_after_the_other_while_the_next_is_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("activity_core.services.intake.BATCH", 2)
    scene.intake = scene.intake_of(None)
    inbox, accept = scene.system.inbox, scene.system.inbox.accept
    under_way: list[str] = []
    seen: list[str] = []

    async def slowly(arrivals: Sequence[Any], at: Any) -> list[Acceptance]:
        under_way.append("one")
        assert len(under_way) == 1
        for _ in range(20):
            await asyncio.sleep(0)
        seen.extend(arrival.envelope.id for arrival in arrivals)
        handed_out = sum(message.handed_out for message in scene.broker._messages)
        assert handed_out == min(len(seen) + 2, 6)
        under_way.clear()
        return await accept(arrivals, at)

    inbox.accept = slowly  # type: ignore[method-assign]
    for number in range(6):
        scene.broker.send(raw(id_=f"o-{number}"))
    await scene.consume()
    assert seen == [f"o-{number}" for number in range(6)]
    assert scene.broker.endings == ["ack"] * 6


async def test_what_was_read_ahead_is_given_back_with_what_could_not_be_stored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("activity_core.services.intake.BATCH", 1)
    scene.intake = scene.intake_of(None)
    inbox = scene.system.inbox

    async def away(*_: object) -> list[Acceptance]:
        await asyncio.sleep(0)
        raise UnavailableError("away")

    inbox.accept = away  # type: ignore[method-assign, assignment]
    for number in range(3):
        scene.broker.send(raw(id_=f"o-{number}"))
    with pytest.raises(UnavailableError):
        await scene.intake.step()
    scene.system.clock.advance(REDELIVER_AFTER)
    assert len(scene.broker._due()) == 3
    assert scene.broker.endings == [""] * 3


async def test_a_lost_broker_ends_the_step(scene: Scene):
    scene.broker.interrupt(UnavailableError("gone"))
    with pytest.raises(UnavailableError):
        await scene.intake.step()


async def test_a_sender_that_no_source_lists_is_buried_where_that_is_not_allowed(scene: Scene):
    scene.intake = scene.intake_of(None, unlisted=False)
    scene.broker.send(raw())
    await scene.consume()
    assert scene.broker.endings == ["dead: forbidden"]
    assert await scene.system.inbox.depth() == 0


async def test_a_source_sends_only_what_it_may(scene: Scene):
    scene.intake = scene.intake_of(source(allow={"types": ["order.*"]}))
    scene.broker.send(raw())
    scene.broker.send(raw(id_="o-2", type="refund.asked"))
    await scene.consume()
    assert scene.broker.endings == ["ack", "dead: forbidden"]
    [letter] = scene.letters
    assert (letter.source_id, letter.via) == ("shop", "kafka")
    [refused] = (await MemoryReading(scene.system.state).refusals(Query({"event_id": "o-2"}))).items
    assert refused["dead_letter_id"] == letter.dead_letter_id


async def test_what_does_not_prove_its_source_is_buried(scene: Scene):
    scene.intake = scene.intake_of(source(kafka={"verify": {"bearer": {"secrets": ["env:S"]}}}))
    scene.broker.send(raw(), headers={"Authorization": "Bearer sesame"})
    scene.broker.send(raw(id_="o-2"), headers={"Authorization": "Bearer guessed"})
    scene.broker.send(raw(id_="o-3"))
    await scene.consume()
    assert scene.broker.endings == ["ack", "dead: unverified", "dead: unverified"]


async def test_plain_json_is_mapped_and_one_message_may_be_several_events(scene: Scene):
    each = {"each": "body.orders", "id": "item.no", "type": "'order.placed'"}
    scene.intake = scene.intake_of(source(kafka={"map": each}))
    scene.broker.send(json.dumps({"orders": [{"no": "1"}, {"no": "2"}]}).encode())
    scene.broker.send(b'{"orders": 7}')
    await scene.consume()
    scene.broker.send(b'{"orders": []}')
    await scene.consume()
    assert scene.broker.endings == ["ack", "dead: mapping_failed", "ack"]
    assert await scene.system.inbox.depth() == 2


async def test_a_rate_makes_the_broker_wait(scene: Scene):
    scene.intake = scene.intake_of(source(rate={"per_second": 1, "burst": 1}))
    await apply(scene, source(rate={"per_second": 1, "burst": 1}))
    begun = scene.system.clock.now()
    for number in range(4):
        scene.broker.send(raw(id_=f"o-{number}"))
    await scene.consume()
    assert scene.broker.endings == ["ack"] * 4
    assert scene.system.clock.now() - begun >= timedelta(seconds=3)


async def test_poison_is_tried_again_then_buried_and_harms_no_other(scene: Scene):
    inbox, accept = scene.system.inbox, scene.system.inbox.accept

    async def poisoned(arrivals: Sequence[Any], at: Any) -> list[Acceptance]:
        if any(arrival.envelope.id == "bad" for arrival in arrivals):
            raise ValueError("surprise")
        return await accept(arrivals, at)

    inbox.accept = poisoned  # type: ignore[method-assign]
    for id_ in ("o-1", "bad", "o-2"):
        scene.broker.send(raw(id_=id_))
    for _ in range(MOST_ATTEMPTS):
        await scene.consume()
        scene.system.clock.advance(REDELIVER_AFTER)
    assert scene.broker.endings == ["ack", "dead: poison", "ack"]
    [letter] = scene.letters
    assert f"{MOST_ATTEMPTS} times" in letter.message
    assert "surprise" in letter.message


async def apply(scene: Scene, *sources: EventSource) -> None:
    """Put sources into the registry."""
    system = scene.system
    registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
    await registry.apply(Bundle(sources=sources), "ann")
