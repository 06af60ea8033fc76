"""Commands about events: send one, look at those that came."""

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from activity_core.cli import trace
from activity_core.cli.arguments import api, file_bytes, json_value
from activity_core.cli.output import (
    AsJson,
    Columns,
    Cursor,
    Limit,
    print_json,
    print_page,
    print_tree,
)

STRUCTURED = "application/cloudevents+json"
SOURCE = "/activity-core/cli"
"""Where events come from that somebody types."""

EventId = Annotated[str, typer.Argument(metavar="ID", help="Id of an event.")]
OfSource = Annotated[
    str | None, typer.Option("--source", help="Its source, if several sent that id.")
]

events = typer.Typer(no_args_is_help=True, help="Events that came in.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(emit)
    app.add_typer(events, name="events")


def emit(
    ctx: typer.Context,
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="For example order.created.")],
    *,
    data: Annotated[str | None, typer.Option(help="Its data as JSON.")] = None,
    file: Annotated[Path | None, typer.Option(help="A file with its data; - is a pipe.")] = None,
    source: Annotated[str, typer.Option(help="Where it happened.")] = SOURCE,
    id_: Annotated[
        str | None, typer.Option("--id", help="Its id within the source; a new one if left out.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="What it happened to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send an event; the same source and id again is a duplicate."""
    if data is not None and file is not None:
        raise typer.BadParameter("give either --data or --file")
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": id_ if id_ is not None else secrets.token_hex(16),
        "source": source,
        "type": type_,
    }
    if subject is not None:
        event["subject"] = subject
    if data is not None:
        event["data"] = json_value(data, "--data")
    elif file is not None:
        event["data"] = json_value(file_bytes(file, "--file"), "--file")
    answer = api(ctx).post("events", body=event, media_type=STRUCTURED)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"{answer['status']}: {answer['source']} {answer['id']}")


@events.command("list")
def list_(
    ctx: typer.Context,
    *,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Only with this id.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Events, newest first."""
    columns: Columns = {
        "received": "received_at",
        "source": "source",
        "id": "id",
        "type": "type",
        "via": "via",
        "state": "state",
    }
    answer = api(ctx).get("events", source=source, type=type_, id=id_, limit=limit, cursor=cursor)
    print_page(answer, columns, as_json=as_json)


@events.command()
def show(
    ctx: typer.Context, event_id: EventId, *, source: OfSource = None, as_json: AsJson = False
) -> None:
    """One event with what was decided about it."""
    answer = api(ctx).get("events", event_id, source=source)
    print_tree(trace.event_tree(answer), answer, as_json=as_json)
