"""How often to try, and how long to wait between: `{max_attempts: 5, backoff: 2s..5m}`.

Written in definitions (sources and tasks), carried out by Temporal's retry policy.
"""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from activity_core.core.definition.duration import Duration, format_duration, parse_duration
from activity_core.core.definition.model import Model


class Backoff(Model):
    """From `first` up to `longest`; spelled `2s..5m` or `10s`."""

    first: Duration = timedelta(seconds=1)
    longest: Duration = timedelta(minutes=5)

    @model_validator(mode="before")
    @classmethod
    def _spelled_as_range(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        first, _, longest = value.partition("..")
        return {"first": parse_duration(first), "longest": parse_duration(longest or first)}

    @model_validator(mode="after")
    def _in_order(self) -> "Backoff":
        if not timedelta() < self.first <= self.longest:
            raise PydanticCustomError("backoff", "the backoff must grow, like 2s..5m")
        return self

    @model_serializer
    def _as_range(self) -> str:
        return f"{format_duration(self.first)}..{format_duration(self.longest)}"

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        mapping = {key: schema.pop(key) for key in ("type", "properties", "additionalProperties")}
        schema["anyOf"] = [
            {"type": "string", "pattern": r"^\S+$", "examples": ["10s", "2s..5m"]},
            mapping,
        ]
        return schema


ErrorType = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:-]{0,199}$", strict=True)]
"""The type of a failure: an exception's name, `http_404`, `invalid_input`, …"""


class Retry(Model):
    """Bounded: there is no retrying for ever. `non_retryable` names types of failures."""

    max_attempts: int = Field(default=5, ge=1, le=100, strict=True)
    backoff: Backoff = Backoff()
    coefficient: Annotated[float, Field(ge=1, le=100)] = 2.0
    non_retryable: tuple[ErrorType, ...] = Field(default=(), max_length=50)
