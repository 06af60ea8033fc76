"""Runs, their tasks and decisions as the API shows them."""

from typing import Any

from pydantic import BaseModel

from activity_core.api.shapes.base import Shape
from activity_core.core.decision import Outcome
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import TaskStatus
from activity_core.ports.run_control import RunAction


class EventRef(Shape):
    """What identifies an event."""

    source: str
    id: str


class DecisionItem(Shape):
    """What became of one occurrence for one definition."""

    definition_id: str
    version: int
    outcome: Outcome
    reason: str
    trace: dict[str, Any] | None
    occurrence_key: str
    run_id: str | None
    source: str | None
    event_id: str | None
    slot: str | None
    lag_seconds: float | None
    backfill_id: str | None
    replay_id: str | None
    decided_at: str


class Verdict(BaseModel):
    """A decision, or for a definition whose filter said no, its failing clause."""

    definition_id: str
    version: int
    outcome: Outcome
    reason: str
    clause: str | None = None
    run_id: str | None = None


class Failure(Shape):
    """Why a run failed."""

    code: str
    message: str


class GapItem(Shape):
    """Missed slots that one run makes up for; `slots` are the newest of `count`."""

    start: str
    end: str
    count: int
    slots: list[str]


class RunItem(Shape):
    """One execution of one definition version for one occurrence."""

    run_id: str
    definition_id: str
    version_used: int
    occurrence_key: str
    trigger: str
    status: RunStatus
    attempt: int
    workflow_id: str | None
    scheduled_for: str | None
    lag_seconds: float | None
    gap: GapItem | None
    fired_at: str
    started_at: str | None
    finished_at: str | None
    failure: Failure | None
    events: list[EventRef]
    events_forgotten: int
    tasks_spawned: list[str]
    context_hash: str | None
    rerun_of: str | None
    case_id: str | None
    timer: str | None
    stop: str


class TaskItem(Shape):
    """A task; the texts from outcome to completed_by are null until it ended.

    `revision` counts what people and time did to it. `role` says why it is there, `about` which
    task it undoes, tells of or asks help for. As long as it is `late`, it has no inputs: they need
    what other tasks came to.
    """

    task_id: str
    run_id: str
    definition_id: str
    version: int
    rule: str
    spec_id: str
    item: int
    kind: str
    title: str
    status: TaskStatus
    inputs: dict[str, Any]
    needs: list[str]
    assignee: str | None
    groups: list[str]
    wait: bool
    due_at: str | None
    follow_up_at: str | None
    claimed_by: str | None
    revision: int
    role: TaskRole
    about: str | None
    late: bool
    outcome: str | None
    outputs: Any
    error: str | None
    error_type: str | None
    comment: str | None
    completed_by: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempts: int


class RuleItem(Shape):
    """How often a rule was evaluated, how often it held, how many tasks followed."""

    rule: str
    evaluated: int
    matched: int
    tasks: int


class EventOut(Shape):
    """An event that a run recorded; `sent` once the broker has it."""

    event_id: str
    type: str
    subject: str
    created_at: str
    sent: bool


class RunLogLine(Shape):
    """What somebody did to a run; `about` is the skipped task, or the run that came of a rerun."""

    action: RunAction
    at: str
    by: str
    reason: str
    about: str


class RunDetail(RunItem):
    """A run with what it knew, decided and did; `log` has its newest 1,000 lines."""

    input: Any
    context_snapshot: dict[str, Any] | None
    rules: list[RuleItem] | None
    tasks: list[TaskItem]
    events_out: list[EventOut]
    decisions: list[DecisionItem]
    log: list[RunLogLine]


class RunStanding(Shape):
    """How a run stands after something was done to it; `stop` is what it is asked to do still."""

    run_id: str
    attempt: int
    status: RunStatus
    stop: str


class RerunAnswer(Shape):
    """Another run for the same occurrence; `status` is `accepted`, or `duplicate` of a request."""

    run_id: str
    rerun_of: str
    request_id: str
    status: str
