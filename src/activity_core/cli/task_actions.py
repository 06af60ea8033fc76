"""Commands for people with a task: claim, hand on, give back, end, talk about."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from activity_core.cli.arguments import api, json_value
from activity_core.cli.output import AsJson, print_json
from activity_core.cli.tasks import By, TaskId, tasks, whose

Revision = Annotated[
    int | None, typer.Option(min=0, help="Only if it still is the task that you saw.")
]
Comment = Annotated[str, typer.Option(help="For whoever reads it later.")]
Reason = Annotated[str, typer.Option(help="Why.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to those about tasks."""
    del app  # they are in the group `tasks`
    for command in (claim, unclaim, delegate, complete, reject, comment):
        tasks.command()(command)
    tasks.command("return")(return_)


def claim(
    ctx: typer.Context,
    task_id: TaskId,
    *,
    by: By = None,
    revision: Revision = None,
    as_json: AsJson = False,
) -> None:
    """Have a task for yourself."""
    _do(ctx, task_id, "claim", {"by": by, "revision": revision}, as_json=as_json)


def unclaim(
    ctx: typer.Context,
    task_id: TaskId,
    *,
    by: By = None,
    revision: Revision = None,
    as_json: AsJson = False,
) -> None:
    """Have it no more."""
    _do(ctx, task_id, "unclaim", {"by": by, "revision": revision}, as_json=as_json)


def delegate(
    ctx: typer.Context,
    task_id: TaskId,
    *,
    to: Annotated[str | None, typer.Option(help="The person to do it.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Or a group; may be repeated.")] = None,
    comment: Comment = "",
    by: By = None,
    revision: Revision = None,
    as_json: AsJson = False,
) -> None:
    """Hand it on to a person or to groups."""
    said = {"user": to, "groups": group or None, "comment": comment}
    _do(ctx, task_id, "delegate", said | {"by": by, "revision": revision}, as_json=as_json)


def return_(
    ctx: typer.Context,
    task_id: TaskId,
    *,
    comment: Reason,
    by: By = None,
    revision: Revision = None,
    as_json: AsJson = False,
) -> None:
    """Give it back to its groups, and say why."""
    said = {"comment": comment, "by": by, "revision": revision}
    _do(ctx, task_id, "return", said, as_json=as_json)


def complete(
    ctx: typer.Context,
    task_id: TaskId,
    *,
    outcome: Annotated[str, typer.Option(help="How it ended, for example done.")],
    data: Annotated[str | None, typer.Option(help="JSON that fits the task's form.")] = None,
    comment: Comment = "",
    by: By = None,
    revision: Revision = None,
    as_json: AsJson = False,
) -> None:
    """Complete a task of a person."""
    said = {
        "outcome": outcome,
        "data": None if data is None else json_value(data, "--data"),
        "comment": comment,
        "by": by,
        "revision": revision,
    }
    _do(ctx, task_id, "complete", said, as_json=as_json)


def reject(
    ctx: typer.Context,
    task_id: TaskId,
    *,
    comment: Reason,
    by: By = None,
    revision: Revision = None,
    as_json: AsJson = False,
) -> None:
    """Turn it down for good, and say why: the task failed."""
    said = {"comment": comment, "by": by, "revision": revision}
    _do(ctx, task_id, "reject", said, as_json=as_json)


def comment(
    ctx: typer.Context,
    task_id: TaskId,
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What there is to say.")],
    *,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say something about it; it stays in its log."""
    _do(ctx, task_id, "comments", {"comment": words, "by": by}, as_json=as_json)


def _do(
    ctx: typer.Context, task_id: str, what: str, said: Mapping[str, Any], *, as_json: bool
) -> None:
    body = {name: value for name, value in said.items() if value is not None}
    answer = api(ctx).post("tasks", task_id, what, body=body)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"{answer['task_id']}: {_state(answer)}")


def _state(task: Mapping[str, Any]) -> str:
    if task["outcome"] is not None:
        return f"{task['status']}, {task['outcome']}"
    if task["status"] == "claimed":
        return f"claimed by {task['claimed_by']}"
    return f"{task['status']}, for {whose(task) or 'anybody'}"
