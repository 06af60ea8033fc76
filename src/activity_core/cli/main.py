"""`activity-core`: every command, registered file by file.

What starts processes is in `processes`; everything else but `validate`, `schema` and previews of
files is a client of the API.
"""

import typer

from activity_core.cli import (
    backfills,
    cases,
    dead_letters,
    decisions,
    definitions,
    entrances,
    event_replays,
    events,
    processes,
    rollouts,
    run_control,
    runs,
    schedules,
    schema,
    simulate,
    task_actions,
    tasks,
)
from activity_core.cli.exits import Commands

app = typer.Typer(
    name="activity-core",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An event-driven task factory on Temporal: triggers, context, rules, tasks.",
)
for noun in (
    processes,
    definitions,
    rollouts,
    schedules,
    backfills,
    events,
    event_replays,
    entrances,
    decisions,
    runs,
    tasks,
    task_actions,
    cases,
    run_control,
    dead_letters,
    simulate,
    schema,
):
    noun.register(app)


def main() -> None:
    """The entry point of the command."""
    app()
