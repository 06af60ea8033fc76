"""Progress: how far a run is, in ids and policies only.

`services.runner` says it, the `RunActivity` workflow acts on it. It travels through Temporal's
history as JSON, so nothing of events, context or task inputs may ever be in it. Standard library
only: the workflow sandbox imports it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ProgressState(StrEnum):
    """What the workflow does next: nothing, gather remote sources, or perform tasks."""

    DONE = "done"
    GATHER = "gather"
    PERFORM = "perform"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try and how long to wait for it; times in seconds, 0 is no limit.

    Attributes:
        timeout: of one attempt.
        schedule_to_start: of waiting for a worker.
        schedule_to_close: of all attempts together.
        heartbeat: of silence within an attempt.
        non_retryable: types of failures after which nobody tries again.
        priority: 1 (first) to 5 (last); 0 is that of the workflow.
    """

    attempts: int
    first_backoff: float
    longest_backoff: float
    timeout: float
    coefficient: float = 2.0
    schedule_to_start: float = 0.0
    schedule_to_close: float = 0.0
    heartbeat: float = 0.0
    non_retryable: list[str] = field(default_factory=list)
    priority: int = 0


@dataclass(frozen=True, slots=True)
class SourceStep:
    """A remote source that has not answered yet."""

    name: str
    patience: Patience


@dataclass(frozen=True, slots=True)
class TaskStep:
    """A task that the workflow has to do with.

    Attributes:
        needs: ids of tasks among these steps that must be over before, as `join` says.
        status: its final status if it has one already, else empty; `outcome` goes with it.
        by_person: a person completes it; otherwise a worker on `queue` (empty: the default one).
        awaited: the run stays open until the person is done.
        hidden: people do not see it until what it needs is done.
        group: of the tasks that belong together, one rule and item; needs stay within it.
        rule: whose `parallel` bounds how many of its tasks machines do at the same time.
        call: `activity` or `workflow` if the workflow itself calls what others provide.
        on_failure: `fail`, `continue` or `compensate`.
        undo: whether it can be compensated.
    """

    task_id: str
    needs: list[str]
    patience: Patience
    status: str = ""
    by_person: bool = False
    awaited: bool = False
    hidden: bool = False
    queue: str = ""
    outcome: str = ""
    group: str = ""
    rule: str = ""
    parallel: int = 10
    join: str = "all_succeeded"
    on_failure: str = "fail"
    call: str = ""
    undo: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What is left of an execution.

    Attributes:
        execution_id: of the runs; a slot's execution only exists once it is claimed.
        counts: how many runs were closed by this step, by status.
        run_id: the one run that something is left of; empty when done.
        attempt: of that run, from 1.
        following: where the tasks after these start, as `NextTasks` asks; empty: these are all.
        stop: why the run is to end before its tasks are done: `compensate`, or empty.
    """

    state: ProgressState
    execution_id: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    run_id: str = ""
    attempt: int = 1
    sources: list[SourceStep] = field(default_factory=list)
    tasks: list[TaskStep] = field(default_factory=list)
    following: str = ""
    stop: str = ""


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """What a step made of a task: what is stored, which the first end of a task decides.

    Attributes:
        status: a final one; or `running`: what the other side was asked for comes by a callback.
        wait_seconds: how long such a task still waits for it; 0 otherwise. Asked again, a step
            answers what is left and does not ask the other side again.
    """

    status: str
    outcome: str = ""
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """What the workflow calls for a task of kind `activity` or `workflow`.

    Attributes:
        type: of the Temporal activity or workflow; `args` are JSON.
        parent_close: what becomes of a child workflow if its run is ended: `terminate`, `abandon`
            or `request_cancel`.
        end: of a task that is over already, so that nothing is called.
    """

    type: str = ""
    args: list[Any] = field(default_factory=list)
    parent_close: str = "request_cancel"
    end: TaskEnd | None = None


@dataclass(frozen=True, slots=True)
class TaskStates:
    """Those tasks of a run that are final, by id; and `stop` as in `Progress`."""

    final: dict[str, TaskEnd]
    stop: str = ""
