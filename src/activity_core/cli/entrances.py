"""Commands about who may send what: sources, event types, and what was refused."""

from typing import Annotated, Any

import typer

from activity_core.cli.arguments import api
from activity_core.cli.output import AsJson, Columns, Cursor, Limit, print_detail, print_page

SourceId = Annotated[str, typer.Argument(metavar="ID", help="Id of an event source.")]
TypeId = Annotated[str, typer.Argument(metavar="ID", help="Id of an event type.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the registry's log.")]

sources = typer.Typer(no_args_is_help=True, help="Who may send events, and how.")
event_types = typer.Typer(no_args_is_help=True, help="What the data of events looks like.")
refusals = typer.Typer(no_args_is_help=True, help="What was turned away at the door.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(sources, name="sources")
    app.add_typer(event_types, name="event-types")
    app.add_typer(refusals, name="refusals")


@sources.command("list")
def list_sources(
    ctx: typer.Context, *, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False
) -> None:
    """Sources by id, retired ones included."""
    columns: Columns = {
        "source": "source_id",
        "version": "version",
        "way": "way",
        "verify": "verify",
        "schema": "schema",
        "status": "status",
        "types": lambda item: ", ".join(item["allow"]["types"]),
        "owner": "owner",
    }
    print_page(api(ctx).get("sources", limit=limit, cursor=cursor), columns, as_json=as_json)


@sources.command("show")
def show_source(ctx: typer.Context, source_id: SourceId, *, as_json: AsJson = False) -> None:
    """One source, without what proves it."""
    print_detail(api(ctx).get("sources", source_id), as_json=as_json)


@sources.command()
def pause(ctx: typer.Context, source_id: SourceId, *, reason: Reason = "") -> None:
    """Let nothing of it in: 503 over HTTP; what it sends to a broker stays there."""
    _say(api(ctx).post("sources", source_id, "pause", body={"reason": reason}))


@sources.command()
def resume(ctx: typer.Context, source_id: SourceId, *, reason: Reason = "") -> None:
    """Let it send again."""
    _say(api(ctx).post("sources", source_id, "resume", body={"reason": reason}))


@sources.command("retire")
def retire_source(ctx: typer.Context, source_id: SourceId) -> None:
    """Take it out of service; applying its file again brings it back."""
    _say(api(ctx).delete("sources", source_id))


@event_types.command("list")
def list_event_types(
    ctx: typer.Context, *, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False
) -> None:
    """Event types by id, retired ones included."""
    columns: Columns = {
        "event type": "event_type_id",
        "type": "type",
        "schemas": "schemas",
        "compatibility": "compatibility",
        "redacted": lambda item: ", ".join(item["redact"]),
        "status": "status",
        "owner": "owner",
    }
    print_page(api(ctx).get("event-types", limit=limit, cursor=cursor), columns, as_json=as_json)


@event_types.command("show")
def show_event_type(ctx: typer.Context, type_id: TypeId, *, as_json: AsJson = False) -> None:
    """One event type with its schemas."""
    print_detail(api(ctx).get("event-types", type_id), as_json=as_json)


@event_types.command("retire")
def retire_event_type(ctx: typer.Context, type_id: TypeId) -> None:
    """Ask nothing of its data any more."""
    answer = api(ctx).delete("event-types", type_id)
    typer.echo(f"{answer['status']}: {answer['event_type_id']}")


@refusals.command("list")
def list_refusals(
    ctx: typer.Context,
    *,
    via: Annotated[str | None, typer.Option(help="Only by this way: http, webhook.")] = None,
    sender: Annotated[str | None, typer.Option(help="Only of this key or source.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this error code.")] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="Only with this event id.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Refusals over HTTP, newest first; what brokers sent is among the dead letters."""
    columns: Columns = {
        "refused": "refused_at",
        "via": "via",
        "sender": "sender",
        "code": "code",
        "type": "event_type",
        "event": "event_id",
        "why": "message",
    }
    answer = api(ctx).get(
        "refusals",
        via=via,
        sender=sender,
        code=code,
        event_id=event_id,
        limit=limit,
        cursor=cursor,
    )
    print_page(answer, columns, as_json=as_json)


def _say(source: dict[str, Any]) -> None:
    typer.echo(f"{source['status']}: {source['source_id']} v{source['version']}")
