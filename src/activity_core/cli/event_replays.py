"""Commands about event replays: ask for one, wait for it, stop it."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from activity_core.cli.arguments import api
from activity_core.cli.client import Client
from activity_core.cli.events import events
from activity_core.cli.exits import FAILED
from activity_core.cli.output import (
    AsJson,
    Columns,
    Limit,
    note,
    print_detail,
    print_json,
    print_page,
)

PERIOD = 1.0
"""Seconds between looks at how far it is."""

ReplayId = Annotated[str, typer.Argument(metavar="ID", help="Id of an event replay.")]
Item = Mapping[str, Any]

replays = typer.Typer(no_args_is_help=True, help="Recorded events that are judged again.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file to those about events."""
    del app  # they are part of `events`, which is registered by itself
    events.command()(replay)
    events.add_typer(replays, name="replays")


def replay(
    ctx: typer.Context,
    *,
    definition: Annotated[str, typer.Option(help="For this definition only.")],
    since: Annotated[str, typer.Option(help="First instant, or so long ago, like 2h.")],
    until: Annotated[str | None, typer.Option(help="Last instant, included; else now.")] = None,
    rate: Annotated[float | None, typer.Option(help="Events that match a second.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    request_id: Annotated[
        str | None, typer.Option(help="The same id again finds the same replay.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only print its id.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge recorded events again for a definition; those that have a run of it are left alone.

    Ends with 1 if it was stopped. It goes on without this command.
    """
    optional = {"until": until, "rate": rate, "request_id": request_id}
    body = {
        "definition_id": definition,
        "since": since,
        "dry_run": dry_run,
        "reason": reason,
        **{name: value for name, value in optional.items() if value is not None},
    }
    client = api(ctx)
    answer = client.post("event-replays", body=body)
    if as_json and (dry_run or no_wait):
        print_json(answer)
    elif dry_run:
        _say_preview(answer)
    elif no_wait:
        typer.echo(answer["replay_id"])
    else:
        _wait(client, answer, as_json=as_json)


@replays.command("list")
def list_(
    ctx: typer.Context,
    *,
    definition: Annotated[str | None, typer.Option(help="Only of this definition.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Event replays, newest first."""
    columns: Columns = {
        "replay": "replay_id",
        "definition": "definition_id",
        "since": "since",
        "until": "until",
        "status": "status",
        "counts": _counts,
        "reached": "reached",
        "requested": "requested_at",
    }
    answer = api(ctx).get("event-replays", definition_id=definition, limit=limit)
    print_page(answer, columns, as_json=as_json)


@replays.command()
def show(ctx: typer.Context, replay_id: ReplayId, *, as_json: AsJson = False) -> None:
    """How far an event replay is."""
    print_detail(api(ctx).get("event-replays", replay_id), as_json=as_json)


@replays.command()
def stop(ctx: typer.Context, replay_id: ReplayId) -> None:
    """Judge no further events; runs that it made go on."""
    _say(api(ctx).post("event-replays", replay_id, "stop"))


def _wait(client: Client, item: Item, *, as_json: bool) -> None:
    """Until it is over; what is interrupted here goes on there.

    Raises:
        typer.Exit: it was stopped.
    """
    note(f"event replay {item['replay_id']}: it goes on without this command")
    said = ""
    while item["status"] == "running":
        if (now := f"{item['reached']}  {_counts(item)}") != said:
            note(now)
            said = now
        time.sleep(PERIOD)
        item = client.get("event-replays", item["replay_id"])
    if as_json:
        print_json(item)
    else:
        _say(item)
    if item["status"] != "completed":
        raise typer.Exit(FAILED)


def _counts(item: Item) -> str:
    words = ("looked_at", "matched", "existing", "fired")
    return ", ".join(f"{item[word]} {word.replace('_', ' ')}" for word in words)


def _say(item: Item) -> None:
    typer.echo(f"{item['replay_id']}: {item['status']}, {_counts(item)}")


def _say_preview(answer: Item) -> None:
    typer.echo(
        f"{answer['matched']} of {answer['looked_at']} events would be let through; "
        f"{answer['existing']} have a run already"
    )
    if answer["reached"] is not None:
        note(f"only what was received up to {answer['reached']} was looked at: there is more")
