"""How long a task may take, in Temporal's four words: `timeout: 30s` or a mapping of them.

Written in definitions (tasks), carried out by Temporal's timeouts of an activity.
"""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Model

LONGEST = timedelta(days=30)
QUEUE_PATIENCE = timedelta(hours=1)
"""How long a task waits for a worker of a queue that it names, unless it says otherwise."""

Limit = Annotated[Duration, Field(gt=timedelta(), le=LONGEST)]


class Timeouts(Model):
    """Of one attempt (`start_to_close`), of waiting for a worker, of everything, of silence."""

    start_to_close: Limit = timedelta(seconds=30)
    schedule_to_start: Limit | None = None
    schedule_to_close: Limit | None = None
    heartbeat: Limit | None = None

    @model_validator(mode="before")
    @classmethod
    def _spelled_as_one(cls, value: Any) -> Any:
        return value if isinstance(value, dict | Timeouts) else {"start_to_close": value}

    @model_validator(mode="after")
    def _heartbeats_within_an_attempt(self) -> "Timeouts":
        if self.heartbeat is not None and self.heartbeat > self.start_to_close:
            raise PydanticCustomError(
                "heartbeat", "`heartbeat` is longer than the attempt (`start_to_close`)"
            )
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        mapping = {key: schema.pop(key) for key in ("type", "properties", "additionalProperties")}
        schema["anyOf"] = [{"type": "string", "examples": ["30s", "PT5M"]}, mapping]
        return schema
