"""What a run decided, as one record to be written.

In: a claimed run, its definition and the context it gathered. Out: a `RunRecord` with its tasks
and announcements. An emit task that needs nothing but emit tasks, and is not late, is done with the
recording itself: its event is among the announcements.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import ActivityCoreError, ExpressionError
from activity_core.core.expression.message import shorten
from activity_core.core.human.clock import clock_of
from activity_core.core.human.notices import Told, notifications
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.rules.context import ContextSnapshot, take_snapshot
from activity_core.core.rules.decide import decide
from activity_core.core.rules.task_spec import TaskKind, TaskSpec
from activity_core.core.run.announcing import RunVoice
from activity_core.core.run.errors import ContextUnavailableError, LimitExceededError
from activity_core.core.run.run import ClaimedRun, RunFailure, RunRecord, RunStatus
from activity_core.core.run.task import TIMELESS, NewTask, TaskStatus
from activity_core.core.run.task_steps import steps_of

EXPECTED = (ExpressionError, LimitExceededError, ContextUnavailableError)
"""Errors of `decided`: of the definition or of its data, never of ours."""


def run_variables(run: ClaimedRun) -> dict[str, JsonValue]:
    """What expressions see as `run`."""
    return {"id": run.run_id, "definition_id": run.definition_id}


def decided(
    voice: RunVoice,
    definition: ActivityDefinition,
    context: Mapping[str, JsonValue],
    config: Mapping[str, JsonValue],
    calendars: Mapping[str, Calendar],
) -> RunRecord:
    """Take the snapshot and decide; what fails on this input is a failed run."""
    run, snapshot = voice.run, None
    try:
        about_run = run_variables(run) | {"version": run.version}
        case = run.occurrence.case
        snapshot = take_snapshot(run.occurrence, about_run, config, context, case=case)
        found = decide(definition, run.occurrence, run.run_id, context, config, case=case)
    except EXPECTED as error:
        return failed(voice, failure_of(error), snapshot)
    tasks = new_tasks(found.tasks, voice.origin.at, calendars)
    told = [each for task in tasks for each in _created(run.run_id, task)]
    is_open = bool(steps_of(tasks))
    announcements = [voice.started()]
    for task in [*tasks, *told]:
        announcements.append(voice.task_created(task))
        if task.status is TaskStatus.COMPLETED:
            announcements += voice.emitted(task.spec)
    if not is_open:
        announcements.append(voice.ended(RunStatus.COMPLETED))
    return RunRecord(
        run.run_id,
        RunStatus.RUNNING if is_open else RunStatus.COMPLETED,
        snapshot.body,
        snapshot.hash,
        rules=found.rules,
        tasks=tasks,
        notifications=told,
        announcements=announcements,
    )


def failed(
    voice: RunVoice, failure: RunFailure, snapshot: ContextSnapshot | None = None
) -> RunRecord:
    """The record of a run that could not decide; without a snapshot it names only itself."""
    bare = canonical_json({"run": run_variables(voice.run)})
    return RunRecord(
        voice.run.run_id,
        RunStatus.FAILED,
        snapshot.body if snapshot else bare,
        snapshot.hash if snapshot else sha256(bare).hexdigest(),
        failure=failure,
        announcements=[voice.started(), voice.ended(RunStatus.FAILED, failure)],
    )


def failure_of(error: Exception) -> RunFailure:
    """Stable code and one printable line."""
    code = error.code if isinstance(error, ActivityCoreError) else ActivityCoreError.code
    text = str(error) if isinstance(error, ActivityCoreError) else repr(error)
    return RunFailure(code, shorten(text, 1_000))


def new_tasks(
    specs: Sequence[TaskSpec], at: datetime, calendars: Mapping[str, Calendar]
) -> list[NewTask]:
    """The rows to write, what is completed by writing them first and in the order it happens."""
    done = _done_at_once(specs)
    others = [spec for spec in specs if spec.task_id not in done]
    return [
        *(NewTask(spec, TaskStatus.COMPLETED) for spec in done.values()),
        *(
            _ready(spec, at, calendars)
            if done.keys() >= set(spec.needs) and not spec.late and spec.join != "any_failed"
            else NewTask(spec, TaskStatus.PENDING)
            for spec in others
        ),
    ]


def _ready(spec: TaskSpec, at: datetime, calendars: Mapping[str, Calendar]) -> NewTask:
    clock = clock_of(spec.human, at, calendars) if spec.human else TIMELESS
    return NewTask(spec, TaskStatus.READY, clock)


def _created(run_id: str, task: NewTask) -> list[NewTask]:
    """Who is told of a task that people can do at once."""
    if task.status is not TaskStatus.READY:
        return []
    return notifications(task.spec.human, Told.new(run_id, task.spec), "created")


def _done_at_once(specs: Sequence[TaskSpec]) -> dict[str, TaskSpec]:
    done: dict[str, TaskSpec] = {}
    waiting = [
        spec
        for spec in specs
        if spec.kind is TaskKind.EMIT and not spec.late and spec.join != "any_failed"
    ]
    while ready := [spec for spec in waiting if done.keys() >= set(spec.needs)]:
        done |= {spec.task_id: spec for spec in ready}
        waiting = [spec for spec in waiting if spec.task_id not in done]
    return done
