"""Commands about slots: which ones come next, and what became of one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from activity_core.cli import trace
from activity_core.cli.arguments import api
from activity_core.cli.output import AsJson, Columns, note, print_json, print_page, print_tree
from activity_core.cli.runs import explain
from activity_core.core.errors import BadInputError

if TYPE_CHECKING:
    from activity_core.core.definition.definition import ActivityDefinition

schedule = typer.Typer(no_args_is_help=True, help="Slots to come.")

_COLUMNS: Columns = {"utc": "utc", "local": "local", "note": "note"}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(schedule, name="schedule")


@schedule.callback()
def _group() -> None:
    """Slots to come."""


@schedule.command()
def preview(
    ctx: typer.Context,
    target: Annotated[
        str, typer.Argument(metavar="ID|FILE", help="A definition in force, or a file with one.")
    ],
    *,
    after: Annotated[
        str | None, typer.Option("--from", help="Slots later than this; the default is now.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1_000, help="How many.")] = 10,
    definition: Annotated[str | None, typer.Option(help="Which definition of the file.")] = None,
    as_json: AsJson = False,
) -> None:
    """The next slots, with what clocks do there; a file needs no server."""
    if Path(target).exists():
        items = _of_file(Path(target), definition, after, count)
    elif definition is not None:
        raise typer.BadParameter("it goes with a file", param_hint="--definition")
    else:
        query = {"from": after, "count": count}
        items = api(ctx).get("definitions", target, "schedule", **query)["items"]
    if as_json:
        print_json(items)
    else:
        print_page({"items": items, "next": None}, _COLUMNS, as_json=False)


@explain.command("slot")
def explain_slot(
    ctx: typer.Context,
    definition_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a definition.")],
    time: Annotated[
        str,
        typer.Argument(metavar="TIME", help="2026-11-21T09:00:00Z, or a wall time of its zone."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """What became of a slot, or why nothing did."""
    answer = api(ctx).get("definitions", definition_id, "slots", time)
    print_tree(trace.slot_tree(answer), answer, as_json=as_json)


def _of_file(path: Path, wanted: str | None, after: str | None, count: int) -> Sequence[Any]:
    # Compilers and zones; only needed here.
    from activity_core.adapters.system_clock import SystemClock  # noqa: PLC0415
    from activity_core.cli import definition_files  # noqa: PLC0415
    from activity_core.core.schedule.spec import calendars_named  # noqa: PLC0415
    from activity_core.services.schedules import previewed  # noqa: PLC0415

    _, bundle = definition_files.read(path)
    chosen = _chosen(bundle.definitions, wanted, path)
    calendars = {item.id: item for item in bundle.calendars}
    for name in sorted(calendars_named(chosen) - calendars.keys()):
        note(f"warning: calendar {name} is not in {path}, so its days are not known here")
    return previewed(chosen, calendars, after, count, SystemClock())


def _chosen(
    definitions: Sequence["ActivityDefinition"], wanted: str | None, path: Path
) -> "ActivityDefinition":
    """The definition that was named, else the only one with a schedule.

    Raises:
        BadInputError: there is none, or more than one.
    """
    scheduled = [each for each in definitions if each.trigger.slot_triggers]
    named = [each for each in definitions if each.id == wanted] if wanted else scheduled
    if len(named) == 1:
        return named[0]
    known = ", ".join(each.id for each in scheduled)
    if not scheduled:
        raise BadInputError("no definition in it has a schedule", subject=str(path))
    raise BadInputError(
        f"no definition `{wanted}` in it" if wanted else "several definitions have a schedule",
        subject=str(path),
        hint=f"choose with --definition: {known}",
    )
