"""Lineage: from a task back to the first cause, over events of our own."""

from typing import Any

import pytest
from tests.unit.memory_system import YAML, MemorySystem

from activity_core.adapters.memory.reading import MemoryReading
from activity_core.api.shapes.explanations import Lineage, RunExplained, TaskExplained
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import parse_json
from activity_core.services import lineage
from activity_core.services.explain import Explain

CHAIN = """
id: first
trigger: {event: {type: order.created}, manual: {}}
rules: [{id: tell, tasks: [{id: on, emit: {type: order.seen, subject: o-1, data: {n: 1}}}]}]
---
id: second
trigger: {event: {type: order.seen}}
rules: [{id: ask, tasks: [{id: look, human: {title: Look}}]}]
---
id: third
trigger: {event: {type: activity-core.task.created.v1, filter: 'event.data.spec_id == "look"'}}
rules: [{id: note, tasks: [{id: note, human: {title: Note}}]}]
"""


class Scene:
    def __init__(self) -> None:
        self.system = MemorySystem()
        self.explain = Explain(MemoryReading(self.system.state), self.system.registry_store)

    async def bring_back(self) -> None:
        """As a broker route would: what went out comes in."""
        sent = list(self.system.state.tables.outbox.values())
        envelopes = [EventEnvelope.from_json(parse_json(row.body)) for row in sent]
        await self.system.ingest.accept(envelopes, "nats")
        await self.system.work()

    async def task(self, title: str) -> dict[str, Any]:
        rows = self.system.state.tables.tasks.values()
        [task_id] = [row.task.task_id for row in rows if row.task.title == title]
        return dict(await self.explain.task(task_id))


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    async with scene.system.client() as client:
        await client.put("/v1/definitions", content=CHAIN, headers=YAML)
    return scene


async def come(scene: Scene) -> None:
    event = EventEnvelope(id="o-1", source="/shop", type="order.created")
    await scene.system.ingest.accept([event], "http")
    await scene.system.work()
    await scene.bring_back()
    await scene.bring_back()


async def test_a_task_leads_back_to_the_first_event(scene: Scene):
    await come(scene)
    link: Lineage | None = TaskExplained.model_validate(await scene.task("Note")).lineage
    way = []
    while link:
        assert link.task is not None
        [cause] = link.causes
        assert cause.event is not None
        way.append((link.definition_id, link.task.spec_id, cause.event.type, cause.event.via))
        link = cause.emitted_by
    assert way == [
        ("third", "note", "activity-core.task.created.v1", "nats"),
        ("second", "look", "order.seen", "nats"),
        ("first", "on", "order.created", "http"),
    ]


async def test_each_link_says_what_was_known_and_decided(scene: Scene):
    await come(scene)
    found = await scene.task("Look")
    link = found["lineage"]
    assert link["rule"] == {"rule": "ask", "evaluated": 1, "matched": 1, "tasks": 1}
    assert link["version_used"] == 1
    assert len(link["context_hash"]) == 64
    [cause] = link["causes"]
    assert [each["outcome"] for each in cause["decisions"]] == ["fired"]
    assert cause["event"]["causation_depth"] == 1
    assert cause["emitted_by"]["causes"][0]["name"] == "/shop o-1"


async def test_an_event_about_a_run_has_no_task(scene: Scene):
    about_runs = """
id: fourth
trigger: {event: {type: activity-core.run.completed.v1, filter: 'event.data.definition_id == "first"'}}
rules: [{id: r, tasks: [{id: t, human: {title: Run over}}]}]
"""  # noqa: E501 - as teams write it
    async with scene.system.client() as client:
        await client.put("/v1/definitions", content=about_runs, headers=YAML)
    await come(scene)
    emitter = (await scene.task("Run over"))["lineage"]["causes"][0]["emitted_by"]
    assert (emitter["definition_id"], emitter["task"], emitter["rule"]) == ("first", None, None)


async def test_a_request_is_a_first_cause(scene: Scene):
    async with scene.system.client() as client:
        answer = await client.post("/v1/definitions/first/trigger", json={"request_id": "r-1"})
        run_id = answer.json()["run_id"]
        await scene.system.work()
        explained = RunExplained.model_validate(
            (await client.get(f"/v1/runs/{run_id}/explain")).json()
        )
        [cause] = explained.lineage.causes
        assert (cause.kind, cause.name, cause.event) == ("request", "r-1", None)
        missing = await client.get("/v1/tasks/none/explain")
        assert missing.status_code == 404
    with pytest.raises(NotFoundError):
        await scene.explain.task("none")


async def test_what_is_forgotten_ends_the_way(scene: Scene):
    await come(scene)
    tables = scene.system.state.tables
    task = next(row.task for row in tables.tasks.values() if row.task.title == "Note")
    run = await MemoryReading(scene.system.state).run(task.run_id)

    class Forgetful(MemoryReading):
        async def event(self, source: str | None, event_id: str) -> Any:
            raise NotFoundError("no such event", subject=f"event {source} {event_id}")

    link = await lineage.Lineage(Forgetful(scene.system.state)).of(run)
    [cause] = link["causes"]
    assert cause["event"].keys() == {"source", "id"}
    assert cause["emitted_by"] is None


async def test_the_way_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    await come(scene)
    task = await scene.task("Note")
    reading = MemoryReading(scene.system.state)
    run = await reading.run(task["run_id"])
    link = await lineage.Lineage(reading).of(run, steps=2)
    assert link["causes"][0]["emitted_by"]["causes"][0]["emitted_by"] is None
    monkeypatch.setattr(lineage, "MOST_LOOKUPS", 0)
    link = await lineage.Lineage(reading).of(run)
    assert link["causes"][0]["event"].keys() == {"source", "id"}
    monkeypatch.setattr(lineage, "MOST_EVENTS", 0)
    assert (await lineage.Lineage(reading).of(run))["more_causes"] == 1
