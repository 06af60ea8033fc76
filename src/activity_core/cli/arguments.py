"""What commands are given: the API they talk to, and JSON from the command line."""

import sys
from pathlib import Path
from typing import Any

import typer

from activity_core.cli.client import Client
from activity_core.core.errors import MalformedJsonError


def api(ctx: typer.Context) -> Client:
    """The client that the caller handed in, else that of the environment."""
    return ctx.obj if isinstance(ctx.obj, Client) else Client.from_environment()


def json_value(text: str | bytes, option: str) -> Any:
    """JSON from an option or a file, as strict as the API will be.

    Raises:
        typer.BadParameter: it is none.
    """
    from activity_core.core.jsontext import parse_json  # noqa: PLC0415 - brings pydantic along

    try:
        return parse_json(text if isinstance(text, bytes) else text.encode())
    except (MalformedJsonError, UnicodeEncodeError) as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def json_object(text: str | bytes, option: str) -> dict[str, Any]:
    """A JSON object from an option.

    Raises:
        typer.BadParameter: it is none.
    """
    value = json_value(text, option)
    if not isinstance(value, dict):
        raise typer.BadParameter("must be a JSON object", param_hint=option)
    return value


def file_bytes(path: Path, option: str) -> bytes:
    """What is in a file, or comes through the pipe if it is called `-`.

    Raises:
        typer.BadParameter: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint=option) from None
