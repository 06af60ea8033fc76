"""Event types: what the data of an event must look like. `kind: event_type`.

Comes from `definition_file` or the store; `core.admission` validates by it. Schemas are listed
oldest first and only added to; whether the next may follow is the compatibility rule's to say.
"""

from typing import Annotated, Literal

from pydantic import Field

from activity_core.core.definition.json_schema import JsonSchema
from activity_core.core.definition.model import Slug, Text, Versioned
from activity_core.core.definition.trigger_pattern import TypePattern

Compatibility = Literal["backward", "forward", "full", "none"]
"""`backward`: what fitted the version before fits this one; `forward`: the other way round."""

RedactPath = Annotated[str, Field(pattern=r"^(/([^~/]|~[01])*)+$", max_length=500, strict=True)]
"""A JSON pointer into the data; `*` stands for every item or member."""


class EventType(Versioned):
    """The schemas of one type, or of all types that a pattern takes.

    `versions[0]` is version 1. An event says which one it was written for by
    `dataschema: urn:event-type:{type}:{version}`; without, it must fit the newest.
    """

    kind: Literal["event_type"] = "event_type"
    id: Slug
    type: TypePattern
    title: Text | None = None
    owner: Text | None = None
    compatibility: Compatibility = "backward"
    versions: Annotated[tuple[JsonSchema, ...], Field(min_length=1, max_length=100)]
    redact: Annotated[tuple[RedactPath, ...], Field(max_length=100)] = ()
