"""How people end a human task: with an outcome that its run goes on with, or by turning it down.

In: a dossier, a request, and the answer. Out: the final state with its line of the log; None if it
ended by this very answer before. An answer that does not fit leaves the task as it was.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from activity_core.core.definition.json_schema import misfits
from activity_core.core.errors import BadInputError, SchemaMismatchError
from activity_core.core.expression.message import shorten
from activity_core.core.human.dossier import Change, Dossier, Request
from activity_core.core.human.log import Action
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.run.task import TaskResult, TaskStatus

REJECTED = "rejected"
"""Outcome, and type of the failure, of a task that a person turned down."""
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says about a task they did; `data` is what its form asks for."""

    outcome: str
    data: JsonValue = None


def complete(dossier: Dossier, request: Request, answer: Answer, at: datetime) -> Change | None:
    """It is done.

    Raises:
        ConflictError: somebody else has it or ended it, it still waits, it ended otherwise.
        FourEyesError: the person may not do it.
        StaleError: it changed since the person looked.
        BadInputError: it does not have that outcome.
        SchemaMismatchError: the data does not fit its form; with pointers into the data.
    """
    result = TaskResult(
        TaskStatus.COMPLETED,
        outcome=answer.outcome,
        outputs=answer.data,
        comment=request.comment,
        by=request.by,
    )
    return _ended(dossier, request, Action.COMPLETED, result, at)


def reject(dossier: Dossier, request: Request, at: datetime) -> Change | None:
    """It will not be done, for the reason in `request.comment`: it failed.

    Raises:
        ConflictError, FourEyesError, StaleError: as for `complete`.
        BadInputError: no reason.
    """
    if not request.comment.strip():
        raise BadInputError("say why in `comment`", subject=dossier.subject)
    result = TaskResult(
        TaskStatus.FAILED,
        outcome=REJECTED,
        error=request.comment,
        comment=request.comment,
        by=request.by,
        error_type=REJECTED,
    )
    return _ended(dossier, request, Action.REJECTED, result, at)


def _ended(
    dossier: Dossier, request: Request, action: Action, result: TaskResult, at: datetime
) -> Change | None:
    dossier.check_person()
    stored = dossier.task.result
    if stored and _identity(stored) == _identity(result):
        return None
    dossier.check_open(request)
    dossier.check_may_do(request.by)
    if result.status is TaskStatus.COMPLETED:
        _check_answer(dossier, result)
    task = replace(
        dossier.task,
        status=result.status,
        result=result,
        clock=replace(dossier.task.clock, wake_at=None),
        finished_at=at,
    )
    data: dict[str, JsonValue] = {"outcome": result.outcome, "outputs": result.outputs}
    return dossier.changed(task, action, request, at, data)


def _identity(result: TaskResult) -> bytes:
    """What makes an answer the same one; words beside it may differ, and it may be undone since."""
    is_failure = result.status is TaskStatus.FAILED
    return canonical_json([is_failure, result.by, result.outcome, result.outputs])


def _check_answer(dossier: Dossier, result: TaskResult) -> None:
    outcomes = dossier.human.outcomes if dossier.human else ()
    if outcomes and result.outcome not in outcomes:
        raise BadInputError(
            f"it has no outcome {result.outcome!r}",
            subject=dossier.subject,
            hint=f"one of {', '.join(outcomes)}",
        )
    form = dossier.human.form if dossier.human else None
    if form is None:
        return
    if found := misfits(form, result.outputs):
        reasons = "; ".join(
            f"{pointer or 'the data'}: {shorten(reason, _LONGEST_REASON)}"
            for pointer, reason in found
        )
        raise SchemaMismatchError(
            f"the data does not fit the task's form: {reasons}",
            subject=dossier.subject,
            hint="see `form` in the task's inputs",
            pointers=[pointer for pointer, _ in found],
        )
