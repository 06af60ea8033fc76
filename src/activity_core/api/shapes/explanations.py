"""Explanations as the API shows them: verdicts, near misses, lineages, simulations."""

from typing import Any, Literal

from activity_core.api.shapes.base import Shape
from activity_core.api.shapes.runs import Failure, RuleItem, RunDetail, TaskItem
from activity_core.core.decision import Outcome


class NearMiss(Shape):
    """What would have listened, had a little been otherwise; `version` is null of event types."""

    kind: Literal["type", "source", "retired", "published_later", "event_type"]
    id: str
    version: int | None
    why: str


class CausingDecision(Shape):
    """A decision on the way; `backfill_id` and `replay_id` say who asked again."""

    outcome: Outcome
    reason: str
    version: int
    backfill_id: str | None
    replay_id: str | None
    decided_at: str


class CausingEvent(Shape):
    """An event on the way; of one that is not kept any more only `source` and `id` are known."""

    source: str
    id: str
    type: str | None = None
    subject: str | None = None
    received_at: str | None = None
    via: str | None = None
    causation_depth: int | None = None


class CausingTask(Shape):
    """The task of a run that is on the way."""

    task_id: str
    rule: str
    spec_id: str
    item: int
    kind: str
    title: str
    status: str


class Cause(Shape):
    """What a run is for; `emitted_by` is the run that an event of our own came from."""

    kind: Literal["event", "slot", "backfill", "request", "rerun", "timer"]
    name: str
    decisions: list[CausingDecision]
    event: CausingEvent | None
    emitted_by: "Lineage | None"


class Lineage(Shape):
    """A run on the way back to the first cause; `rule` is the trace of its task's rule."""

    run_id: str
    definition_id: str
    version_used: int
    trigger: str
    case_id: str | None
    fired_at: str
    context_hash: str | None
    task: CausingTask | None
    rule: RuleItem | None
    causes: list[Cause]
    more_causes: int


class RunExplained(RunDetail):
    """A run, and what led to it."""

    lineage: Lineage


class TaskExplained(TaskItem):
    """A task, and what led to it."""

    lineage: Lineage


class SimulatedAdmission(Shape):
    """What the door would say; `masked`: secrets would be masked."""

    sender: str | None
    allowed: bool
    code: str | None
    message: str | None
    pointers: list[str]
    masked: bool


class SimulatedTask(Shape):
    """A task that would follow."""

    task_id: str
    rule: str
    spec_id: str
    item: int
    kind: str
    title: str
    assignee: str | None
    groups: list[str]
    inputs: dict[str, Any]


class Follows(Shape):
    """What a run would decide; if it would ask sources (by name, with their kind), nobody knows."""

    asks: dict[str, str]
    rules: list[RuleItem]
    tasks: list[SimulatedTask]
    more_tasks: int
    failure: Failure | None


class SimulatedVerdict(Shape):
    """What a definition would make of it; `run_id` of the run that there is or would be."""

    definition_id: str
    version: int
    draft: bool
    outcome: Outcome
    reason: str
    clause: str | None
    occurrence_key: str | None
    run_id: str | None
    stage: str | None
    until: str | None
    follows: Follows | None


class SimulatedEvent(Shape):
    """What would become of an event; `displaces`: runs that would be cancelled for it."""

    source: str
    id: str
    type: str
    state: Literal["refused", "duplicate", "unmatched", "routed"]
    admission: SimulatedAdmission
    revision: int
    listened: int
    counts: dict[Outcome, int]
    verdicts: list[SimulatedVerdict]
    displaces: list[str]
    nearest_misses: list[NearMiss]
