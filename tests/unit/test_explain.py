"""Explain: a verdict of everybody who listened, by the registry of that time."""

from typing import Any

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.adapters.memory.reading import MemoryReading
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.services.explain import Explain
from activity_core.services.registry import Registry

DEFINITIONS = """
id: fires
trigger: {event: {type: a.b}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: filters
trigger: {event: {type: a.b, filter: event.data.n > 1}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: errs
trigger: {event: {type: a.b, filter: event.data.missing > 1}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""


class Scene:
    def __init__(self) -> None:
        system = self.system = MemorySystem()
        self.registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
        self.explain = Explain(MemoryReading(system.state), system.registry_store)

    async def send(self) -> None:
        envelope = EventEnvelope(id="1", source="/s", type="a.b", data={"n": 1})
        await self.system.ingest.accept([envelope], "http")

    async def explained(self) -> dict[str, Any]:
        return dict(await self.explain.event("/s", "1"))

    async def verdicts(self) -> dict[str, tuple[str, str]]:
        found = (await self.explained())["verdicts"]
        return {item["definition_id"]: (item["outcome"], item["reason"]) for item in found}


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.registry.apply(parse_definitions(DEFINITIONS, file="t"), "ann")
    await scene.send()
    return scene


async def test_before_it_is_routed_there_is_no_verdict(scene: Scene):
    assert await scene.verdicts() == {}


async def test_fired_filtered_and_a_filter_that_errs(scene: Scene):
    await scene.system.work()
    verdicts = await scene.verdicts()
    assert verdicts["fires"] == ("fired", "")
    assert verdicts["filters"] == ("filtered", "the filter says no")
    assert verdicts["errs"][0] == "filtered"
    assert verdicts["errs"][1].startswith("filter: ")
    [run] = (await scene.explained())["runs"]
    assert run["definition_id"] == "fires"


async def test_a_later_registry_changes_nothing(scene: Scene):
    await scene.system.work()
    before = await scene.verdicts()
    text = DEFINITIONS.replace("n > 1", "n > 0")
    await scene.registry.apply(parse_definitions(text, file="t"), "ann")
    await scene.registry.retire("errs", "ann")
    assert await scene.verdicts() == before


async def test_what_is_not_there(scene: Scene):
    with pytest.raises(NotFoundError):
        await scene.explain.event(None, "none")
    with pytest.raises(NotFoundError):
        await scene.explain.run("none")
