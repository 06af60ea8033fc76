"""Displaced runs: a later occurrence took their place, so what was open of them ends.

In: what `services.slot_settler` finds open of a run, under lock. Out: what is announced about it,
and the result that its tasks get. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from activity_core.core.run.announcement import Announcement
from activity_core.core.run.announcing import run_lost, task_ended
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.run.task import TaskInstance, TaskResult, TaskStatus

_WHY = "a later one took its place, as its definition says"
DISPLACED_RUN = RunFailure("displaced", _WHY)
"""Why a displaced run is cancelled."""
DISPLACED_TASK = TaskResult(TaskStatus.CANCELLED, "cancelled", comment=f"its run ended: {_WHY}")
"""How every open task of a displaced run ends."""


@dataclass(frozen=True, slots=True)
class OpenWork:
    """An open run, its attempt, and its tasks that are not final, in order of ids."""

    run_id: str
    definition_id: str
    attempt: int
    tasks: Sequence[TaskInstance] = ()


def displaced(work: OpenWork, *, deployment: str, at: datetime) -> Sequence[Announcement]:
    """`task.cancelled` for each task, then `run.failed`."""
    tasks = [
        task_ended(task, DISPLACED_TASK, deployment=deployment, at=at, attempt=work.attempt)
        for task in work.tasks
    ]
    run = run_lost(
        work.run_id,
        work.definition_id,
        DISPLACED_RUN,
        status=RunStatus.CANCELLED,
        attempt=work.attempt,
        deployment=deployment,
        at=at,
    )
    return [*tasks, run]
