"""Commands about what got stuck: dead letters on the way in, the outbox on the way out."""

from collections import Counter
from typing import Annotated, Any

import typer

from activity_core.cli.arguments import api
from activity_core.cli.exits import FAILED
from activity_core.cli.output import (
    AsJson,
    Columns,
    Cursor,
    Limit,
    note,
    print_detail,
    print_json,
    print_page,
)

LetterId = Annotated[str, typer.Argument(metavar="ID", help="Id of a dead letter.")]
SomeId = Annotated[str | None, typer.Argument(metavar="[ID]", help="Id of one dead letter.")]
Via = Annotated[str | None, typer.Option(help="Only those that came this way.")]
Code = Annotated[str | None, typer.Option(help="Only with this error code.")]
Source = Annotated[str | None, typer.Option(help="Only of this source.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would become of them.")]

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
    via: Via = None,
    code: Code = None,
    source: Source = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Dead letters, newest first."""
    columns: Columns = {
        "dead letter": "dead_letter_id",
        "via": "via",
        "source": "source_id",
        "subject": "subject",
        "definition": "definition_id",
        "code": "code",
        "buried": "buried_at",
        "status": "status",
    }
    filters = {"status": status, "via": via, "code": code, "source_id": source}
    answer = api(ctx).get("dead-letters", **filters, limit=limit, cursor=cursor)
    print_page(answer, columns, as_json=as_json)


@dead_letters.command()
def groups(
    ctx: typer.Context,
    *,
    via: Via = None,
    code: Code = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Open dead letters by their cause, the largest group first."""
    columns: Columns = {
        "open": "count",
        "via": "via",
        "code": "code",
        "source": "source_id",
        "newest": "newest_at",
        "oldest": "oldest_at",
        "example": "example_message",
    }
    answer = api(ctx).get("dead-letters", "groups", via=via, code=code, source_id=source)
    print_page(answer | {"next": None}, columns, as_json=as_json)


@dead_letters.command()
def show(ctx: typer.Context, dead_letter_id: LetterId, *, as_json: AsJson = False) -> None:
    """One of them with its headers and bytes."""
    print_detail(api(ctx).get("dead-letters", dead_letter_id), as_json=as_json)


@dead_letters.command()
def replay(
    ctx: typer.Context,
    dead_letter_id: SomeId = None,
    *,
    via: Via = None,
    code: Code = None,
    source: Source = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send one, or all open ones with a cause, the way that they came.

    Ends with 1 if some stay open.
    """
    chosen = {"via": via, "code": code, "source_id": source}
    _resolve(ctx, "replay", dead_letter_id, chosen, dry_run=dry_run, as_json=as_json)


@dead_letters.command()
def discard(
    ctx: typer.Context,
    dead_letter_id: SomeId = None,
    *,
    via: Via = None,
    code: Code = None,
    source: Source = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Close one, or all open ones with a cause, without processing; their bytes are kept."""
    chosen = {"via": via, "code": code, "source_id": source}
    _resolve(ctx, "discard", dead_letter_id, chosen, dry_run=dry_run, as_json=as_json)


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


def _resolve(
    ctx: typer.Context,
    verb: str,
    dead_letter_id: str | None,
    chosen: dict[str, str | None],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    causes = {name: value for name, value in chosen.items() if value is not None}
    if (dead_letter_id is None) == (not causes):
        raise typer.BadParameter("give either an ID, or some of --via, --code and --source")
    if dead_letter_id is not None:
        body = {"dry_run": True} if dry_run else None
        if verb == "discard" and dry_run:
            raise typer.BadParameter("discarding one letter needs no rehearsal")
        outcomes = [api(ctx).post("dead-letters", dead_letter_id, verb, body=body)]
    else:
        outcomes = _whole_group(ctx, verb, causes, dry_run=dry_run)
    if as_json:
        print_json(outcomes)
    else:
        _say(outcomes, dry_run=dry_run)
    if any(outcome["error"] for outcome in outcomes):
        raise typer.Exit(FAILED)


def _whole_group(
    ctx: typer.Context, verb: str, causes: dict[str, str], *, dry_run: bool
) -> list[dict[str, Any]]:
    """A request for each thousand, with a word in between."""
    outcomes: list[dict[str, Any]] = []
    after = ""
    while True:
        body = {**causes, "dry_run": dry_run, "after": after}
        answer = api(ctx).post("dead-letters", verb, body=body)
        outcomes += answer["items"]
        after = answer["after"]
        if not after:
            return outcomes
        note(f"{len(outcomes)} so far …")


def _say(outcomes: list[dict[str, Any]], *, dry_run: bool) -> None:
    for outcome in outcomes:
        what = ", ".join(f"{event['source']} {event['id']}" for event in outcome["events"])
        error = outcome["error"]
        said = f"{error['code']}: {error['detail']}" if error else what or outcome["run_id"]
        typer.echo(f"{outcome['status']}: {outcome['dead_letter_id']} {said}".rstrip())
    counts = Counter(outcome["status"] for outcome in outcomes)
    total = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    note(f"{'would be: ' if dry_run else ''}{total or 'there are none'}")
