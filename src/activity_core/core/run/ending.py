"""Runs that end before their time: a later one took their place, or somebody says so.

In: what is open of a run, found under lock by `services.slot_settler`, `flow` or `run_control`.
Out: what is announced about it, and how its tasks end. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from activity_core.core.run.announcement import Announcement
from activity_core.core.run.announcing import run_lost, task_ended
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.run.task import TaskInstance, TaskResult, TaskStatus


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run is cancelled: `failure` is kept with it, every open task ends with `task`."""

    failure: RunFailure
    task: TaskResult

    @classmethod
    def of(cls, code: str, why: str) -> "Ending":
        """From a stable code and half a sentence."""
        task = TaskResult(TaskStatus.CANCELLED, "cancelled", comment=f"its run ended: {why}")
        return cls(RunFailure(code, why), task)


DISPLACED = Ending.of("displaced", "a later one took its place, as its definition says")


def said_by(actor: str, reason: str, *, verb: str) -> Ending:
    """The ending that somebody asks for: `cancelled by ann: sent twice`."""
    ending = Ending.of(verb, f"{verb} by {actor}" + (f": {reason}" if reason else ""))
    return replace(ending, task=replace(ending.task, by=actor))


@dataclass(frozen=True, slots=True)
class OpenWork:
    """An open run, its attempt, and its tasks that are not final, in order of ids."""

    run_id: str
    definition_id: str
    attempt: int
    tasks: Sequence[TaskInstance] = ()


def told_of_end(
    work: OpenWork, ending: Ending, *, deployment: str, at: datetime
) -> Sequence[Announcement]:
    """`task.cancelled` for each task, then `run.failed`."""
    tasks = [
        task_ended(task, ending.task, deployment=deployment, at=at, attempt=work.attempt)
        for task in work.tasks
    ]
    run = run_lost(
        work.run_id,
        work.definition_id,
        ending.failure,
        status=RunStatus.CANCELLED,
        attempt=work.attempt,
        deployment=deployment,
        at=at,
    )
    return [*tasks, run]
