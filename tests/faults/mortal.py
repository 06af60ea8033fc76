"""A worker that is killed at every boundary between two steps, each kind once, and started again.

In: a directory, then a command of `activity-core`. Out: in the directory a file for every boundary
that it died at, and what it wrote on standard output. What dies is a child with SIGKILL, in the
middle of whatever else it does; what starts the next one has everything imported already. So that
short runs see all of it, windows and histories are small, and nobody waits long for the dead.
"""

import asyncio
import ctypes
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner

from activity_core.cli import serve as imported_once  # for all children
from activity_core.cli.main import main
from activity_core.core.run import window
from activity_core.core.run.task import TaskInstance
from activity_core.services import runner
from activity_core.services.performer import Performer
from activity_core.workflows import worker
from activity_core.workflows.messages import RunRequest
from activity_core.workflows.steps import RunSteps
from activity_core.workflows.task_graph import TaskGraph
from activity_core.workflows.task_steps import TaskSteps

SMALL_WINDOW, SHORT_HISTORY = 8, 60
TOGETHER = 0.5
"""Seconds in which several come to their boundaries before all of them die."""
PR_SET_PDEATHSIG = 1

OF_RUNS = ("advance", "gather_source", "next_tasks", "close_run")
OF_GROUPS = ("skip_tasks", "make_ready", "task_states", "begin_compensation")
OF_TASKS = ("perform_task", "call_task", "end_task", "fail_task", "compensation_failed")

Step = Callable[..., Awaitable[Any]]


class Mortal:
    """Whoever dies, and where it did so already."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes

    def die(self, boundary: str) -> None:
        """End here, unless somebody did before."""
        if self._is_new(boundary):
            os.kill(os.getpid(), signal.SIGKILL)

    async def die_soon(self, boundary: str) -> None:
        """The same, together with whoever comes to another boundary until then; nobody leaves."""
        if self._is_new(boundary):
            asyncio.get_running_loop().call_later(TOGETHER, os.kill, os.getpid(), signal.SIGKILL)
            await asyncio.Future()

    def patch(self) -> None:
        """Make this process die."""
        for name in OF_RUNS:
            self._wrap(RunSteps, name, self._of_run)
        for name in OF_GROUPS:
            self._wrap(TaskSteps, name, self._of_none)
        for name in OF_TASKS:
            self._wrap(TaskSteps, name, self._of_task)
        self._wrap(Performer, "_perform", self._of_effect, "effect")
        self._carry_out()

    def _wrap(self, cls: type, name: str, kind: Step, called: str = "") -> None:
        usual: Step = getattr(cls, name)

        @functools.wraps(usual)
        async def deadly(this: Any, *args: Any) -> Any:
            boundary = f"{called or name} {await kind(this, *args)}".strip()
            await self.die_soon(f"before {boundary}")
            answer = await usual(this, *args)
            await self.die_soon(f"after {boundary}")
            return answer

        setattr(cls, name, deadly)

    def _carry_out(self) -> None:
        """Before the workflow continues as new; what comes after it is a step of its own."""
        usual = TaskGraph.carry_out

        async def deadly(this: Any) -> bool:
            is_over = await usual(this)
            if not is_over:
                self._is_new(f"continued {this._progress.execution_id}")
                self.die("before continuing as new")
            return is_over

        setattr(TaskGraph, usual.__name__, deadly)

    async def _of_run(self, _: object, order: object) -> str:
        if not isinstance(order, RunRequest):
            return ""
        is_continued = (self._notes / f"continued {order.execution_id}").exists()
        return "anew" if is_continued else ""

    async def _of_none(self, *_: object) -> str:
        return ""

    async def _of_task(self, steps: Any, order: Any, *_: object) -> str:
        return kind_of(await steps._performer._tasks.get(order.task_id))

    async def _of_effect(self, _: object, task: TaskInstance, *__: object) -> str:
        return kind_of(task)

    def _is_new(self, note: str) -> bool:
        try:
            os.close(os.open(self._notes / note, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


def kind_of(task: TaskInstance) -> str:
    """What boundaries are told apart by."""
    if task.role != "task":
        return task.role.value
    return "callback" if task.inputs.get("callback") else task.kind.value


def make_small() -> None:
    """Windows, histories, and the time until others take over from the dead."""
    vars(window)["MOST_STEPS"] = vars(runner)["MOST_STEPS"] = SMALL_WINDOW
    first_window = functools.partial(window.first_window, most=SMALL_WINDOW)
    vars(runner)["first_window"] = first_window
    soon = timedelta(seconds=1)
    patient = vars(worker)["Worker"]
    vars(worker)["Worker"] = functools.partial(patient, sticky_queue_schedule_to_start_timeout=soon)
    vars(worker)["SandboxedWorkflowRunner"] = lambda **_: UnsandboxedWorkflowRunner()

    def is_long(this: Any) -> bool:
        events = workflow.info().get_current_history_length()
        return events > SHORT_HISTORY and not this._children

    for name, otherwise in {"_is_long": is_long}.items():
        setattr(TaskGraph, name, otherwise)


def serve(command: list[str]) -> None:
    """In the child: the command, which ends when the one who started it does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    sys.argv = ["activity-core", *command]
    main()


def restart(notes: Path, command: list[str]) -> int:
    """Until it ends otherwise than by dying; its exit status then."""
    Mortal(notes).patch()
    make_small()
    while True:
        child = os.fork()
        if not child:
            serve(command)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    assert imported_once
    sys.exit(restart(Path(sys.argv[1]), sys.argv[2:]))
