"""Commands about definitions: check them offline, apply them, look at them, pause, trigger."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from activity_core.adapters.system_clock import SystemClock
from activity_core.cli import backfills
from activity_core.cli.arguments import api, json_object
from activity_core.cli.client import RefusedError
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
from activity_core.core.errors import InvalidDefinitionError, Issue

if TYPE_CHECKING:  # it brings compilers
    from activity_core.core.definition_file.bundle import Bundle

Source = Annotated[Path, typer.Argument(exists=True, help="A file, or a directory with files.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a definition.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the registry's log.")]

definitions = typer.Typer(no_args_is_help=True, help="Definitions in force.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(validate)
    app.command()(apply)
    app.add_typer(definitions, name="definitions")
    app.command()(trigger)
    app.command()(pause)
    app.command()(resume)


def validate(path: Source, *, as_json: AsJson = False) -> None:
    """Check definitions without any server; says file, line and column of what is wrong.

    A directory is read with everything below it: *.yaml, *.yml and *.json, but for
    *.schema.json, which are forms.
    """
    from activity_core.cli import definition_files  # noqa: PLC0415 - compilers; only needed here

    files, bundle = definition_files.read(path)
    warnings = definition_files.check(bundle, SystemClock().now())
    _warn(warnings)
    if as_json:
        print_json(
            {
                "files": [str(file) for file in files],
                "definitions": [item.id for item in bundle.definitions],
                "connections": [item.id for item in bundle.connections],
                "calendars": [item.id for item in bundle.calendars],
                "sources": [item.id for item in bundle.sources],
                "event_types": [item.id for item in bundle.event_types],
                "warnings": [asdict(issue) for issue in warnings],
            }
        )
    else:
        typer.echo(f"valid: {_counted(bundle)} in {_number(len(files), 'file')}")


def apply(ctx: typer.Context, path: Source, *, as_json: AsJson = False) -> None:
    """Publish definitions: all of them, or none if one is wrong. What is absent stays."""
    from activity_core.cli import definition_files  # noqa: PLC0415 - as above

    _, bundle = definition_files.read(path)
    definition_files.check(bundle, SystemClock().now())
    try:
        answer = api(ctx).put("definitions", body=definition_files.documents(bundle))
    except RefusedError as error:
        if not error.issues:
            raise
        raise InvalidDefinitionError(definition_files.located(bundle, error.issues)) from None
    warnings = definition_files.located(bundle, [Issue(**each) for each in answer["warnings"]])
    answer["warnings"] = [asdict(issue) for issue in warnings]
    _warn(warnings)
    if as_json:
        print_json(answer)
        return
    for item in answer["definitions"]:
        typer.echo(f"{item['change']:9} {item['definition_id']} v{item['version']}")
    for item in answer["sources"]:
        typer.echo(f"{item['change']:9} source {item['source_id']} v{item['version']}")
    for item in answer["event_types"]:
        typer.echo(f"{item['change']:9} event type {item['event_type_id']} v{item['version']}")
    for name in answer["connections"]:
        typer.echo(f"{'connected':9} {name}")
    for name in answer["calendars"]:
        typer.echo(f"{'calendar':9} {name}")


@definitions.command("list")
def list_(
    ctx: typer.Context, *, limit: Limit = 50, cursor: Cursor = None, as_json: AsJson = False
) -> None:
    """All definitions, retired ones included."""
    columns: Columns = {
        "definition": "definition_id",
        "version": "version",
        "status": "status",
        "triggers": lambda item: ", ".join(item["triggers"]),
        "next slot": "next_slot",
        "last": _last,
        "lag": _lag,
        "owner": "owner",
        "title": "title",
    }
    print_page(api(ctx).get("definitions", limit=limit, cursor=cursor), columns, as_json=as_json)


@definitions.command()
def show(
    ctx: typer.Context,
    definition_id: Id,
    *,
    version: Annotated[int | None, typer.Option(help="An older version.")] = None,
    as_json: AsJson = False,
) -> None:
    """One definition with its document."""
    print_detail(api(ctx).get("definitions", definition_id, version=version), as_json=as_json)


@definitions.command()
def retire(ctx: typer.Context, definition_id: Id) -> None:
    """Take it out of service: open runs finish, nothing new starts, its schedule goes."""
    _say(api(ctx).delete("definitions", definition_id))


def pause(ctx: typer.Context, definition_id: Id, *, reason: Reason = "") -> None:
    """Let nothing fire until it is resumed; applying it again does not."""
    _say(api(ctx).post("definitions", definition_id, "pause", body={"reason": reason}))


def resume(
    ctx: typer.Context,
    definition_id: Id,
    *,
    reason: Reason = "",
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Also backfill the time it was paused.")
    ] = False,
) -> None:
    """Let it fire again from now on; nothing that was paused is made up for unless you ask."""
    client = api(ctx)
    since = client.get("definitions", definition_id)["paused_since"] if catch_up else None
    resumed = client.post("definitions", definition_id, "resume", body={"reason": reason})
    _say(resumed)
    if since is not None:
        backfills.catch_up(client, definition_id, since, resumed["changed_at"], reason)
    elif catch_up:
        note("it was not paused, so there is nothing to catch up")


def trigger(
    ctx: typer.Context,
    definition_id: Id,
    *,
    input_: Annotated[str, typer.Option("--input", help="A JSON object for it.")] = "{}",
    request_id: Annotated[
        str | None, typer.Option(help="The same id again finds the same run.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run it now; it needs a manual trigger or a schedule, whose slots come all the same."""
    body: dict[str, Any] = {"input": json_object(input_, "--input")}
    if request_id is not None:
        body["request_id"] = request_id
    answer = api(ctx).post("definitions", definition_id, "trigger", body=body)
    if as_json:
        print_json(answer)
        return
    typer.echo(answer["run_id"])
    note(f"{answer['status']}, request {answer['request_id']}")


def _last(item: Mapping[str, Any]) -> str | None:
    return item["last_slot"] and f"{item['last_slot']} {item['last_outcome']}"


def _lag(item: Mapping[str, Any]) -> str | None:
    """How late things are: of the slot that waits undecided, else of the last run."""
    if item["overdue_seconds"] is not None:
        return f"overdue by {item['overdue_seconds']:.1f} s"
    return None if item["lag_seconds"] is None else f"{item['lag_seconds']:.1f} s"


def _counted(bundle: "Bundle") -> str:
    """`3 definitions, 1 source`: the kinds that there are."""
    counts = {
        "definition": len(bundle.definitions),
        "connection": len(bundle.connections),
        "calendar": len(bundle.calendars),
        "source": len(bundle.sources),
        "event type": len(bundle.event_types),
    }
    return ", ".join(_number(count, noun) for noun, count in counts.items() if count)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _warn(warnings: Iterable[Issue]) -> None:
    for issue in warnings:
        note(f"warning: {issue}")


def _say(item: dict[str, object]) -> None:
    typer.echo(f"{item['definition_id']} v{item['version']}: {item['status']}")
