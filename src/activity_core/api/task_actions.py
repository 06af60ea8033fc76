"""What people do with their tasks: claim, hand on, give back, end, talk about.

Each body may say `by`, the person (default: the name of the API key), and `revision`, the one that
the person saw. All of them answer the task as it is then.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Body, Words, documented, json_body
from activity_core.api.parts import Actor, ApiParts, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import StrictRoute, problems
from activity_core.api.shapes.runs import TaskItem
from activity_core.core.human.answering import Answer
from activity_core.core.human.dossier import Request
from activity_core.core.human.handling import Recipient

router = APIRouter(prefix="/v1/tasks/{task_id}", tags=["tasks"], route_class=StrictRoute)

Name = Annotated[Words, Field(min_length=1, max_length=200)]
"""Of a person or a group."""

_REFUSED = problems(
    _400="the body does not fit",
    _404="no such task",
    _409="somebody else has it, its state does not allow it, or it is another revision",
)


class Asking(Body):
    """What every request may say."""

    by: Name | None = None
    revision: Annotated[int, Field(ge=0)] | None = None
    comment: Annotated[Words, Field(max_length=20_000)] = ""

    def request(self, actor: str) -> Request:
        """As it is handled; `actor` is the name of the API key."""
        return Request(self.by or actor, actor, self.comment, self.revision)


class Delegating(Asking):
    """To whom: either one person or some groups."""

    user: Name | None = None
    groups: Annotated[list[Name], Field(max_length=50, default_factory=list)]


class Explaining(Asking):
    """`comment` says why, or what there is to say."""

    comment: Annotated[Words, Field(min_length=1, max_length=20_000)]


Asked = Annotated[Asking, Depends(json_body(Asking))]
Explained = Annotated[Explaining, Depends(json_body(Explaining))]


class Completing(Asking):
    """What somebody says about a task they did; `data` must fit the task's form."""

    outcome: Annotated[Words, Field(min_length=1, max_length=200)]
    data: Any = None


@router.post(
    "/claim",
    response_model=TaskItem,
    openapi_extra=documented(Asking, {"by": "ann"}, required=False),
    responses=_REFUSED,
)
async def claim_task(parts: Parts, actor: Actor, task_id: str, said: Asked) -> Response:
    """Have a task for oneself. Of two at once one gets it, the other is told who."""
    await parts.task_inbox.claim(task_id, said.request(actor))
    return await _shown(parts, task_id)


@router.post(
    "/unclaim",
    response_model=TaskItem,
    openapi_extra=documented(Asking, {"by": "ann"}, required=False),
    responses=_REFUSED,
)
async def unclaim_task(parts: Parts, actor: Actor, task_id: str, said: Asked) -> Response:
    """Have it no more; it is for whom it was."""
    await parts.task_inbox.unclaim(task_id, said.request(actor))
    return await _shown(parts, task_id)


@router.post(
    "/delegate",
    response_model=TaskItem,
    openapi_extra=documented(Delegating, {"user": "bob", "comment": "knows the customer"}),
    responses=_REFUSED,
)
async def delegate_task(
    parts: Parts,
    actor: Actor,
    task_id: str,
    said: Annotated[Delegating, Depends(json_body(Delegating))],
) -> Response:
    """Hand it on to a person or to groups: by whoever has it, or anybody while nobody does."""
    to = Recipient(said.user, tuple(said.groups))
    await parts.task_inbox.delegate(task_id, said.request(actor), to)
    return await _shown(parts, task_id)


@router.post(
    "/return",
    response_model=TaskItem,
    openapi_extra=documented(Explaining, {"comment": "I know the customer in private"}),
    responses=_REFUSED,
)
async def return_task(parts: Parts, actor: Actor, task_id: str, said: Explained) -> Response:
    """Give it back to its groups, and say why."""
    await parts.task_inbox.give_back(task_id, said.request(actor))
    return await _shown(parts, task_id)


@router.post(
    "/complete",
    response_model=TaskItem,
    openapi_extra=documented(
        Completing, {"outcome": "done", "data": {"reached": True}, "comment": "paid by Friday"}
    ),
    responses=_REFUSED | problems(_422="the data does not fit its form; with `pointers`"),
)
async def complete_task(
    parts: Parts,
    actor: Actor,
    task_id: str,
    said: Annotated[Completing, Depends(json_body(Completing))],
) -> Response:
    """Complete a task, once; the same completion again answers the same."""
    answer = Answer(said.outcome, said.data)
    await parts.task_inbox.complete(task_id, said.request(actor), answer)
    return await _shown(parts, task_id)


@router.post(
    "/reject",
    response_model=TaskItem,
    openapi_extra=documented(Explaining, {"comment": "there is no such invoice"}),
    responses=_REFUSED,
)
async def reject_task(parts: Parts, actor: Actor, task_id: str, said: Explained) -> Response:
    """Turn it down for good, and say why: the task failed, with outcome `rejected`."""
    await parts.task_inbox.reject(task_id, said.request(actor))
    return await _shown(parts, task_id)


@router.post(
    "/comments",
    response_model=TaskItem,
    openapi_extra=documented(Explaining, {"comment": "called twice, nobody answers"}),
    responses=_REFUSED,
)
async def comment_task(parts: Parts, actor: Actor, task_id: str, said: Explained) -> Response:
    """Say something about it; it stays in the log."""
    await parts.task_inbox.comment(task_id, said.request(actor))
    return await _shown(parts, task_id)


async def _shown(parts: ApiParts, task_id: str) -> Response:
    return JsonResponse(await parts.reading.task(task_id))
