"""Commands about tasks: the inbox of those that people do, and the state of all others."""

from typing import Annotated, Any

import typer

from activity_core.cli.arguments import api, json_value
from activity_core.cli.output import (
    AsJson,
    Columns,
    Cursor,
    Limit,
    print_detail,
    print_json,
    print_page,
)

TaskId = Annotated[str, typer.Argument(metavar="ID", help="Id of a task.")]

tasks = typer.Typer(no_args_is_help=True, help="Work for people and machines.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(tasks, name="tasks")


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
        "for": lambda task: task["assignee"] or ", ".join(task["groups"]) or None,
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
def show(ctx: typer.Context, task_id: TaskId, *, as_json: AsJson = False) -> None:
    """One task."""
    print_detail(api(ctx).get("tasks", task_id), as_json=as_json)


@tasks.command()
def complete(
    ctx: typer.Context,
    task_id: TaskId,
    *,
    outcome: Annotated[str, typer.Option(help="How it ended, for example done.")],
    data: Annotated[str | None, typer.Option(help="JSON that fits the task's form.")] = None,
    comment: Annotated[str, typer.Option(help="For whoever reads it later.")] = "",
    as_json: AsJson = False,
) -> None:
    """Complete a task of a person."""
    body: dict[str, Any] = {"outcome": outcome, "comment": comment}
    if data is not None:
        body["data"] = json_value(data, "--data")
    answer = api(ctx).post("tasks", task_id, "complete", body=body)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"{answer['task_id']}: {answer['status']}, {answer['outcome']}")
