"""Who has a human task: claimed, given back, handed on, talked about.

In: a dossier and a request. Out: the next state with its line of the log; None if the task is as
asked already, so that a request may be repeated. All of them raise ConflictError (somebody else
has it, it is over, it still waits), StaleError, or BadInputError.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from activity_core.core.errors import BadInputError, ConflictError
from activity_core.core.human.dossier import Change, Dossier, Request
from activity_core.core.human.log import Action
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.task import TaskInstance, TaskStatus


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a task is handed on to: one person, or groups."""

    user: str | None = None
    groups: Sequence[str] = ()


def claim(dossier: Dossier, request: Request, at: datetime) -> Change | None:
    """The task is one person's; FourEyesError if the person may not do it."""
    dossier.check_person()
    if dossier.task.status is TaskStatus.CLAIMED and dossier.task.claimed_by == request.by:
        return None
    dossier.check_open(request)
    dossier.check_may_do(request.by)
    task = replace(dossier.task, status=TaskStatus.CLAIMED, claimed_by=request.by)
    return dossier.changed(task, Action.CLAIMED, request, at)


def unclaim(dossier: Dossier, request: Request, at: datetime) -> Change | None:
    """Nobody has it any more; it is for whom it was."""
    dossier.check_person()
    if dossier.task.status is TaskStatus.READY:
        return None
    dossier.check_open(request)
    dossier.check_holder(request.by)
    return dossier.changed(_let_go(dossier.task), Action.UNCLAIMED, request, at)


def delegate(dossier: Dossier, request: Request, to: Recipient, at: datetime) -> Change:
    """It is for somebody else from now on. A person's groups stay, for when it is given back."""
    dossier.check_person()
    if (to.user is None) == (not to.groups):
        raise BadInputError(
            "exactly one of `user`, `groups` must be given", subject=dossier.subject
        )
    dossier.check_open(request)
    dossier.check_holder(request.by)
    groups = to.groups or dossier.task.groups
    task = replace(_let_go(dossier.task), assignee=to.user, groups=tuple(groups))
    return dossier.changed(task, Action.DELEGATED, request, at, _for_whom(task))


def give_back(dossier: Dossier, request: Request, at: datetime) -> Change:
    """Whoever had it says why not: it is for its groups again, if it has any."""
    dossier.check_person()
    _check_reason(dossier, request)
    dossier.check_open(request)
    dossier.check_holder(request.by)
    if request.by not in {dossier.holder, dossier.task.assignee}:
        raise ConflictError(
            "nobody has it" if dossier.task.assignee is None else "it is not yours to return",
            subject=dossier.subject,
            hint="delegate it to whom it is for",
        )
    task = _let_go(dossier.task)
    if task.groups:
        task = replace(task, assignee=None)
    return dossier.changed(task, Action.RETURNED, request, at, _for_whom(task))


def comment(dossier: Dossier, request: Request, at: datetime) -> Change:
    """A word about it, at any time, by anybody."""
    dossier.check_person()
    _check_reason(dossier, request)
    dossier.check_revision(request)
    return dossier.changed(dossier.task, Action.COMMENTED, request, at)


def _check_reason(dossier: Dossier, request: Request) -> None:
    if not request.comment.strip():
        raise BadInputError("say something in `comment`", subject=dossier.subject)


def _let_go(task: TaskInstance) -> TaskInstance:
    return replace(task, status=TaskStatus.READY, claimed_by=None)


def _for_whom(task: TaskInstance) -> dict[str, JsonValue]:
    return {"assignee": task.assignee, "groups": list(task.groups)}
