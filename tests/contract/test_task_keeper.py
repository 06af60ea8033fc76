"""The task keeper over both stores: the chain in one transaction each, however many keep it."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from tests.contract.stores import AT, ID, Stores, record, spec

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.human.clock import clock_of
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import NewTask, TaskInstance, TaskStatus
from activity_core.services.catalogue import Catalogue
from activity_core.services.task_keeper import TaskKeeper

HOUR = timedelta(hours=1)
HUMAN = {
    "title": "Look",
    "remind": ["1h", "2h"],
    "reassign": {"after": "3h", "to": {"user": "ann"}},
    "escalate": {"after": "4h", "to": {"group": "leads"}},
    "expire": {"after": "5h"},
    "notify": [{"on": ["reminded", "escalated", "expired"], "emit": {"type": "told"}}],
}
DEFINITION = ActivityDefinition.model_validate(
    {
        "id": ID,
        "trigger": {"event": {"type": "order.*"}},
        "rules": [{"id": "all", "tasks": [{"id": "look", "human": HUMAN}]}],
    }
)


async def begin(stores: Stores) -> str:
    """A task that can be done from `AT` on."""
    await stores.publish(DEFINITION)
    execution = await stores.execution()
    [run_id] = execution.runs
    human = DEFINITION.rules[0].tasks[0].human_
    assert human is not None
    handed: dict[str, JsonValue] = {
        "reassign": [{"user": "ann", "groups": []}],
        "escalate": [{"user": None, "groups": ["leads"]}],
    }
    words = replace(spec(run_id, groups=("desk",)), human=human, inputs=handed)
    new = NewTask(words, TaskStatus.READY, clock_of(human, AT, {}))
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        [run] = opened.runs
        await opened.record([record(run, RunStatus.RUNNING, tasks=[new])], AT)
    return words.task_id


def keeper(stores: Stores, at: datetime) -> TaskKeeper:
    return TaskKeeper(
        stores.task_desk,
        Catalogue(stores.registry),
        ManualClock(at),
        MemoryDoorbell(),
        deployment="test",
    )


async def kept(stores: Stores, task_id: str) -> tuple[TaskInstance, list[str]]:
    """The task and what was done to it."""
    lines = await stores.task_desk.log(task_id)
    return await stores.task_ledger.get(task_id), [line.action for line in lines]


async def test_the_chain_in_its_time(stores: Stores):
    task_id = await begin(stores)
    assert await keeper(stores, AT + HOUR - timedelta(microseconds=1)).step() is False
    assert await kept(stores, task_id) == (await stores.task_ledger.get(task_id), [])
    for hour in (1, 2, 3, 4):
        await keeper(stores, AT + hour * HOUR).step()
    task, actions = await kept(stores, task_id)
    assert actions == ["reminded", "reminded", "reassigned", "escalated"]
    assert (task.status, task.assignee, list(task.groups)) == ("ready", None, ["leads"])
    assert (task.revision, task.clock.step, task.clock.wake_at) == (4, 4, AT + 5 * HOUR)

    await keeper(stores, AT + 5 * HOUR).step()
    task, actions = await kept(stores, task_id)
    assert (task.status, actions[-1]) == (TaskStatus.EXPIRED, "expired")
    assert task.result is not None
    assert (task.result.outcome, task.clock.wake_at) == ("expired", None)
    waiting = await stores.run_queue.take_tasks(9)
    assert [each.spec_id for each in waiting] == [
        "look/notify/0/reminded-1",
        "look/notify/0/reminded-2",
        "look/notify/0/escalated-4",
        "look/notify/0/expired-5",
    ]
    # The run waits for it: somebody has to tell its workflow.
    assert len(await stores.run_queue.take_signals(9)) == 1


async def test_after_an_outage_in_one_go(stores: Stores):
    task_id = await begin(stores)
    await keeper(stores, AT + 99 * HOUR).step()
    task, actions = await kept(stores, task_id)
    assert actions == ["reminded", "reassigned", "escalated", "expired"]
    assert (task.status, task.revision) == (TaskStatus.EXPIRED, 4)
    assert await keeper(stores, AT + 99 * HOUR).step() is False


async def test_many_keepers_take_a_step_once(stores: Stores):
    task_id = await begin(stores)
    await asyncio.gather(*(keeper(stores, AT + 3 * HOUR).step() for _ in range(3)))
    _, actions = await kept(stores, task_id)
    assert actions == ["reminded", "reassigned"]
    assert len(await stores.run_queue.take_tasks(9)) == 1
