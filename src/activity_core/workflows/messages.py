"""What goes into and comes out of the `RunActivity` workflow and its Temporal activities.

One dataclass in, one out; ids and short texts only. Names are part of recorded histories: a
changed name breaks the replay of what is running. Imported by the workflow sandbox, so standard
library only. What older histories do not hold has a default.
"""

from dataclasses import dataclass, field

from activity_core.core.run.progress import TaskStep

RUN_ACTIVITY = "RunActivity"
SLOT_TICK = "SlotTick"
PERFORM_ALONE = "PerformTask"
TASKS_CHANGED = "tasks_changed"

ADVANCE = "advance"
GATHER_SOURCE = "gather_source"
FAIL_RUN = "fail_run"
NEXT_TASKS = "next_tasks"
PERFORM_TASK = "perform_task"
CALL_TASK = "call_task"
END_TASK = "end_task"
FAIL_TASK = "fail_task"
SKIP_TASKS = "skip_tasks"
MAKE_READY = "make_ready"
TASK_STATES = "task_states"
BEGIN_COMPENSATION = "begin_compensation"
COMPENSATION_FAILED = "compensation_failed"
CLOSE_RUN = "close_run"
SETTLE_SLOTS = "settle_slots"

UNAVAILABLE = "unavailable"
"""Type of the failure when a part of ours could not be reached: costs time, never an attempt."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """An execution that was committed; `counts` of its runs were closed before it continued."""

    execution_id: str
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How many runs the workflow closed, by status; the database has the details."""

    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class GatherSource:
    """Ask one remote source of one run."""

    execution_id: str
    run_id: str
    source: str


@dataclass(frozen=True, slots=True)
class FailRun:
    """A run cannot go on: a source did not answer."""

    execution_id: str
    run_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class NextTasks:
    """The tasks of a run that come after some; answered with a `Progress`."""

    execution_id: str
    run_id: str
    after: str


@dataclass(frozen=True, slots=True)
class PerformTask:
    """One automated task; `run_attempt` counts the attempts of its run. Answer: a `TaskEnd`."""

    task_id: str
    run_attempt: int


@dataclass(frozen=True, slots=True)
class CallTask:
    """Begin a task that the workflow itself calls; answered with a `Call`."""

    task_id: str
    run_attempt: int


@dataclass(frozen=True, slots=True)
class EndTask:
    """What was called for a task answered. Beside it goes the answer; ours is a `TaskEnd`."""

    task_id: str
    run_attempt: int


@dataclass(frozen=True, slots=True)
class FailTask:
    """A task that nobody tries again, and the type of its failure. Answer: a `TaskEnd`."""

    task_id: str
    run_attempt: int
    message: str
    error_type: str = ""


@dataclass(frozen=True, slots=True)
class SkipTasks:
    """Tasks that can never start, because of what became of others."""

    task_ids: list[str]
    run_attempt: int


@dataclass(frozen=True, slots=True)
class MakeReady:
    """Tasks whose needs are done: people may see them now. Answered with a `TaskAnswer`."""

    task_ids: list[str]
    run_attempt: int = 1


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    """Tasks of one run: what became of them."""

    run_id: str
    task_ids: list[str]


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """Those among them that are final, with status and outcome; `stop` as in `Progress`."""

    final: dict[str, str]
    outcomes: dict[str, str] = field(default_factory=dict)
    stop: str = ""


@dataclass(frozen=True, slots=True)
class BeginCompensation:
    """Undo what is completed of one group, or of all groups (empty).

    Whatever of it is not over is cancelled. Asked again until no compensation is left to do.
    """

    run_id: str
    group: str
    run_attempt: int


@dataclass(frozen=True, slots=True)
class Compensations:
    """The next ones that are not over yet, in their order and not too many; none: all are over."""

    steps: list[TaskStep]


@dataclass(frozen=True, slots=True)
class CompensationFailed:
    """A compensation that nobody tries again: a person is to look after it."""

    task_id: str


@dataclass(frozen=True, slots=True)
class CloseRun:
    """Nothing is left of a run."""

    execution_id: str
    run_id: str
