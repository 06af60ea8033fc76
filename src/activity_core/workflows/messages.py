"""What goes into and comes out of the `RunActivity` workflow and its Temporal activities.

One dataclass in, one out; ids and short texts only. Names are part of recorded histories: a
changed name breaks the replay of what is running. Imported by the workflow sandbox, so standard
library only.
"""

from dataclasses import dataclass

RUN_ACTIVITY = "RunActivity"
SLOT_TICK = "SlotTick"
TASKS_CHANGED = "tasks_changed"

ADVANCE = "advance"
GATHER_SOURCE = "gather_source"
FAIL_RUN = "fail_run"
PERFORM_TASK = "perform_task"
FAIL_TASK = "fail_task"
MAKE_READY = "make_ready"
TASK_STATES = "task_states"
CLOSE_RUN = "close_run"
SETTLE_SLOTS = "settle_slots"

UNAVAILABLE = "unavailable"
"""Type of the failure when a part of ours could not be reached: costs time, never an attempt."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """An execution that was committed."""

    execution_id: str


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
class PerformTask:
    """One automated task; `run_attempt` counts the attempts of its run."""

    task_id: str
    run_attempt: int


@dataclass(frozen=True, slots=True)
class FailTask:
    """A task that nobody tries again."""

    task_id: str
    run_attempt: int
    message: str


@dataclass(frozen=True, slots=True)
class MakeReady:
    """Tasks whose needs are done: people may see them now."""

    task_ids: list[str]


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    """Tasks of one run: what became of them."""

    run_id: str
    task_ids: list[str]


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """Those among them that are final, with their status."""

    final: dict[str, str]


@dataclass(frozen=True, slots=True)
class CloseRun:
    """Nothing is left of a run."""

    execution_id: str
    run_id: str
