"""Manual triggers: once per request id, on the current version, with an input that fits."""

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import BadInputError, ConflictError, NotFoundError
from activity_core.ports.doorbell import Topic
from activity_core.services.manual_trigger import ManualTrigger
from activity_core.services.registry import Registry

DEFINITIONS = """
id: by-hand
trigger: {manual: {input: {type: object, required: [n], properties: {n: {type: integer}}}}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: by-event
trigger: {event: {type: a.b}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: by-clock
trigger: {interval: {every: 1d}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: disabled
enabled: false
trigger: {manual: }
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""


class Scene:
    def __init__(self) -> None:
        system = self.system = MemorySystem()
        store, bell, clock = system.registry_store, system.doorbell, system.clock
        self.registry = Registry(store, bell, clock, config={})
        self.manual = ManualTrigger(store, system.run_queue, bell, clock)


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.registry.apply(parse_definitions(DEFINITIONS, file="t"), "ann")
    return scene


async def test_once_per_request(scene: Scene):
    first = await scene.manual.fire("by-hand", "r-1", {"n": 1}, "bob")
    again = await scene.manual.fire("by-hand", "r-1", {"n": 1}, "bob")
    other = await scene.manual.fire("by-hand", "r-2", {"n": 1}, "bob")
    assert (first.created, again.created, other.created) == (True, False, True)
    assert first.run_id == again.run_id != other.run_id
    assert len(scene.system.state.tables.pending_runs) == 2
    run = scene.system.state.tables.runs[first.run_id]
    assert (run.occurrence.key, run.occurrence.input) == ("m.r-1", {"n": 1})
    decision = next(iter(scene.system.state.tables.decisions.values()))
    assert (str(decision.outcome), decision.reason) == ("fired", "requested by bob")
    assert scene.system.doorbell.rings[Topic.STARTER]


async def test_a_schedule_need_not_be_awaited(scene: Scene):
    submission = await scene.manual.fire("by-clock", "now", {}, "bob")
    run = scene.system.state.tables.runs[submission.run_id]
    assert (run.occurrence.key, run.occurrence.scheduled_for) == ("m.now", None)
    with pytest.raises(BadInputError, match="does not fit"):
        await scene.manual.fire("by-clock", "other", {"n": 1}, "bob")


@pytest.mark.parametrize("data", [{}, {"n": "one"}])
async def test_the_input_must_fit(scene: Scene, data: dict[str, str]):
    with pytest.raises(BadInputError, match="does not fit"):
        await scene.manual.fire("by-hand", "r", data, "bob")
    assert not scene.system.state.tables.runs


async def test_a_request_id_that_is_none(scene: Scene):
    with pytest.raises(BadInputError):
        await scene.manual.fire("by-hand", "a b", {"n": 1}, "bob")


@pytest.mark.parametrize(
    ("definition_id", "why"), [("by-event", "no manual trigger"), ("disabled", "enabled: false")]
)
async def test_what_cannot_be_triggered(scene: Scene, definition_id: str, why: str):
    with pytest.raises(ConflictError, match=why):
        await scene.manual.fire(definition_id, "r", {}, "bob")


async def test_paused_retired_and_unknown(scene: Scene):
    await scene.registry.pause("by-hand", "bob")
    with pytest.raises(ConflictError, match="paused"):
        await scene.manual.fire("by-hand", "r", {"n": 1}, "bob")
    await scene.registry.retire("by-hand", "bob")
    with pytest.raises(ConflictError, match="retired"):
        await scene.manual.fire("by-hand", "r", {"n": 1}, "bob")
    with pytest.raises(NotFoundError):
        await scene.manual.fire("never", "r", {}, "bob")
