"""Commands that print the published JSON Schemas, offline."""

import typer

from activity_core.cli.output import print_json

schema = typer.Typer(no_args_is_help=True, help="Published JSON Schemas, for editors.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(schema, name="schema")


@schema.command()
def definition() -> None:
    """JSON Schema of an activity definition."""
    from activity_core.core.definition_file import schema as files  # noqa: PLC0415 - quick --help

    print_json(files.definition_json_schema())


@schema.command()
def connection() -> None:
    """JSON Schema of a connection."""
    from activity_core.core.definition_file import schema as files  # noqa: PLC0415 - quick --help

    print_json(files.connection_json_schema())


@schema.command()
def calendar() -> None:
    """JSON Schema of a calendar."""
    from activity_core.core.definition_file import schema as files  # noqa: PLC0415 - quick --help

    print_json(files.calendar_json_schema())


@schema.command()
def source() -> None:
    """JSON Schema of an event source."""
    from activity_core.core.definition_file import schema as files  # noqa: PLC0415 - quick --help

    print_json(files.source_json_schema())


@schema.command("event_type")
def event_type() -> None:
    """JSON Schema of an event type."""
    from activity_core.core.definition_file import schema as files  # noqa: PLC0415 - quick --help

    print_json(files.event_type_json_schema())


@schema.command()
def event() -> None:
    """JSON Schema of an event."""
    from activity_core.core.event import envelope  # noqa: PLC0415 - quick --help

    print_json(envelope.envelope_json_schema())
