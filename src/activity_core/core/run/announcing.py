"""The announcements about runs and tasks, spelled out.

In: runs and tasks as `services.runner`, `performer`, `task_inbox` and `run_auditor` have them.
Out: `Announcement`s for the outbox, with the published field names. Their ids hold the attempt of
the run, because an operator's retry may fail, and succeed, once more.
"""

from dataclasses import dataclass
from datetime import datetime

from activity_core.core.definition.work import OURS
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskSpec
from activity_core.core.run.announcement import Announcement, Origin, announce, build
from activity_core.core.run.run import ClaimedRun, RunFailure, RunStatus
from activity_core.core.run.task import NewTask, TaskInstance, TaskResult, TaskStatus

_TASK_VERBS = {
    TaskStatus.COMPLETED: "completed",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELLED: "cancelled",
    TaskStatus.SKIPPED: "cancelled",
    TaskStatus.EXPIRED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class RunVoice:
    """Speaks about one claimed run and the tasks that it is about to record."""

    run: ClaimedRun
    origin: Origin

    @classmethod
    def of(cls, run: ClaimedRun, deployment: str, at: datetime) -> "RunVoice":
        """The voice of a run; what it says is caused by the run's events, if it has any."""
        event = run.occurrence.event
        depths = [each.causation_depth for each in run.occurrence.events]
        origin = Origin(
            deployment,
            at,
            run.run_id,
            traceparent=event.traceparent if event else None,
            causation_depth=max(depths, default=0) + 1,
        )
        return cls(run, origin)

    def started(self) -> Announcement:
        """`run.started`."""
        return self._about_run("started", RunStatus.RUNNING, None)

    def ended(self, status: RunStatus, failure: RunFailure | None = None) -> Announcement:
        """`run.completed` or `run.failed`."""
        verb = "completed" if status is RunStatus.COMPLETED else "failed"
        return self._about_run(verb, status, failure)

    def task_created(self, task: NewTask) -> Announcement:
        """`task.created`."""
        data = self._task_data(task.spec) | {
            "status": TaskStatus.READY if task.status is TaskStatus.COMPLETED else task.status,
            "due_at": rfc3339(task.clock.due_at) if task.clock.due_at else None,
        }
        return announce(self.origin, "task", "created", task.spec.task_id, data)

    def emitted(self, spec: TaskSpec) -> list[Announcement]:
        """The event that an emit task is for, and the `task.completed` after it."""
        data = self._task_data(spec) | {"status": TaskStatus.COMPLETED, "outcome": "done"}
        return [
            _emitted(self.origin, spec.task_id, spec.inputs),
            announce(
                self.origin, "task", "completed", spec.task_id, data, attempt=self.run.attempt
            ),
        ]

    def _about_run(self, verb: str, status: RunStatus, failure: RunFailure | None) -> Announcement:
        run, slot = self.run, self.run.occurrence.scheduled_for
        data: dict[str, JsonValue] = {
            "run_id": run.run_id,
            "definition_id": run.definition_id,
            "version_used": run.version,
            "occurrence_key": run.occurrence.key,
            "trigger": run.occurrence.trigger,
            "scheduled_for": rfc3339(slot) if slot else None,
            "attempt": run.attempt,
            "status": status,
            "failure": _failure(failure),
        }
        return announce(self.origin, "run", verb, run.run_id, data, attempt=run.attempt)

    def _task_data(self, spec: TaskSpec) -> dict[str, JsonValue]:
        return {
            "task_id": spec.task_id,
            "run_id": self.run.run_id,
            "definition_id": self.run.definition_id,
            "version_used": self.run.version,
            "rule": spec.rule,
            "spec_id": spec.spec_id,
            "role": spec.role,
            "about": spec.about,
            "kind": spec.kind,
            "title": spec.title,
            "assignee": spec.assignee,
            "groups": list(spec.groups),
        }


def task_ended(
    task: TaskInstance, result: TaskResult, *, deployment: str, at: datetime, attempt: int = 1
) -> Announcement:
    """`task.completed`, `task.failed` or `task.cancelled`; `attempt` is that of the run."""
    data = _recorded(task) | {
        "status": result.status,
        "outcome": result.outcome,
        "outputs": result.outputs,
        "comment": result.comment,
        "completed_by": result.by,
        "error": result.error,
        "error_type": result.error_type,
    }
    origin = _origin(task, deployment, at)
    verb = _TASK_VERBS[result.status]
    return announce(origin, "task", verb, task.task_id, data, attempt=attempt)


def task_told(
    task: TaskInstance, verb: str, *, deployment: str, at: datetime, attempt: int
) -> Announcement:
    """`task.reminded`, `task.reassigned`, `task.escalated`; its id holds the task's revision."""
    return build(
        _origin(task, deployment, at),
        f"{OURS}task.{verb}.v1",
        task.task_id,
        _recorded(task),
        attempt=attempt,
        identity=f"{task.task_id}/{task.revision}",
    )


def task_added(task: TaskInstance, new: NewTask, *, deployment: str, at: datetime) -> Announcement:
    """`task.created` about a task that follows from another one of its run."""
    spec = new.spec
    data = _recorded(task) | {
        "task_id": spec.task_id,
        "spec_id": spec.spec_id,
        "role": spec.role,
        "about": spec.about,
        "kind": spec.kind,
        "title": spec.title,
        "status": new.status,
        "assignee": spec.assignee,
        "groups": list(spec.groups),
        "due_at": None,
    }
    return announce(_origin(task, deployment, at), "task", "created", spec.task_id, data)


def emitted(task: TaskInstance, *, deployment: str, at: datetime) -> Announcement:
    """The event that an emit task is for; its id is derived from the task's."""
    return _emitted(_origin(task, deployment, at), task.task_id, task.inputs)


def run_lost(
    run_id: str,
    definition_id: str,
    failure: RunFailure,
    *,
    status: RunStatus,
    attempt: int,
    deployment: str,
    at: datetime,
) -> Announcement:
    """`run.failed` about a run that its workflow says nothing of: lost, or ended from outside."""
    data: dict[str, JsonValue] = {
        "run_id": run_id,
        "definition_id": definition_id,
        "attempt": attempt,
        "status": status,
        "failure": _failure(failure),
    }
    return announce(Origin(deployment, at, run_id), "run", "failed", run_id, data, attempt=attempt)


def _recorded(task: TaskInstance) -> dict[str, JsonValue]:
    return {
        "task_id": task.task_id,
        "run_id": task.run_id,
        "definition_id": task.definition_id,
        "version_used": task.version,
        "rule": task.rule,
        "spec_id": task.spec_id,
        "role": task.role,
        "about": task.about,
        "kind": task.kind,
        "title": task.title,
        "status": task.status,
        "assignee": task.assignee,
        "groups": list(task.groups),
        "due_at": rfc3339(task.clock.due_at) if task.clock.due_at else None,
    }


def _origin(task: TaskInstance, deployment: str, at: datetime) -> Origin:
    return Origin(deployment, at, task.run_id, task.traceparent, task.causation_depth + 1)


def _emitted(origin: Origin, task_id: str, inputs: dict[str, JsonValue]) -> Announcement:
    subject = inputs.get("subject")
    return build(
        origin,
        str(inputs["type"]),
        str(subject) if subject else task_id,
        inputs.get("data"),
        identity=task_id,
    )


def _failure(failure: RunFailure | None) -> JsonValue:
    return {"code": failure.code, "message": failure.message} if failure else None
