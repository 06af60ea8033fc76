"""Commands about tasks: the inbox of those that people do, and the state of all of them.

What people do with theirs is in `task_actions`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from activity_core.cli.arguments import api
from activity_core.cli.output import (
    AsJson,
    Columns,
    Cursor,
    Limit,
    print_detail,
    print_page,
)

TaskId = Annotated[str, typer.Argument(metavar="ID", help="Id of a task.")]
By = Annotated[
    str | None,
    typer.Option(envvar="ACTIVITY_CORE_USER", help="Who you are; default: the API key's name."),
]

tasks = typer.Typer(no_args_is_help=True, help="Work for people and machines.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(tasks, name="tasks")


def whose(task: Mapping[str, Any]) -> str | None:
    """The person it is for, else the groups."""
    return task["assignee"] or ", ".join(task["groups"]) or None


@tasks.command("list")
def list_(
    ctx: typer.Context,
    *,
    run: Annotated[str | None, typer.Option(help="Only of this run.")] = None,
    definition: Annotated[str | None, typer.Option(help="Only of this definition.")] = None,
    status: Annotated[str | None, typer.Option(help="Only with this status.")] = None,
    assignee: Annotated[str | None, typer.Option(help="Only of this person.")] = None,
    group: Annotated[str | None, typer.Option(help="Only of this group.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Tasks, newest first."""
    columns: Columns = {
        "task": "task_id",
        "title": "title",
        "kind": "kind",
        "status": "status",
        "for": whose,
        "due": "due_at",
        "definition": "definition_id",
    }
    answer = api(ctx).get(
        "tasks",
        run_id=run,
        definition_id=definition,
        status=status,
        assignee=assignee,
        group=group,
        limit=limit,
        cursor=cursor,
    )
    print_page(answer, columns, as_json=as_json)


@tasks.command()
def inbox(
    ctx: typer.Context,
    *,
    group: Annotated[str | None, typer.Option(help="What this group may do.")] = None,
    assignee: Annotated[str | None, typer.Option(help="What this person is to do.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="What you have claimed.")] = False,
    by: By = None,
    definition: Annotated[str | None, typer.Option(help="Only of this definition.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """What people can do now; what is due first comes first."""
    if mine and by is None:
        raise typer.BadParameter("say who you are: --by NAME, or ACTIVITY_CORE_USER")
    columns: Columns = {
        "due": "due_at",
        "task": "task_id",
        "title": "title",
        "for": whose,
        "claimed by": "claimed_by",
        "definition": "definition_id",
    }
    answer = api(ctx).get(
        "tasks",
        sort="due",
        group=group,
        assignee=assignee,
        claimed_by=by if mine else None,
        definition_id=definition,
        limit=limit,
        cursor=cursor,
    )
    print_page(answer, columns, as_json=as_json)


@tasks.command()
def show(ctx: typer.Context, task_id: TaskId, *, as_json: AsJson = False) -> None:
    """One task."""
    print_detail(api(ctx).get("tasks", task_id), as_json=as_json)


@tasks.command()
def log(ctx: typer.Context, task_id: TaskId, *, as_json: AsJson = False) -> None:
    """What people and time did to a task, oldest first."""
    columns: Columns = {
        "at": "at",
        "what": "action",
        "by": "by",
        "comment": lambda entry: entry["comment"] or None,
        "data": lambda entry: entry["data"] or None,
    }
    answer = api(ctx).get("tasks", task_id, "log")
    print_page(answer | {"next": None}, columns, as_json=as_json)
