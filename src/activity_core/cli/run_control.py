"""Commands that change what runs do: cancel, terminate, retry, rerun; and skip a task."""

from typing import Annotated, Any

import typer

from activity_core.cli.arguments import api
from activity_core.cli.output import note
from activity_core.cli.runs import RunId, runs
from activity_core.cli.tasks import TaskId, tasks

Reason = Annotated[str, typer.Option(help="Why; kept in the run's log.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to those about runs and tasks."""
    del app  # they are in the groups `runs` and `tasks`
    for command in (cancel, terminate, retry, rerun):
        runs.command()(command)
    tasks.command()(skip)


def cancel(
    ctx: typer.Context,
    run_id: RunId,
    *,
    reason: Reason = "",
    compensate: Annotated[
        bool, typer.Option("--compensate", help="Undo first what can be undone.")
    ] = False,
) -> None:
    """End an open run; what is done stays done unless you ask to compensate it."""
    body = {"reason": reason, "compensate": compensate}
    _say(api(ctx).post("runs", run_id, "cancel", body=body))


def terminate(ctx: typer.Context, run_id: RunId, *, reason: Reason = "") -> None:
    """End an open run at once: its workflow gets no last word."""
    _say(api(ctx).post("runs", run_id, "terminate", body={"reason": reason}))


def retry(ctx: typer.Context, run_id: RunId, *, reason: Reason = "") -> None:
    """Run a failed run again; tasks that are done stay done."""
    _say(api(ctx).post("runs", run_id, "retry", body={"reason": reason}))


def rerun(
    ctx: typer.Context,
    run_id: RunId,
    *,
    context: Annotated[
        str, typer.Option(help="same: what its sources said then; fresh: ask them anew.")
    ] = "same",
    version: Annotated[
        str, typer.Option(help="same: the version it had; newest: what is in force.")
    ] = "same",
    request_id: Annotated[
        str | None, typer.Option(help="The same id again finds the same run.")
    ] = None,
    reason: Reason = "",
) -> None:
    """Make a new run for what this one was for; prints its id."""
    body: dict[str, Any] = {"context": context, "version": version, "reason": reason}
    if request_id is not None:
        body["request_id"] = request_id
    answer = api(ctx).post("runs", run_id, "rerun", body=body)
    typer.echo(answer["run_id"])
    note(f"{answer['status']}, request {answer['request_id']}")


def skip(ctx: typer.Context, task_id: TaskId, *, reason: Reason = "") -> None:
    """Skip a task; what needs it goes on as if it were not there."""
    answer = api(ctx).post("tasks", task_id, "skip", body={"reason": reason})
    typer.echo(f"{answer['task_id']}: {answer['status']}, {answer['outcome']}")


def _say(run: dict[str, Any]) -> None:
    asked = f", asked to {run['stop']}" if run["stop"] else ""
    typer.echo(f"{run['run_id']}: attempt {run['attempt']}, {run['status']}{asked}")
