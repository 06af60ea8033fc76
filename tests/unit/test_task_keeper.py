"""The task keeper over the memory system: everything in its time, once, and told to whom it may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.adapters.memory.task_desk import MemoryTaskDesk
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import UnavailableError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.human.log import TIME
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.task import TaskInstance, TaskStatus
from activity_core.ports.task_desk import OpenTask
from activity_core.services import task_keeper
from activity_core.services.catalogue import Catalogue
from activity_core.services.registry import Registry
from activity_core.services.task_keeper import PAUSE, TaskKeeper

HOUR = timedelta(hours=1)
TINY = timedelta(microseconds=1)

CHAIN = """
remind: [1h, 2h]
reassign: {after: 3h, to: {user: "${event.data.deputy}"}}
escalate: {after: 4h, to: {group: "${event.data.team}-leads"}}
expire: {after: 5h, outcome: rejected}
notify:
  - {on: [created, reminded, reassigned, escalated, expired], emit: {type: told}}
  - {on: [escalated], emit: {type: alarm}}
"""


class Scene:
    """Definition `d` with one human task; `clock` is at 0 when it can be done."""

    def __init__(self) -> None:
        self.system = MemorySystem()
        self.desk = MemoryTaskDesk(self.system.state)
        self.keeper = self.another()

    def another(self) -> TaskKeeper:
        system = self.system
        return TaskKeeper(
            self.desk,
            Catalogue(system.registry_store),
            system.clock,
            system.doorbell,
            deployment="test",
        )

    async def begin(self, words: str = CHAIN, *, events: int = 1, days: str = "2030-01-01") -> None:
        human = "\n".join("            " + line for line in words.strip().splitlines())
        text = f"""
id: d
trigger: {{event: {{type: thing}}}}
rules:
  - id: r
    tasks:
      - id: t
        human:
            title: T
            assign: {{group: desk}}
{human}
---
kind: calendar
id: office
days: ["{days}"]
"""
        system = self.system
        registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
        await registry.apply(parse_definitions(text, file="t"), "ann")
        data: JsonValue = {"deputy": "bob", "team": "pay"}
        envelopes = [
            EventEnvelope(id=str(number), source="/s", type="thing", data=data)
            for number in range(events)
        ]
        await system.ingest.accept(envelopes, "http")
        await system.work()

    async def passes(self, time: timedelta) -> None:
        self.system.clock.advance(time)
        while await self.keeper.step():
            pass

    def tasks(self, role: TaskRole = TaskRole.TASK) -> list[TaskInstance]:
        rows = self.system.state.tables.tasks.values()
        return [row.task for row in rows if row.task.role is role]

    @property
    def task(self) -> TaskInstance:
        [task] = self.tasks()
        return task

    def told(self) -> list[str]:
        """Notifications by spec id, in the order in which they wait for the starter."""
        tables = self.system.state.tables
        return [tables.tasks[task_id].task.spec_id for task_id in tables.pending_tasks.values()]

    def announced(self, about: str = "") -> list[str]:
        rows = self.system.state.tables.outbox.values()
        return [
            row.type.removeprefix("activity-core.").removesuffix(".v1")
            for row in rows
            if about in row.subject
        ]

    async def actions(self) -> list[str]:
        return [entry.action for entry in await self.desk.log(self.task.task_id)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_task_comes_with_its_clock_and_tells_of_itself(scene: Scene):
    await scene.begin()
    now = scene.system.clock.now()
    assert (scene.task.ready_at, scene.task.clock.wake_at) == (now, now + HOUR)
    assert scene.told() == ["t/notify/0/created-0"]
    [note] = scene.tasks(TaskRole.NOTIFICATION)
    assert (note.about, note.late, note.status) == (scene.task.task_id, True, TaskStatus.READY)
    assert scene.announced(note.task_id) == ["task.created"]


async def test_the_chain_in_its_time(scene: Scene):
    await scene.begin()
    await scene.passes(HOUR - TINY)
    assert await scene.actions() == []
    await scene.passes(TINY)
    assert await scene.actions() == ["reminded"]
    await scene.passes(HOUR)
    assert await scene.actions() == ["reminded", "reminded"]

    await scene.passes(HOUR)
    assert (scene.task.assignee, scene.task.groups) == ("bob", ())
    await scene.passes(HOUR)
    assert (scene.task.assignee, scene.task.groups) == (None, ("pay-leads",))
    assert scene.task.status == "ready"

    await scene.passes(HOUR)
    assert scene.task.status == "expired"
    assert scene.task.result is not None
    assert scene.task.result.outcome == "rejected"
    await scene.passes(99 * HOUR)
    assert await scene.actions() == [
        "reminded",
        "reminded",
        "reassigned",
        "escalated",
        "expired",
    ]
    entries = await scene.desk.log(scene.task.task_id)
    assert {entry.by for entry in entries} == {TIME}
    assert scene.announced(scene.task.task_id) == [
        "task.created",
        "task.reminded",
        "task.reminded",
        "task.reassigned",
        "task.escalated",
        "task.cancelled",
    ]
    assert scene.told() == [
        "t/notify/0/created-0",
        "t/notify/0/reminded-1",
        "t/notify/0/reminded-2",
        "t/notify/0/reassigned-3",
        "t/notify/0/escalated-4",
        "t/notify/1/escalated-4",
        "t/notify/0/expired-5",
    ]
    notes = [task.task_id for task in scene.tasks(TaskRole.NOTIFICATION)]
    assert [scene.announced(note) for note in notes] == [["task.created"]] * 7


async def test_after_an_outage(scene: Scene):
    await scene.begin()
    await scene.passes(4 * HOUR)
    assert await scene.actions() == ["reminded", "reassigned", "escalated"]
    assert scene.task.clock.wake_at == scene.system.clock.now() + HOUR


async def test_what_a_person_has_done_is_over(scene: Scene):
    await scene.begin("remind: 1h")
    async with scene.system.state.transaction() as tables:
        row = tables.tasks[scene.task.task_id]
        done = replace(row.task, status=TaskStatus.COMPLETED)
        tables.tasks[done.task_id] = replace(row, task=done)
    await scene.passes(HOUR)
    assert await scene.actions() == []


async def test_many_keepers_take_a_step_once(scene: Scene):
    await scene.begin()
    scene.system.clock.advance(HOUR)
    for keeper in (scene.keeper, scene.another(), scene.another()):
        await keeper.step()
    assert await scene.actions() == ["reminded"]


class DyingDesk(MemoryTaskDesk):
    """Everything is written, and then it dies."""

    @asynccontextmanager
    async def _open(self, task_id: str) -> AsyncIterator[OpenTask]:
        async with super()._open(task_id) as opened:
            yield opened
            raise UnavailableError("killed")


async def test_killed_before_the_commit_it_is_done_again_and_once(scene: Scene):
    await scene.begin()
    scene.system.clock.advance(HOUR)
    keeper = TaskKeeper(
        DyingDesk(scene.system.state),
        Catalogue(scene.system.registry_store),
        scene.system.clock,
        scene.system.doorbell,
        deployment="test",
    )
    with pytest.raises(UnavailableError):
        await keeper.step()
    assert await scene.actions() == []
    await scene.keeper.step()
    assert await scene.actions() == ["reminded"]
    assert scene.told() == ["t/notify/0/created-0", "t/notify/0/reminded-1"]


async def test_a_task_that_cannot_be_kept_does_not_keep_others_waiting(scene: Scene):
    await scene.begin("escalate: {after: 1h, to: {group: leads}}", events=2)
    bad, good = (task.task_id for task in scene.tasks())
    async with scene.system.state.transaction() as tables:
        row = tables.tasks[bad]
        tables.tasks[bad] = replace(row, task=replace(row.task, inputs={}))
    await scene.passes(HOUR)
    assert await scene.desk.log(bad) == ()
    assert [entry.action for entry in await scene.desk.log(good)] == ["escalated"]


async def test_tasks_that_cannot_be_kept_let_others_go_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(task_keeper, "BATCH", 1)
    await scene.begin("escalate: {after: 1h, to: {group: leads}}", events=2)
    bad, good = sorted(task.task_id for task in scene.tasks())
    async with scene.system.state.transaction() as tables:
        row = tables.tasks[bad]
        tables.tasks[bad] = replace(row, task=replace(row.task, inputs={}))
    await scene.passes(HOUR)
    assert await scene.desk.log(good) == ()
    await scene.passes(TINY)
    assert [entry.action for entry in await scene.desk.log(good)] == ["escalated"]
    # What was wrong is right again: it is tried once more, after a pause.
    async with scene.system.state.transaction() as tables:
        tables.tasks[bad] = replace(tables.tasks[bad], task=replace(row.task))
    await scene.passes(PAUSE)
    assert [entry.action for entry in await scene.desk.log(bad)] == ["escalated"]


async def test_more_than_a_batch(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(task_keeper, "BATCH", 2)
    await scene.begin("expire: {after: 1h}", events=5)
    await scene.passes(HOUR)
    assert {task.status for task in scene.tasks()} == {TaskStatus.EXPIRED}


async def test_working_days_of_the_calendar(scene: Scene):
    start = scene.system.clock.now()
    after = [start.date() + timedelta(days=number) for number in range(1, 8)]
    first, second, *_ = (day for day in after if day.weekday() < 5)
    await scene.begin(
        "expire: {after: {business_days: 1, calendar: office}}", days=first.isoformat()
    )
    assert scene.task.clock.wake_at == start.replace(
        year=second.year, month=second.month, day=second.day
    )


async def test_a_task_that_nothing_happens_to_does_not_make_it_busy(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(task_keeper, "BATCH", 1)
    await scene.begin()
    async with scene.system.state.transaction() as tables:
        row = tables.tasks[scene.task.task_id]
        hidden = replace(row.task, status=TaskStatus.PENDING)
        tables.tasks[hidden.task_id] = replace(row, task=hidden)
    scene.system.clock.advance(HOUR)
    assert await scene.keeper.step() is False
