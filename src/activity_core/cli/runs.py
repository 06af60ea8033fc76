"""Commands about runs and what they tell: list, show; and `explain`."""

from typing import Annotated

import typer

from activity_core.cli import trace
from activity_core.cli.arguments import api
from activity_core.cli.events import EventId, OfSource
from activity_core.cli.lineage import task_tree
from activity_core.cli.output import AsJson, Columns, Cursor, Limit, print_page, print_tree
from activity_core.cli.tasks import TaskId

RunId = Annotated[str, typer.Argument(metavar="ID", help="Id of a run.")]

runs = typer.Typer(no_args_is_help=True, help="Executions of definitions.")
explain = typer.Typer(no_args_is_help=True, help="Why did, or didn't, this fire?")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(runs, name="runs")
    app.add_typer(explain, name="explain")


@runs.command("list")
def list_(
    ctx: typer.Context,
    *,
    definition: Annotated[str | None, typer.Option(help="Only of this definition.")] = None,
    status: Annotated[str | None, typer.Option(help="Only with this status.")] = None,
    source: Annotated[str | None, typer.Option(help="Source of an event they are for.")] = None,
    event: Annotated[str | None, typer.Option(help="Id of an event they are for.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Runs, newest first."""
    columns: Columns = {
        "run": "run_id",
        "definition": lambda run: f"{run['definition_id']} v{run['version_used']}",
        "trigger": "trigger",
        "status": "status",
        "fired": "fired_at",
        "finished": "finished_at",
        "tasks": lambda run: len(run["tasks_spawned"]),
    }
    answer = api(ctx).get(
        "runs",
        definition_id=definition,
        status=status,
        source=source,
        event_id=event,
        limit=limit,
        cursor=cursor,
    )
    print_page(answer, columns, as_json=as_json)


@runs.command()
def show(ctx: typer.Context, run_id: RunId, *, as_json: AsJson = False) -> None:
    """One run with its context, rules, tasks and events out."""
    answer = api(ctx).get("runs", run_id)
    print_tree(trace.run_tree(answer), answer, as_json=as_json)


@explain.command("event")
def explain_event(
    ctx: typer.Context, event_id: EventId, *, source: OfSource = None, as_json: AsJson = False
) -> None:
    """What every definition that listened made of an event, and the runs that followed."""
    answer = api(ctx).get("events", "explain", id=event_id, source=source)
    print_tree(trace.event_tree(answer), answer, as_json=as_json)


@explain.command("run")
def explain_run(ctx: typer.Context, run_id: RunId, *, as_json: AsJson = False) -> None:
    """Why a run is there, and what followed from it."""
    answer = api(ctx).get("runs", run_id, "explain")
    print_tree(trace.run_tree(answer), answer, as_json=as_json)


@explain.command("task")
def explain_task(ctx: typer.Context, task_id: TaskId, *, as_json: AsJson = False) -> None:
    """Why a task is there: its rule, its run, and so on back to the first cause."""
    answer = api(ctx).get("tasks", task_id, "explain")
    print_tree(task_tree(answer), answer, as_json=as_json)
