"""Commands about cases: what ongoing definitions know, and how to end it."""

from typing import Annotated

import typer

from activity_core.cli.arguments import api
from activity_core.cli.output import (
    AsJson,
    Columns,
    Cursor,
    Limit,
    print_detail,
    print_page,
)

CaseId = Annotated[str, typer.Argument(metavar="ID", help="Id of a case.")]

cases = typer.Typer(no_args_is_help=True, help="Lifetimes of ongoing definitions, by key.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(cases, name="cases")


@cases.command("list")
def list_(
    ctx: typer.Context,
    *,
    definition: Annotated[str | None, typer.Option(help="Only of this definition.")] = None,
    status: Annotated[str | None, typer.Option(help="Only open or closed ones.")] = None,
    key: Annotated[str | None, typer.Option(help="Only of this correlation key.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Cases, newest first."""
    columns: Columns = {
        "case": "case_id",
        "definition": "definition_id",
        "key": "key",
        "number": "number",
        "status": "status",
        "taken": "taken",
        "waits for": "waiting_for",
        "until": "wake_at",
        "opened": "opened_at",
    }
    answer = api(ctx).get(
        "cases", definition_id=definition, status=status, key=key, limit=limit, cursor=cursor
    )
    print_page(answer, columns, as_json=as_json)


@cases.command()
def show(ctx: typer.Context, case_id: CaseId, *, as_json: AsJson = False) -> None:
    """One case: its state, its runs, what it waits for."""
    print_detail(api(ctx).get("cases", case_id), as_json=as_json)


@cases.command()
def close(ctx: typer.Context, case_id: CaseId) -> None:
    """End a case now; what comes later for its key opens the next."""
    answer = api(ctx).post("cases", case_id, "close")
    typer.echo(f"{answer['case_id']}: {answer['status']} by {answer['closed_by']}")
