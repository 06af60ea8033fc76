"""Commands that start something: the agents, the API, the stack for a laptop, the demo.

Each opens a system from the settings and runs until it is told to stop (Ctrl-C, SIGTERM).
"""

import logging
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from activity_core.settings import Settings

Result = TypeVar("Result")

INTERRUPTED = 130
"""The exit code of a demo that was stopped: it showed nothing."""

AGENT_HELP = {
    "router": "Decide about accepted events.",
    "flow": "Let held events go on when it is their turn.",
    "intake": "Take events from the broker into the inbox.",
    "starter": "Start workflows for decided runs.",
    "worker": "Carry out runs and automated tasks; or only tasks of some queues.",
    "keeper": "Remind people of their tasks, hand them over, let them expire.",
    "relay": "Publish recorded events to the broker.",
    "reconciler": "Keep Temporal's schedules equal to the registry.",
    "auditor": "Close runs that nobody else will; keep house in the database.",
}


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel="Processes")(dev)
    app.command(rich_help_panel="Processes")(demo)
    app.command(rich_help_panel="Processes")(migrate)
    app.command(rich_help_panel="Processes")(api)
    app.command("all", rich_help_panel="Processes")(all_in_one)
    for name, text in AGENT_HELP.items():
        command = worker if name == "worker" else _agent_command(name)
        app.command(name, help=text, rich_help_panel="Processes")(command)


def dev(
    data_dir: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path(
        ".activity-core"
    ),
    port: Annotated[int | None, typer.Option(help="Of the API; another if it is in use.")] = None,
    definitions: Annotated[
        Path | None, typer.Option(help="A file or directory to apply at the start.")
    ] = None,
) -> None:
    """Run everything on this machine: real servers, all agents, the API. Ctrl-C stops it."""
    from activity_core.cli.dev import run_dev  # noqa: PLC0415 - keeps --help quick

    _run(run_dev(_started(), data_dir, port, definitions))


def demo(
    examples: Annotated[Path, typer.Option(help="The example definitions.")] = Path("examples"),
) -> None:
    """Show the main job on real servers, from an event to the tasks, and leave nothing behind."""
    from activity_core.cli.demo.stage import run_demo  # noqa: PLC0415 - keeps --help quick

    _started(quiet=True)
    code = _run(run_demo(examples))
    raise typer.Exit(INTERRUPTED if code is None else code)


def migrate() -> None:
    """Bring the database schema to the newest step; safe to run from many places at once."""
    from activity_core.adapters.postgres.migrate import migrate as run  # noqa: PLC0415
    from activity_core.bootstrap.required import required  # noqa: PLC0415

    url = required(_started().database_url, "ACTIVITY_CORE_DATABASE_URL", "postgresql://…")
    run(url)
    typer.echo("The database is at the newest step.")


def api() -> None:
    """Serve the HTTP API."""
    _run_agents([], with_api=True)


def all_in_one() -> None:
    """Run all agents and the API in one process."""
    _run_agents(list(AGENT_HELP), with_api=True)


def worker(
    task_queue: Annotated[
        list[str] | None,
        typer.Option(help="Serve this queue, and nothing else; may be given several times."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Attempts per second of each of these queues, over all its workers."),
    ] = None,
) -> None:
    """Carry out runs and the tasks of the queues in the settings, or of the queues given here.

    Raises:
        typer.BadParameter: a rate without queues, or none that anything could happen at.
    """
    if rate is not None and (rate <= 0 or not task_queue):
        raise typer.BadParameter("must be more than 0, and needs --task-queue", param_hint="--rate")
    if not task_queue:
        _run_agents(["worker"], with_api=False)
        return
    settings = _started()
    rates = settings.task_queue_rates | (dict.fromkeys(task_queue, rate) if rate else {})
    own = settings.model_copy(update={"task_queues": task_queue, "task_queue_rates": rates})
    _serve(own, ["task_worker"], with_api=False)


def _agent_command(name: str) -> Callable[[], None]:
    def command() -> None:
        _run_agents([name], with_api=False)

    return command


def _run_agents(names: list[str], *, with_api: bool) -> None:
    _serve(_started(), names, with_api=with_api)


def _serve(settings: "Settings", names: list[str], *, with_api: bool) -> None:
    from activity_core.cli.serve import serve_system  # noqa: PLC0415 - keeps --help quick

    _run(serve_system(settings, names, with_api=with_api))


def _started(*, quiet: bool = False) -> "Settings":
    """The settings, with logs on standard error; only errors if `quiet`."""
    from activity_core.settings import load_settings  # noqa: PLC0415 - keeps --help quick
    from activity_core.telemetry import configure_logs  # noqa: PLC0415 - keeps --help quick

    configure_logs(json=not sys.stderr.isatty(), level=logging.ERROR if quiet else logging.INFO)
    return load_settings()


def _run(main: Coroutine[Any, Any, Result]) -> Result | None:
    """Run to the end, on the quicker event loop; None if it was told to stop before."""
    import uvloop  # noqa: PLC0415 - keeps --help quick

    from activity_core.cli.serve import until_told_to_stop  # noqa: PLC0415 - keeps --help quick

    return uvloop.run(until_told_to_stop(main))
