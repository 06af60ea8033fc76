"""Commands about backfills: ask for runs of past slots, wait for them, stop it."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from activity_core.cli.arguments import api
from activity_core.cli.client import Client, RefusedError
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

BackfillId = Annotated[str, typer.Argument(metavar="ID", help="Id of a backfill.")]
Item = Mapping[str, Any]

backfills = typer.Typer(no_args_is_help=True, help="Past slots that somebody asked for.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(backfill)
    app.add_typer(backfills, name="backfills")


def backfill(
    ctx: typer.Context,
    definition_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a definition.")],
    *,
    from_: Annotated[str, typer.Option("--from", help="First instant: 2026-11-21T09:00:00Z.")],
    to: Annotated[str, typer.Option(help="Last instant, included; not in the future.")],
    order: Annotated[str, typer.Option(help="Which slots first: oldest or newest.")] = "oldest",
    max_concurrent: Annotated[int, typer.Option(min=1, help="Open runs at a time.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which slots.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Also more than 1,000 slots.")] = False,
    reason: Annotated[str, typer.Option(help="Why; kept with the decisions.")] = "",
    request_id: Annotated[
        str | None, typer.Option(help="The same id again finds the same backfill.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only print its id.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run past slots that have no run yet, a few at a time, by the schedule in force now.

    Ends with 0 when all runs completed, with 1 when some did not. It goes on without this command.
    """
    body = {
        "from": from_,
        "to": to,
        "order": order,
        "max_concurrent": max_concurrent,
        "dry_run": dry_run,
        "confirm": yes,
        "reason": reason,
        **({} if request_id is None else {"request_id": request_id}),
    }
    client = api(ctx)
    answer = client.post("definitions", definition_id, "backfills", body=body)
    if dry_run:
        _print_preview(answer, as_json=as_json)
    elif no_wait and as_json:
        print_json(answer)
    elif no_wait:
        typer.echo(answer["backfill_id"])
    else:
        _wait(client, answer, as_json=as_json)


@backfills.command("list")
def list_(
    ctx: typer.Context,
    *,
    definition: Annotated[str | None, typer.Option(help="Only of this definition.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Backfills, newest first."""
    columns: Columns = {
        "backfill": "backfill_id",
        "definition": "definition_id",
        "from": "from",
        "to": "to",
        "status": "status",
        "slots": "slots",
        "counts": _counts,
        "requested": "requested_at",
    }
    answer = api(ctx).get("backfills", definition_id=definition, limit=limit)
    print_page(answer, columns, as_json=as_json)


@backfills.command()
def show(ctx: typer.Context, backfill_id: BackfillId, *, as_json: AsJson = False) -> None:
    """How far a backfill is."""
    print_detail(api(ctx).get("backfills", backfill_id), as_json=as_json)


@backfills.command()
def stop(ctx: typer.Context, backfill_id: BackfillId) -> None:
    """Make no further runs of it; those that are open go on."""
    _say(api(ctx).post("backfills", backfill_id, "stop"))


def catch_up(client: Client, definition_id: str, since: str, until: str, reason: str) -> None:
    """Ask for the slots of the time that a definition was paused; it was just resumed.

    Raises:
        RefusedError: the backfill was refused; what to do by hand is said.
    """
    body = {"from": since, "to": until, "reason": reason or "catching up after a pause"}
    try:
        _say(client.post("definitions", definition_id, "backfills", body=body))
    except RefusedError:
        by_hand = f"activity-core backfill {definition_id} --from {since} --to {until}"
        note(f"it is resumed, but nothing is caught up: see {by_hand}")
        raise


def _print_preview(answer: Item, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    for slot in answer["slots"]:
        typer.echo(slot)
    waiting, listed = answer["counts"]["waiting"], len(answer["slots"])
    cut = f" ({listed} of them are listed)" if waiting > listed else ""
    note(f"would run {waiting} slots{cut}; {answer['counts']['existing']} have a run already")


def _wait(client: Client, item: Item, *, as_json: bool) -> None:
    """Until it is over; what is interrupted here goes on there.

    Raises:
        typer.Exit: some of its runs did not complete, or it was stopped.
    """
    note(f"backfill {item['backfill_id']}: it goes on without this command")
    with _shown() as show_:
        show_(item)
        while item["status"] == "running":
            time.sleep(PERIOD)
            item = client.get("backfills", item["backfill_id"])
            show_(item)
    if as_json:
        print_json(item)
    else:
        _say(item)
    if item["status"] != "completed" or item["counts"].keys() - {"completed", "existing"}:
        raise typer.Exit(FAILED)


@contextmanager
def _shown() -> Iterator[Callable[[Item], None]]:
    """How progress is shown: a bar on a terminal, else a line whenever something changed."""
    if _on_a_terminal():
        columns = (BarColumn(), TextColumn("{task.completed}/{task.total}  {task.description}"))
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("", total=None)
            yield lambda item: progress.update(
                bar, total=item["slots"], completed=_closed(item), description=_counts(item)
            )
        return
    last = ""

    def line(item: Item) -> None:
        nonlocal last
        if (now := f"{_closed(item)}/{item['slots']}  {_counts(item)}") != last:
            note(now)
            last = now

    yield line


def _on_a_terminal() -> bool:
    return sys.stderr.isatty()


def _closed(item: Item) -> int:
    still = ("waiting", "pending", "running")
    closed: int = item["slots"] - sum(item["counts"].get(word, 0) for word in still)
    return closed


def _counts(item: Item) -> str:
    counts = (f"{number} {word}" for word, number in sorted(item["counts"].items()))
    return ", ".join(counts) or "no slots"


def _say(item: Item) -> None:
    typer.echo(f"{item['backfill_id']}: {item['status']}, {_counts(item)}")
