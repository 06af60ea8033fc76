"""The router: one final decision per listener, committed with its runs; no event blocks another."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.core.decision import Routing
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import RejectedError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import JsonValue
from activity_core.ports.doorbell import Topic
from activity_core.ports.flow import Decided
from activity_core.ports.inbox import RoutingBatch
from activity_core.services.registry import Registry
from activity_core.services.router import BATCH, MAX_CAUSATION_DEPTH, Router

DEFINITIONS = """
id: plain
trigger: {event: {type: order.*}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: picky
trigger: {event: {type: order.created, filter: event.data.amount > 100}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: once
trigger: {event: {type: order.created, dedupe_key: event.data.no}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""


class Scene:
    """Definitions are applied, events are in."""

    def __init__(self) -> None:
        self.system = MemorySystem()
        self.registry = Registry(
            self.system.registry_store, self.system.doorbell, self.system.clock, config={}
        )
        self.router = self.router_over(self.system.inbox)

    def router_over(self, inbox: Any) -> Router:
        return self.system.router(inbox)

    async def apply(self, text: str = DEFINITIONS) -> None:
        await self.registry.apply(parse_definitions(text, file="t"), "ann")

    async def accept(self, *ids: str, **more: Any) -> None:
        data: JsonValue = {"amount": 5, "no": 1}
        await self.system.ingest.accept(
            [
                EventEnvelope(id=id_, source="/s", type="order.created", data=data, **more)
                for id_ in ids
            ],
            "http",
        )

    def outcomes(self) -> dict[str, str]:
        rows = self.system.state.tables.decisions.values()
        return {row.definition_id: str(row.outcome) for row in rows}


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.apply()
    return scene


async def test_decisions_runs_and_the_routing_row(scene: Scene):
    await scene.accept("1")
    assert await scene.router.step() is False
    assert scene.outcomes() == {"plain": "fired", "once": "fired"}
    [routing] = scene.system.state.tables.routings.values()
    assert (routing.listened, dict(routing.counts)) == (3, {"fired": 2, "filtered": 1})
    runs = scene.system.state.tables.runs.values()
    assert {(run.definition_id, run.version) for run in runs} == {("plain", 1), ("once", 1)}
    assert scene.system.doorbell.rings[Topic.STARTER] == 1
    assert await scene.system.inbox.depth() == 0


async def test_the_same_dedupe_key_is_one_run(scene: Scene):
    await scene.accept("1", "2")
    await scene.router.step()
    counts = [dict(row.counts) for row in scene.system.state.tables.routings.values()]
    assert counts == [
        {"fired": 2, "filtered": 1},
        {"fired": 1, "deduplicated": 1, "filtered": 1},
    ]


async def test_what_is_paused_or_retired_or_new(scene: Scene):
    await scene.registry.pause("plain", "bob", "holidays")
    await scene.registry.retire("once", "bob")
    await scene.accept("1")
    await scene.router.step()
    assert scene.outcomes() == {"plain": "skipped"}
    [decision] = scene.system.state.tables.decisions.values()
    assert decision.reason == "paused by bob: holidays"

    await scene.registry.resume("plain", "bob")
    await scene.apply(DEFINITIONS.replace("title: T", "title: Other"))
    await scene.accept("2")
    await scene.router.step()
    versions = {run.definition_id: run.version for run in scene.system.state.tables.runs.values()}
    assert versions == {"plain": 2, "once": 2}


async def test_a_key_that_cannot_be_made_fails_for_that_definition_alone(scene: Scene):
    envelope = EventEnvelope(id="1", source="/s", type="order.created", data={"amount": 500})
    await scene.system.ingest.accept([envelope], "http")
    await scene.router.step()
    assert scene.outcomes() == {"plain": "fired", "picky": "fired", "once": "failed"}


async def test_a_full_batch_means_that_there_may_be_more(scene: Scene):
    await scene.accept(*(str(number) for number in range(BATCH + 1)))
    assert await scene.router.step() is True
    assert await scene.router.step() is False
    assert await scene.system.inbox.depth() == 0


async def test_a_loop_of_our_own_events_is_buried(scene: Scene):
    deep = {"causationdepth": MAX_CAUSATION_DEPTH + 1}
    await scene.accept("deep", extensions=deep)
    await scene.accept("fine", extensions={"causationdepth": MAX_CAUSATION_DEPTH})
    await scene.router.step()
    [letter] = scene.system.state.tables.dead_letters.values()
    assert letter.code == "causation_too_deep"
    assert EventEnvelope.from_json(json.loads(letter.body)).id == "deep"
    assert len(scene.system.state.tables.routings) == 1


async def test_an_event_that_cannot_be_read_any_more_is_buried(scene: Scene):
    await scene.accept("old", "new")
    events = scene.system.state.tables.events
    [key] = [key for key, row in events.items() if row.envelope.id == "old"]
    lax = replace(events[key].envelope, subject="no\ncontrols")
    events[key] = replace(events[key], envelope=lax)
    await scene.router.step()
    [letter] = scene.system.state.tables.dead_letters.values()
    assert (letter.code, letter.subject) == ("event_invalid", "order.created")
    assert letter.body == lax.to_bytes()
    assert len(scene.system.state.tables.routings) == 1
    assert await scene.system.inbox.depth() == 0


class Refusing:
    """A batch of a store that can never keep some events."""

    def __init__(self, batch: RoutingBatch, refused: set[str]) -> None:
        self._batch = batch
        self._refused = refused
        self.events = batch.events
        self.flow = batch.flow
        self.bury = batch.bury

    async def record(
        self, routings: Sequence[Routing], decided: Decided, at: datetime
    ) -> Mapping[str, int]:
        if any(routing.event.envelope.id in self._refused for routing in routings):
            raise RejectedError("no room for that")
        return await self._batch.record(routings, decided, at)


class RefusingInbox:
    def __init__(self, inbox: Any, refused: set[str]) -> None:
        self._inbox = inbox
        self._refused = refused

    def take(
        self, limit: int, *, only: Sequence[int] | None = None, alone: bool = False
    ) -> AbstractAsyncContextManager[Refusing]:
        @asynccontextmanager
        async def taking() -> Any:
            async with self._inbox.take(limit, only=only, alone=alone) as batch:
                yield Refusing(batch, self._refused)

        return taking()


async def test_one_that_the_store_refuses_is_found_and_buried(scene: Scene):
    await scene.accept(*(str(number) for number in range(9)))
    router = scene.router_over(RefusingInbox(scene.system.inbox, {"3", "7"}))
    while await router.step():
        pass
    letters = scene.system.state.tables.dead_letters.values()
    assert {letter.code for letter in letters} == {"store_rejected"}
    assert len(letters) == 2
    assert len(scene.system.state.tables.routings) == 7
    assert await scene.system.inbox.depth() == 0
