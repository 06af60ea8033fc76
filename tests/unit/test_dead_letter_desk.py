"""The desk of dead letters: replayed like any other event, or discarded; each once."""

import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.memory_system import MemorySystem, event

from activity_core.adapters.memory.clock import START
from activity_core.adapters.memory.secrets import MemoryKeySets, MemorySecrets
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import (
    BadInputError,
    ConflictError,
    ExpressionError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
    UnverifiedError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.dead_letters import DeadLetter, DeadLetterStatus, LetterFilter
from activity_core.ports.doorbell import Topic
from activity_core.services.dead_letters import DeadLetterDesk
from activity_core.services.event_replay_range import EventReplayRange
from activity_core.services.gate import PERIOD, Gate
from activity_core.services.letter_reader import LetterReader
from activity_core.services.message_reader import MessageReader
from activity_core.services.registry import Registry
from activity_core.services.verifier import Verifier

LETTER = DeadLetter("l-1", "nats", "s", "code", "why", {}, json.dumps(event()).encode(), START)


class Scene:
    def __init__(self) -> None:
        system = self.system = MemorySystem()
        self.desk = DeadLetterDesk(
            system.dead_letters,
            LetterReader(
                MessageReader(
                    Verifier(MemorySecrets({"env:S": "sesame"}), MemoryKeySets()),
                    max_depth=64,
                    max_events=10,
                ),
                Gate(system.registry_store, system.clock, unlisted=True),
                max_depth=64,
                inbox="INBOX",
            ),
            system.ingest,
            system.inbox,
            system.doorbell,
            clock=system.clock,
            tenant="main",
            retry=self._retry,
            review=system.event_review,
        )
        self.retried: list[str] = []

    async def _retry(self, run_id: str, by: str, reason: str) -> None:
        assert by
        assert "dead letter" in reason
        self.retried.append(run_id)

    async def apply(self, text: str) -> None:
        system = self.system
        registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
        await registry.apply(parse_definitions(text, file="t"), "ann")
        system.clock.advance(PERIOD)

    async def bury(self, id_: str, **changes: Any) -> None:
        await self.system.dead_letters.bury(replace(LETTER, dead_letter_id=id_, **changes))

    async def status(self) -> tuple[DeadLetterStatus, str]:
        letter = await self.system.dead_letters.get("l-1")
        return letter.status, letter.resolved_by


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.system.dead_letters.bury(LETTER)
    return scene


async def test_replayed_once(scene: Scene):
    [event_] = (await scene.desk.replay("l-1", "ann")).events
    assert event_.id == "o-1"
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


SOURCE = """
kind: source
id: shop
kafka: {topics: [shop]}
allow: {types: [%s]}
"""


async def test_a_mended_source_lets_its_letters_in(scene: Scene):
    await scene.bury("l-2", via="kafka", source_id="shop")
    with pytest.raises(NotFoundError):
        await scene.desk.replay("l-2", "ann")
    await scene.apply(SOURCE % "refund.*")
    with pytest.raises(ForbiddenError):
        await scene.desk.replay("l-2", "ann")
    await scene.apply(SOURCE % "order.*")
    await scene.desk.replay("l-2", "ann")
    assert await scene.system.inbox.depth() == 1


async def test_a_run_that_could_not_be_started_is_retried(scene: Scene):
    await scene.bury("l-2", via="starter", run_id="run-1")
    assert (await scene.desk.replay("l-2", "ann", dry_run=True)).run_id == "run-1"
    assert scene.retried == []
    await scene.desk.replay("l-2", "ann")
    assert scene.retried == ["run-1"]


async def test_a_rehearsal_changes_nothing(scene: Scene):
    outcome = await scene.desk.replay("l-1", "ann", dry_run=True)
    assert [event_.id for event_ in outcome.events] == ["o-1"]
    for act in (scene.desk.replay_group, scene.desk.discard_group):
        report = await act(LetterFilter(code="code"), "ann", limit=10, dry_run=True)
        assert [found.dead_letter_id for found in report.outcomes] == ["l-1"]
    assert (await scene.status())[0] is DeadLetterStatus.OPEN
    assert await scene.system.inbox.depth() == 0


async def test_a_group_is_replayed_but_for_what_still_fails(scene: Scene):
    await scene.bury("l-2", body=b"{bad")
    await scene.bury("l-3", body=json.dumps(event("o-3")).encode())
    await scene.bury("l-4", code="other", body=json.dumps(event("o-4")).encode())
    report = await scene.desk.replay_group(
        LetterFilter(code="code"), "ann", limit=10, dry_run=False
    )
    failed = {found.dead_letter_id: found.error is not None for found in report.outcomes}
    assert failed == {"l-1": False, "l-2": True, "l-3": False}
    assert report.after == ""
    assert await scene.system.inbox.depth() == 2
    assert (await scene.system.dead_letters.get("l-4")).status is DeadLetterStatus.OPEN


async def test_a_large_group_goes_on_where_the_last_request_ended(scene: Scene):
    await scene.bury("l-2")
    await scene.bury("l-3")
    first = await scene.desk.discard_group(LetterFilter(), "ann", limit=2, dry_run=False)
    assert (len(first.outcomes), first.after) == (2, "l-2")
    rest = await scene.desk.discard_group(
        LetterFilter(), "ann", limit=2, after=first.after, dry_run=False
    )
    assert ([found.dead_letter_id for found in rest.outcomes], rest.after) == (["l-3"], "")


async def test_an_outage_ends_a_group(scene: Scene):
    async def away(*_: object) -> None:
        raise UnavailableError("away")

    scene.system.inbox.accept = away  # type: ignore[method-assign, assignment]
    with pytest.raises(UnavailableError):
        await scene.desk.replay_group(LetterFilter(), "ann", limit=2, dry_run=False)
    assert (await scene.status())[0] is DeadLetterStatus.OPEN


SIGNED = """
kind: source
id: shop
kafka:
  topics: [shop]
  verify:
    hmac: {secrets: ["env:S"], header: x-sig, timestamp: x-at, signed: "{timestamp}.{body}"}
"""


async def test_a_signature_that_was_good_when_the_broker_got_it_still_is(scene: Scene):
    await scene.apply(SIGNED)
    stamp = str(int(START.timestamp()))
    signature = hmac.digest(b"sesame", f"{stamp}.".encode() + LETTER.body, "sha256").hex()
    scene.system.clock.advance(timedelta(days=1))
    signed = {
        "via": "kafka",
        "source_id": "shop",
        "headers": {"X-At": stamp, "X-Sig": signature},
        "buried_at": scene.system.clock.now(),
    }
    await scene.bury("l-2", **signed, sent_at=START)
    await scene.desk.replay("l-2", "ann")
    await scene.bury("l-3", **signed, sent_at=scene.system.clock.now())
    with pytest.raises(UnverifiedError):
        await scene.desk.replay("l-3", "ann")


PICKY = """
id: picky
trigger: {event: {type: order.*, on_error: dead_letter, filter: %s}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: other
trigger: {event: {type: order.*}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""


@pytest.fixture
async def of_a_filter(scene: Scene) -> str:
    """The letter of an event on which the filter of one of two definitions failed."""
    await scene.apply(PICKY % "event.data.region == 'eu'")
    await scene.system.ingest.accept([EventEnvelope.from_json(event())], "http")
    await scene.system.work()
    [letter] = [
        letter
        for letter in scene.system.state.tables.dead_letters.values()
        if letter.definition_id == "picky"
    ]
    assert (letter.via, letter.code) == ("router", "filter_failed")
    return letter.dead_letter_id


def runs(scene: Scene) -> list[str]:
    return sorted(run.definition_id for run in scene.system.state.tables.runs.values())


async def test_an_event_is_judged_again_for_the_one_definition(scene: Scene, of_a_filter: str):
    with pytest.raises(ExpressionError, match="region"):
        await scene.desk.replay(of_a_filter, "ann")
    assert (await scene.system.dead_letters.get(of_a_filter)).status is DeadLetterStatus.OPEN
    await scene.apply(PICKY % "event.data.amount > 1")
    before = scene.system.state.tables
    await scene.desk.replay(of_a_filter, "ann", dry_run=True)
    assert scene.system.state.tables.decisions == before.decisions
    assert runs(scene) == ["other"]
    assert [each.id for each in (await scene.desk.replay(of_a_filter, "ann")).events] == ["o-1"]
    assert runs(scene) == ["other", "picky"]
    assert (await scene.system.dead_letters.get(of_a_filter)).status is DeadLetterStatus.REPLAYED
    assert await scene.system.inbox.depth() == 0


async def test_an_event_that_has_its_run_meanwhile_gets_no_other(scene: Scene, of_a_filter: str):
    await scene.apply(PICKY % "event.data.amount > 1")
    start = START - timedelta(hours=1)
    await scene.system.event_replay_desk.request(
        "r", EventReplayRange("picky", start), rate=None, actor="ann", reason=""
    )
    await scene.system.event_replayer.step()
    decisions = len(scene.system.state.tables.decisions)
    await scene.desk.replay(of_a_filter, "ann")
    assert runs(scene) == ["other", "picky"]
    assert len(scene.system.state.tables.decisions) == decisions


async def test_what_cannot_be_judged_again_stays_open(scene: Scene, of_a_filter: str):
    scene.system.state.tables.events.clear()
    with pytest.raises(NotFoundError, match="not recorded any more"):
        await scene.desk.replay(of_a_filter, "ann")
    registry = Registry(
        scene.system.registry_store, scene.system.doorbell, scene.system.clock, config={}
    )
    await registry.pause("picky", "ann")
    with pytest.raises(ConflictError, match="paused"):
        await scene.desk.replay(of_a_filter, "ann")
    assert (await scene.system.dead_letters.get(of_a_filter)).status is DeadLetterStatus.OPEN
