"""The gate: who may come in, by the registry as it was at most a second ago."""

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import (
    ForbiddenError,
    NotFoundError,
    OverloadedError,
    PausedError,
    UnavailableError,
)
from activity_core.services.entrances import EntranceDesk
from activity_core.services.gate import MISS_PERIOD, PERIOD, Gate
from activity_core.services.registry import Registry

SOURCES = """
{kind: source, id: shop, api: {keys: [shop-key]}, rate: {per_second: 1, burst: 2}}
---
{kind: source, id: hook, webhook: {verify: {bearer: {secrets: ['env:S']}}}}
"""


class Scene:
    def __init__(self) -> None:
        self.system = system = MemorySystem()
        self.registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
        self.desk = EntranceDesk(system.registry_store, system.clock)
        self.gate = Gate(system.registry_store, system.clock, unlisted=False)

    async def apply(self, text: str) -> None:
        await self.registry.apply(parse_definitions(text, file="t"), "ann")


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.apply(SOURCES)
    return scene


async def test_a_key_is_known_by_the_source_that_lists_it(scene: Scene):
    source = await scene.gate.source_of_key("shop-key")
    assert source is not None
    assert source.id == "shop"
    with pytest.raises(ForbiddenError, match="no source lists it"):
        await scene.gate.source_of_key("other-key")
    relaxed = Gate(scene.system.registry_store, scene.system.clock, unlisted=True)
    assert await relaxed.source_of_key("other-key") is None


async def test_a_source_is_found_by_its_id_and_way(scene: Scene):
    assert (await scene.gate.source("hook", "webhook")).id == "hook"
    for source_id, way in (("hook", "api"), ("none", "webhook")):
        with pytest.raises(NotFoundError):
            await scene.gate.source(source_id, way)


async def test_a_pause_is_noticed_within_a_second_and_told_with_its_reason(scene: Scene):
    await scene.gate.source("hook", "webhook")
    await scene.desk.pause("hook", "ann", "too loud")
    await scene.gate.source("hook", "webhook")
    scene.system.clock.advance(PERIOD)
    with pytest.raises(PausedError, match="paused: too loud"):
        await scene.gate.source("hook", "webhook")
    await scene.desk.resume("hook", "ann")
    scene.system.clock.advance(PERIOD)
    await scene.gate.source("hook", "webhook")


async def test_what_was_just_applied_is_there_at_once(scene: Scene):
    await scene.gate.source("hook", "webhook")
    await scene.apply(SOURCES.replace("id: hook", "id: late").replace("shop", "lane"))
    scene.system.clock.advance(MISS_PERIOD)
    assert (await scene.gate.source("late", "webhook")).id == "late"
    source = await scene.gate.source_of_key("lane-key")
    assert source is not None
    assert source.id == "lane"


async def test_a_stranger_does_not_have_the_registry_asked_each_time(scene: Scene):
    with pytest.raises(NotFoundError):
        await scene.gate.source("none", "webhook")

    async def away() -> int:
        raise UnavailableError("asked again")

    scene.system.registry_store.revision = away  # type: ignore[method-assign]
    with pytest.raises(NotFoundError):
        await scene.gate.source("none", "webhook")
    scene.system.clock.advance(MISS_PERIOD)
    with pytest.raises(UnavailableError):
        await scene.gate.source("none", "webhook")


async def test_a_rate_is_kept_over_changes_of_other_things(scene: Scene):
    source = await scene.gate.source_of_key("shop-key")
    scene.gate.spend(source, 2)
    await scene.apply(SOURCES.replace("id: hook", "id: late"))
    with pytest.raises(OverloadedError) as caught:
        scene.gate.spend(source, 1)
    assert 0 < caught.value.retry_after < 1.1
    scene.system.clock.advance(1.5 * PERIOD)
    await scene.gate.entrances()
    scene.gate.spend(source, 1)
    with pytest.raises(OverloadedError):
        scene.gate.spend(source, 1)
