"""The registry: sets are applied all or nothing, versions never change, a pause survives."""

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import ConflictError, InvalidDefinitionError, NotFoundError
from activity_core.ports.doorbell import Topic
from activity_core.ports.registry import RegistryEntry
from activity_core.services.publication import ApplyReport
from activity_core.services.registry import Registry

ONE = """
id: one
trigger: {event: {type: a.b}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""
TWO = ONE.replace("id: one", "id: two")
CONNECTED = """
id: reads
trigger: {manual: }
context: {x: {http: {connection: there, url: /}}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""
CONNECTION = "kind: connection\nid: there\nhttp: {base_url: https://there.example}\n"
HOLIDAYS = "kind: calendar\nid: holidays\ndays: [2026-12-24]\n"
SCHEDULED = """
id: reads
trigger: {cron: {exclude: [holidays], expression: '@daily'}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""


class Scene:
    def __init__(self) -> None:
        self.system = MemorySystem()
        self.registry = Registry(
            self.system.registry_store, self.system.doorbell, self.system.clock, config={"k": 1}
        )

    async def apply(self, *texts: str) -> ApplyReport:
        bundle = parse_definitions("\n---\n".join(texts), file="t.yaml")
        return await self.registry.apply(bundle, "ann")

    async def changes(self, *texts: str) -> dict[str, tuple[int, str]]:
        report = await self.apply(*texts)
        return {item.definition_id: (item.version, item.change) for item in report.definitions}

    async def entry(self, id_: str) -> RegistryEntry:
        return (await self.system.registry_store.snapshot()).entries[id_]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_created_unchanged_updated_and_what_is_absent_stays(scene: Scene):
    assert await scene.changes(TWO, ONE) == {"one": (1, "created"), "two": (1, "created")}
    assert await scene.changes(ONE) == {"one": (1, "unchanged")}
    assert await scene.changes(ONE.replace("T}", "Other}")) == {"one": (2, "updated")}
    assert (await scene.system.registry_store.version("one", 1)).rules[0].tasks[0].human_
    assert not (await scene.entry("two")).retired


async def test_what_changes_nothing_makes_no_revision_and_wakes_nobody(scene: Scene):
    first = await scene.apply(ONE)
    rings = scene.system.doorbell.rings[Topic.RECONCILER]
    assert (await scene.apply(ONE)).revision == first.revision
    assert scene.system.doorbell.rings[Topic.RECONCILER] == rings == 1


async def test_one_mistake_and_nothing_is_applied(scene: Scene):
    wrong = TWO.replace("type: a.b", "type: a.b, filter: evnt.data == 1")
    with pytest.raises(InvalidDefinitionError) as error:
        await scene.apply(ONE, wrong)
    [issue] = error.value.issues
    assert (issue.file, issue.path) == ("t.yaml", "trigger.event.filter")
    assert await scene.system.registry_store.revision() == 0


async def test_a_connection_must_be_known_or_come_along(scene: Scene):
    with pytest.raises(InvalidDefinitionError, match="there"):
        await scene.apply(CONNECTED)
    assert (await scene.apply(CONNECTED, CONNECTION)).connections == ["there"]
    assert await scene.changes(CONNECTED) == {"reads": (1, "unchanged")}


async def test_a_calendar_must_be_known_or_come_along(scene: Scene):
    with pytest.raises(InvalidDefinitionError) as error:
        await scene.apply(ONE, HOLIDAYS, SCHEDULED.replace("holidays", "hollidays"))
    [issue] = error.value.issues
    assert str(issue) == (
        "t.yaml:14:28: trigger.cron.exclude[0]: no calendar hollidays (did you mean holidays?)"
    )
    assert await scene.system.registry_store.revision() == 0
    report = await scene.apply(SCHEDULED, HOLIDAYS)
    assert (report.revision, report.calendars) == (1, ["holidays"])
    assert await scene.changes(SCHEDULED) == {"reads": (1, "unchanged")}


async def test_a_new_calendar_is_a_new_revision_that_wakes_the_reconciler(scene: Scene):
    first = await scene.apply(SCHEDULED, HOLIDAYS)
    second = await scene.apply(HOLIDAYS.replace("12-24", "12-25"))
    assert second.revision == first.revision + 1
    assert scene.system.doorbell.rings[Topic.RECONCILER] == 2
    [calendar] = (await scene.system.registry_store.snapshot()).calendars.values()
    assert [str(day) for day in calendar.names] == ["2026-12-25"]


async def test_what_is_unwise_is_applied_with_a_warning(scene: Scene):
    unwise = SCHEDULED.replace("{exclude", "{until: 2025-01-01, exclude")
    report = await scene.apply(unwise, HOLIDAYS)
    [warning] = report.warnings
    assert (warning.file, warning.line, warning.path) == ("t.yaml", 3, "trigger.cron.until")
    assert [item.change for item in report.definitions] == ["created"]


async def test_what_can_never_be_is_refused(scene: Scene):
    twice = SCHEDULED.replace("{exclude: [holidays]", "{jitter: 2d")
    with pytest.raises(InvalidDefinitionError) as error:
        await scene.apply(twice)
    [issue] = error.value.issues
    assert (issue.line, issue.path) == (3, "trigger.cron.jitter")


async def test_config_must_be_known(scene: Scene):
    http = "http: {connection: there, url: /}"
    await scene.apply(CONNECTED.replace(http, "config: k"))
    with pytest.raises(InvalidDefinitionError, match="missing"):
        await scene.apply(CONNECTED.replace(http, "config: missing"))


async def test_a_pause_survives_apply(scene: Scene):
    await scene.apply(ONE)
    paused = await scene.registry.pause("one", "bob", "holidays")
    assert (paused.paused, paused.reason, paused.actor, paused.fires) == (
        True,
        "holidays",
        "bob",
        False,
    )
    await scene.apply(ONE.replace("T}", "Other}"))
    entry = await scene.entry("one")
    assert (entry.version, entry.paused) == (2, True)
    assert (await scene.registry.resume("one", "bob")).fires


async def test_asking_twice_is_fine(scene: Scene):
    await scene.apply(ONE)
    first = await scene.registry.pause("one", "bob")
    assert (await scene.registry.pause("one", "eve")).revision == first.revision


async def test_retired_until_it_is_applied_again(scene: Scene):
    await scene.apply(ONE)
    assert (await scene.registry.retire("one", "bob", "not needed")).retired
    for change in (scene.registry.pause, scene.registry.resume):
        with pytest.raises(ConflictError, match="retired"):
            await change("one", "bob")
    assert await scene.changes(ONE) == {"one": (1, "updated")}
    assert (await scene.entry("one")).fires


async def test_what_was_never_applied(scene: Scene):
    for change in (scene.registry.pause, scene.registry.resume, scene.registry.retire):
        with pytest.raises(NotFoundError):
            await change("one", "bob")
