"""Explain: a verdict of everybody who listened, by the registry of that time."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.adapters.memory.reading import MemoryReading
from activity_core.core import ids
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

    async def apply(self, text: str) -> None:
        await self.registry.apply(parse_definitions(text, file="t"), "ann")

    async def send(self, type_: str = "a.b", id_: str = "1", source: str = "/s") -> None:
        envelope = EventEnvelope(id=id_, source=source, type=type_, data={"n": 1})
        await self.system.ingest.accept([envelope], "http")

    async def explained(self, id_: str = "1") -> dict[str, Any]:
        return dict(await self.explain.event(None, id_))

    async def misses(self, id_: str) -> dict[str, tuple[str, str]]:
        """By kind, the last one."""
        found = (await self.explained(id_))["nearest_misses"]
        return {item["kind"]: (item["id"], item["why"]) for item in found}

    async def verdicts(self) -> dict[str, tuple[str, str]]:
        found = (await self.explained())["verdicts"]
        return {item["definition_id"]: (item["outcome"], item["reason"]) for item in found}


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.apply(DEFINITIONS)
    await scene.send()
    return scene


async def test_before_it_is_routed_there_is_no_verdict(scene: Scene):
    assert await scene.verdicts() == {}


async def test_fired_filtered_and_a_filter_that_errs(scene: Scene):
    await scene.system.work()
    verdicts = await scene.verdicts()
    assert verdicts["fires"] == ("fired", "")
    assert verdicts["filters"] == ("filtered", "event.data.n > 1: 1 > 1 is false")
    told = "event.data.missing > 1: no such key: missing"
    assert verdicts["errs"] == ("filtered", told)
    [run] = (await scene.explained())["runs"]
    assert run["definition_id"] == "fires"


async def test_a_later_registry_changes_nothing(scene: Scene):
    await scene.system.work()
    before = await scene.verdicts()
    text = DEFINITIONS.replace("n > 1", "n > 0")
    await scene.registry.apply(parse_definitions(text, file="t"), "ann")
    await scene.registry.retire("errs", "ann")
    assert await scene.verdicts() == before


COMPOSITE = """
id: whole
trigger:
  composite:
    all_of:
      - {name: paid, type: a.b, filter: event.data.n > 5}
      - {name: sent, types: [a.b, a.c], source: /s, filter: has(event.data.x)}
    within: 1h
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""


async def test_a_composite_says_it_of_each_part(scene: Scene):
    await scene.apply(COMPOSITE)
    await scene.system.work()
    told = "paid: event.data.n > 5: 1 > 5 is false; sent: has(event.data.x) is false"
    assert (await scene.verdicts())["whole"] == ("filtered", told)
    await scene.send("a.c", "2", "/other")
    await scene.system.work()
    assert await scene.misses("2") == {
        "source": ("whole", "listens to this type, but of /s"),
        "type": ("whole", "listens to a.b: one edit away"),
    }


async def test_the_failing_clause_stands_by_itself(scene: Scene):
    await scene.system.work()
    found = (await scene.explained())["verdicts"]
    clauses = {item["definition_id"]: item.get("clause") for item in found}
    assert clauses == {
        "fires": None,
        "filters": "event.data.n > 1",
        "errs": "event.data.missing > 1",
    }


TYPE = """
kind: event_type
id: letters
type: x.letters
versions: [{}]
"""


async def test_near_misses_of_an_event_that_nobody_took(scene: Scene):
    await scene.apply(DEFINITIONS.replace("a.b", "x.letter").replace("id: f", "id: x-f"))
    await scene.apply(DEFINITIONS.replace("a.b", "x.lettre").replace("id: fires", "id: gone"))
    await scene.apply(TYPE)
    await scene.registry.retire("gone", "ann")
    await scene.registry.pause("x-fires", "ann")
    await scene.send("x.lettre", "2")
    await scene.system.work()
    assert (await scene.explained("2"))["decisions"] == []
    later = DEFINITIONS.replace("a.b", "x.lettre").replace("id: fires", "id: late")
    await scene.apply(later)
    misses = await scene.misses("2")
    assert misses["retired"] == ("gone", "would take it, but was retired")
    told = "version 1 takes it, but was published after it was routed"
    assert misses["published_later"] == ("late", told)
    found = (await scene.explained("2"))["nearest_misses"]
    typed = {item["id"]: item["why"] for item in found if item["kind"] == "type"}
    assert typed["x-fires"] == "listens to x.letter: one edit away, and is paused"
    assert misses["event_type"] == ("letters", "registers x.letters: two edits away")


async def test_nobody_misses_what_somebody_took(scene: Scene):
    await scene.apply(DEFINITIONS.replace("a.b", "a.c").replace("id: ", "id: c-"))
    await scene.system.work()
    assert await scene.misses("1") == {}


async def test_a_replay_adds_a_verdict_and_takes_none_away(scene: Scene):
    await scene.system.work()
    before = (await scene.explained())["verdicts"]
    decisions = scene.system.state.tables.decisions
    own = next(row for row in decisions.values() if row.definition_id == "fires")
    key = ids.input_of_replay("again.e.1", own.input_key)
    replayed = replace(own, input_key=key, definition_id="filters", run_id=None)
    decisions[replayed.definition_id, key] = replayed
    after = (await scene.explained())["verdicts"]
    added = [each for each in after if each not in before]
    assert len(after) == len(before) + 1
    assert [(each["definition_id"], each["replay_id"]) for each in added] == [
        ("filters", "again.e.1")
    ]


async def test_what_is_not_there(scene: Scene):
    with pytest.raises(NotFoundError):
        await scene.explain.event(None, "none")
    with pytest.raises(NotFoundError):
        await scene.explain.run("none")
