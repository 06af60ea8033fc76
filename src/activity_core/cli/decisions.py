"""The command about decisions: what became of occurrences, and why."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from activity_core.cli.arguments import api
from activity_core.cli.output import AsJson, Columns, Cursor, Limit, print_page

decisions = typer.Typer(no_args_is_help=True, help="What became of occurrences.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(decisions, name="decisions")


@decisions.callback()
def _group() -> None:
    """What became of occurrences."""


@decisions.command("list")
def list_(
    ctx: typer.Context,
    *,
    definition: Annotated[str | None, typer.Option(help="Only of this definition.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only with this outcome.")] = None,
    occurrence: Annotated[
        str | None, typer.Option(help="Only about this occurrence, like 2026-11-21T09:00:00Z.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Made since this instant, or so long ago, like 2h.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Made before this instant.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Decisions, newest first; of slots with how late they were made."""
    columns: Columns = {
        "decided": "decided_at",
        "definition": lambda item: f"{item['definition_id']} v{item['version']}",
        "about": _about,
        "outcome": "outcome",
        "lag": lambda item: lag(item["lag_seconds"]),
        "run": "run_id",
        "reason": "reason",
    }
    answer = api(ctx).get(
        "decisions",
        definition_id=definition,
        outcome=outcome,
        occurrence_key=occurrence,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
    )
    print_page(answer, columns, as_json=as_json)


def lag(seconds: float | None) -> str | None:
    """Seconds as people read them; None without a slot."""
    return None if seconds is None else f"{seconds:.1f} s"


def _about(item: Mapping[str, Any]) -> str:
    if item["slot"]:
        return f"slot {item['slot']}"
    if not item["event_id"]:
        return str(item["occurrence_key"])
    again = f", replay {item['replay_id']}" if item["replay_id"] else ""
    return f"event {item['event_id']}{again}"
