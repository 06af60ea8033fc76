"""JSON Schemas that teams write: forms of human tasks, inputs of manual triggers.

In: a schema as a definition holds it, later a value for it. Out: the schema if it is one, so that
a broken one is refused before anybody has to fill in its form; then what does not fit. Remote
references are never fetched.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Any

from jsonschema_rs import Draft202012Validator, ValidationError
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from activity_core.core.jsontext import JsonValue

MOST_MISMATCHES = 5


def _is_schema(schema: dict[str, Any]) -> dict[str, Any]:
    try:
        Draft202012Validator(schema, validate_formats=True, offline=True)
    except ValidationError as error:
        raise PydanticCustomError(
            "json_schema",
            "not a JSON Schema (2020-12): {where}{reason}",
            {
                "where": "".join(f"{part}: " for part in error.instance_path),
                "reason": error.message,
            },
        ) from error
    return schema


JsonSchema = Annotated[dict[str, Any], AfterValidator(_is_schema)]


def misfits(schema: dict[str, Any], value: JsonValue) -> list[tuple[str, str]]:
    """Where a value does not fit a schema, and why: at most five pointers with reasons."""
    validator = Draft202012Validator(schema, validate_formats=True, offline=True)
    return [
        (pointer(error.instance_path), error.message)
        for error in islice(validator.iter_errors(value), MOST_MISMATCHES)
    ]


def pointer(path: Iterable[str | int]) -> str:
    """A path as a JSON pointer (RFC 6901); empty for the whole."""
    tokens = (str(token).replace("~", "~0").replace("/", "~1") for token in path)
    return "".join(f"/{token}" for token in tokens)


def mismatches(schema: dict[str, Any], value: JsonValue, whole: str) -> list[str]:
    """How a value does not fit a schema, at most five sentences; `whole` names the value itself.

    Nothing is fetched: a `$ref` to elsewhere was refused when the definition was read.
    """
    validator = Draft202012Validator(schema, validate_formats=True, offline=True)
    return [
        f"{'/'.join(map(str, error.instance_path)) or whole}: {error.message}"
        for error in islice(validator.iter_errors(value), MOST_MISMATCHES)
    ]
