"""The published JSON Schemas of definition files, generated from the models.

For editors and other tools. What a schema cannot say (CEL, cycles of `needs`, time zones,
rival claims) is checked by `definition_file` and the registry only.
"""

from typing import Any

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.definition.model import Model

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def definition_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one activity definition."""
    return _schema(ActivityDefinition, "activity-definition")


def connection_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one connection."""
    return _schema(Connection, "connection")


def calendar_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one calendar."""
    return _schema(Calendar, "calendar")


def source_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one event source."""
    return _schema(EventSource, "event-source")


def event_type_json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one event type."""
    return _schema(EventType, "event-type")


def _schema(model: type[Model], name: str) -> dict[str, Any]:
    return {
        "$schema": _DIALECT,
        "$id": f"urn:activity-core:schema:{name}:v1",
        **model.model_json_schema(by_alias=True, mode="validation"),
    }
