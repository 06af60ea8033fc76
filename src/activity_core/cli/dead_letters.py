"""Commands about what got stuck: dead letters on the way in, the outbox on the way out."""

from typing import Annotated

import typer

from activity_core.cli.arguments import api
from activity_core.cli.output import AsJson, Columns, Cursor, Limit, print_detail, print_page

LetterId = Annotated[str, typer.Argument(metavar="ID", help="Id of a dead letter.")]

dead_letters = typer.Typer(no_args_is_help=True, help="What could not be processed.")
outbox = typer.Typer(no_args_is_help=True, help="Events on their way out.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(outbox, name="outbox")


@dead_letters.command("list")
def list_(
    ctx: typer.Context,
    *,
    status: Annotated[
        str | None, typer.Option(help="Only open, replayed or discarded ones.")
    ] = None,
    via: Annotated[str | None, typer.Option(help="Only those that came this way.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this error code.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Dead letters, newest first."""
    columns: Columns = {
        "dead letter": "dead_letter_id",
        "via": "via",
        "subject": "subject",
        "code": "code",
        "buried": "buried_at",
        "status": "status",
    }
    answer = api(ctx).get(
        "dead-letters", status=status, via=via, code=code, limit=limit, cursor=cursor
    )
    print_page(answer, columns, as_json=as_json)


@dead_letters.command()
def show(ctx: typer.Context, dead_letter_id: LetterId, *, as_json: AsJson = False) -> None:
    """One of them with its headers and bytes."""
    print_detail(api(ctx).get("dead-letters", dead_letter_id), as_json=as_json)


@dead_letters.command()
def replay(ctx: typer.Context, dead_letter_id: LetterId) -> None:
    """Send it the way of any other event."""
    answer = api(ctx).post("dead-letters", dead_letter_id, "replay")
    typer.echo(f"{answer['status']}: {answer['source']} {answer['id']}")


@dead_letters.command()
def discard(ctx: typer.Context, dead_letter_id: LetterId) -> None:
    """Close it without processing it; its bytes are kept."""
    answer = api(ctx).post("dead-letters", dead_letter_id, "discard")
    typer.echo(f"{answer['status']}: {answer['dead_letter_id']}")


@outbox.command()
def stuck(ctx: typer.Context, *, limit: Limit = 50, as_json: AsJson = False) -> None:
    """Events that could not be published so far, oldest first."""
    columns: Columns = {
        "event": "event_id",
        "type": "type",
        "key": "key",
        "attempts": "attempts",
        "next try": "retry_at",
        "last error": "last_error",
    }
    print_page(api(ctx).get("outbox", "stuck", limit=limit), columns, as_json=as_json)
