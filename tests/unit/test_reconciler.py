"""The reconciler: schedules become what the registry says, whatever they were before."""

from dataclasses import replace

import pytest
from tests.core_stage import CoreStage

from activity_core.adapters.memory.scheduler import MemoryScheduler
from activity_core.core.errors import UnavailableError
from activity_core.services.reconciler import Reconciler, Reconciliation
from activity_core.services.registry import Registry

HOURLY = """
id: {id}
trigger: {{interval: {{every: 1h}}}}
rules: [{{id: r, tasks: [{{id: t, human: {{title: T}}}}]}}]
"""
MANUAL = "id: by-hand\ntrigger: {manual: }\nrules: [{id: r, tasks: [{id: t, human: {title: T}}]}]"
NOTHING = Reconciliation()


class Scene:
    """A registry, a scheduler, and the reconciler between them."""

    def __init__(self) -> None:
        self.stage = CoreStage()
        self.scheduler = MemoryScheduler()
        self.registry = Registry(self.stage.store, self.stage.doorbell, self.stage.clock, config={})

    async def reconcile(self) -> Reconciliation:
        """By a reconciler that has seen nothing before."""
        return await Reconciler(self.stage.store, self.scheduler).reconcile()


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    for name in ("b", "a"):
        await scene.stage.apply(HOURLY.format(id=name))
    await scene.stage.apply(MANUAL)
    return scene


async def test_only_what_has_slots_gets_a_schedule_and_only_once(scene: Scene) -> None:
    assert await scene.reconcile() == Reconciliation(created=("a", "b"))
    assert await scene.reconcile() == NOTHING


async def test_a_new_version_changes_the_schedule(scene: Scene) -> None:
    await scene.reconcile()
    await scene.stage.apply(HOURLY.format(id="a").replace("1h", "2h"))
    assert await scene.reconcile() == Reconciliation(updated=("a",))
    await scene.stage.apply(
        HOURLY.format(id="a").replace("1h", "2h").replace("title: T", "title: U")
    )
    assert await scene.reconcile() == NOTHING  # another version, the same slots


async def test_pausing_and_resuming(scene: Scene) -> None:
    await scene.reconcile()
    await scene.registry.pause("a", "ann")
    assert await scene.reconcile() == Reconciliation(paused=("a",))
    await scene.registry.resume("a", "ann")
    assert await scene.reconcile() == Reconciliation(resumed=("a",))


async def test_disabled_by_its_file_is_paused(scene: Scene) -> None:
    await scene.reconcile()
    await scene.stage.apply("enabled: false" + HOURLY.format(id="a"))
    assert await scene.reconcile() == Reconciliation(paused=("a",))


async def test_retired_or_without_slots_any_more_is_deleted(scene: Scene) -> None:
    await scene.reconcile()
    await scene.registry.retire("a", "ann")
    await scene.stage.apply(MANUAL.replace("by-hand", "b"))
    assert await scene.reconcile() == Reconciliation(deleted=("a", "b"))


async def test_changes_made_by_hand_are_undone(scene: Scene) -> None:
    await scene.reconcile()
    wanted = dict(scene.scheduler.wanted)
    scene.scheduler.wanted["stray"] = replace(wanted["a"], definition_id="stray")
    scene.scheduler.wanted["a"] = replace(wanted["a"], paused=True)
    del scene.scheduler.wanted["b"]
    expected = Reconciliation(created=("b",), resumed=("a",), deleted=("stray",))
    assert await scene.reconcile() == expected
    assert scene.scheduler.wanted == wanted


async def test_what_an_outage_left_is_done_next_time(scene: Scene) -> None:
    scene.scheduler.failures.after(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await scene.reconcile()
    assert await scene.reconcile() == Reconciliation(created=("b",))
