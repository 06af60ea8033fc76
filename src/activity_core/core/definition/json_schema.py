"""JSON Schemas that teams write: forms of human tasks, inputs of manual triggers.

Checked where a definition is validated, so that a broken schema is refused before anybody has to
fill in its form. Remote references are never fetched.
"""

from typing import Annotated, Any

from jsonschema_rs import Draft202012Validator, ValidationError
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


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
