"""Commands about versions of definitions: roll one out, promote it, go back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from activity_core.adapters.system_clock import SystemClock
from activity_core.cli.arguments import api
from activity_core.cli.client import RefusedError
from activity_core.cli.definitions import Id, Reason, Source, definitions
from activity_core.core.errors import InvalidDefinitionError


def register(app: typer.Typer) -> None:
    """Add the commands of this file to those about definitions."""
    del app  # they are in the group `definitions`
    for command in (rollout, promote, rollback):
        definitions.command()(command)


def rollout(
    ctx: typer.Context,
    definition_id: Id,
    path: Source,
    *,
    percent: Annotated[float, typer.Option(help="Of the occurrences, or of what --key gives.")],
    key: Annotated[
        str | None, typer.Option(help="CEL over `event`: all of one key get the same version.")
    ] = None,
    stop_at: Annotated[
        float, typer.Option(help="It stops when a larger share of its runs failed.")
    ] = 0.2,
    min_runs: Annotated[int, typer.Option(help="So many must be over to judge that.")] = 20,
    reason: Reason = "",
) -> None:
    """Publish the version in a file as a candidate, and give it to a part of what happens."""
    body = {
        "definition": _document(definition_id, path),
        "percent": percent,
        "key": key,
        "stop_at": stop_at,
        "min_runs": min_runs,
        "reason": reason,
    }
    try:
        _say(api(ctx).post("definitions", definition_id, "rollout", body=body))
    except RefusedError as error:
        if not error.issues:
            raise
        raise InvalidDefinitionError(error.issues) from None


def promote(ctx: typer.Context, definition_id: Id, *, reason: Reason = "") -> None:
    """Put the candidate in force for all."""
    _say(api(ctx).post("definitions", definition_id, "promote", body={"reason": reason}))


def rollback(
    ctx: typer.Context,
    definition_id: Id,
    *,
    to: Annotated[int | None, typer.Option(help="The version to go back to.")] = None,
    reason: Reason = "",
) -> None:
    """Stop the rollout; without one, publish the document of the version before as the newest."""
    body: dict[str, Any] = {"reason": reason} | ({} if to is None else {"to": to})
    _say(api(ctx).post("definitions", definition_id, "rollback", body=body))


def _document(definition_id: str, path: Path) -> Mapping[str, Any]:
    """The definition of that id among those in a file."""
    from activity_core.cli import definition_files  # noqa: PLC0415 - compilers; only needed here

    _, bundle = definition_files.read(path)
    definition_files.check(bundle, SystemClock().now())
    for definition in bundle.definitions:
        if definition.id == definition_id:
            return definition.document()
    raise typer.BadParameter(f"{path} has no definition {definition_id}", param_hint="PATH")


def _say(item: Mapping[str, Any]) -> None:
    rolled = item["rollout"]
    typer.echo(f"{item['definition_id']} v{item['version']}: {item['status']}")
    if rolled is None:
        return
    share = f"{rolled['percent']:g} %" + (f" by {rolled['key']}" if rolled["key"] else "")
    state = f"stopped: {rolled['stopped']}" if rolled["stopped"] else f"for {share}"
    typer.echo(f"candidate v{rolled['version']} {state}")
