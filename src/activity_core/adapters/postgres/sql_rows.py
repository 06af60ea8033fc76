"""Rows of a team's database as JSON objects, by column name."""

import base64
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from activity_core.core.definition.duration import format_duration
from activity_core.core.jsontext import JsonValue


def json_row(row: Mapping[str, object]) -> dict[str, JsonValue]:
    """Numbers as numbers (rules compare them), times as RFC 3339, bytes as base64."""
    return {name: _json_value(value) for name, value in row.items()}


def _json_value(value: object) -> JsonValue:  # noqa: PLR0911 - one line per type
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return format_duration(value)
        case UUID():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case list():
            return [_json_value(item) for item in value]
        case dict():
            return {str(key): _json_value(item) for key, item in value.items()}
        case _:
            return str(value)
