"""Tasks under lock, with what their templates say about people.

In: the id of a task, from `task_inbox` (people) or `task_keeper` (time). Out: the task on the desk,
once the version of its definition is at hand.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activity_core.core.definition.human_task import HumanTask
from activity_core.core.human.notices import human_of
from activity_core.ports.task_desk import OpenTask, TaskDesk
from activity_core.services.catalogue import Catalogue


@asynccontextmanager
async def open_known(
    desk: TaskDesk, catalogue: Catalogue, task_id: str
) -> AsyncIterator[tuple[OpenTask, HumanTask | None]]:
    """The task, as `TaskDesk.open` has it, and what its template says about people, if anything."""
    while True:
        async with desk.open(task_id) as opened:
            version = (opened.task.definition_id, opened.task.version)
            unknown = catalogue.unknown([version])
            if not unknown:
                yield opened, human_of(catalogue.get(version), opened.task)
                return
        # Not inside: a transaction must not wait for a second connection to the same store.
        await catalogue.learn(unknown)
