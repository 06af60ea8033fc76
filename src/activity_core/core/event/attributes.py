"""What each context attribute of an event may hold: the one source of check and JSON Schema.

In: `event` checks incoming attributes with `ATTRIBUTES` and `checked_extension`. Out: the same
patterns and bounds are published by `envelope_json_schema`. Patterns are written in the common
part of Python's and ECMA's regular expressions.
"""

import re
from dataclasses import dataclass, field

from activity_core.core.errors import InvalidEventError
from activity_core.core.jsontext import JsonValue

MAX_ATTRIBUTE_LENGTH = 1024
"""Characters of a context attribute: it ends up in keys, columns and headers."""

ENVELOPE_SCHEMA_ID = "urn:activity-core:schema:event-envelope:v1"
EXTENSION_NAME = re.compile(r"^[a-z0-9]{1,64}$")

_CONTROLS = r"\u0000-\u001f\u007f-\u009f"
_NO_URI = rf"""\s<>"{{}}|\\^`{_CONTROLS}"""  # anything else is left to IRIs and their readers
_TEXT = rf"^[^{_CONTROLS}]+$"
_DIGITS = "[0-9]{2}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One context attribute: its name, what it means, and the pattern its text must match."""

    name: str
    description: str
    must: str
    pattern: str = _TEXT
    regex: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "regex", re.compile(self.pattern))

    def checked(self, value: object) -> str:
        """The value, if it is a string that fits.

        Raises:
            InvalidEventError: it is not; the message names the attribute.
        """
        if not isinstance(value, str):
            raise InvalidEventError(f"{self.name} must be a string")
        if len(value) > MAX_ATTRIBUTE_LENGTH:
            raise InvalidEventError(f"{self.name} is longer than {MAX_ATTRIBUTE_LENGTH} characters")
        if not self.regex.fullmatch(value) or not (value.isascii() or _is_encodable(value)):
            raise InvalidEventError(f"{self.name} must be {self.must}")
        return value


ATTRIBUTES = {
    attribute.name: attribute
    for attribute in (
        Attribute(
            "id",
            "Identifies the event within its source; (source, id) is what duplicates share.",
            "text of at least one character, without control characters",
        ),
        Attribute(
            "source",
            "Where it happened.",
            "a URI-reference, for example /shop/orders",
            rf"^[^{_NO_URI}]+$",
        ),
        Attribute(
            "type",
            "What kind of thing happened, for example order.created.",
            "text of at least one character, without control characters",
        ),
        Attribute("specversion", "The version of CloudEvents.", '"1.0"', r"^1\.0$"),
        Attribute(
            "subject",
            "What it happened to, within the source.",
            "text of at least one character, without control characters",
        ),
        Attribute(
            "time",
            "When it happened; read to the microsecond and kept in UTC.",
            "an RFC 3339 time with offset, for example 2026-11-21T09:00:00Z",
            rf"^[0-9]{{4}}-{_DIGITS}-{_DIGITS}[Tt]{_DIGITS}:{_DIGITS}:{_DIGITS}"
            rf"(\.[0-9]+)?([Zz]|[+-]{_DIGITS}:{_DIGITS})$",
        ),
        Attribute(
            "datacontenttype",
            "The media type of data; application/json when absent.",
            "a media type, for example application/json",
            rf"^[^\s/;{_CONTROLS}]+/[^\s/;{_CONTROLS}]+( *;[^{_CONTROLS}]*)?$",
        ),
        Attribute(
            "dataschema",
            "The schema of data.",
            "a URI, for example urn:event-type:order.created:1",
            rf"^[A-Za-z][A-Za-z0-9+.-]*:[^{_NO_URI}]+$",
        ),
    )
}
REQUIRED = ("id", "source", "type", "specversion")

_EXTENSION_TEXT = re.compile(rf"^[^{_CONTROLS}]*$")


def checked_extension(name: str, value: JsonValue) -> str | int | bool:
    """The value of an extension attribute whose name is valid, if it fits.

    Raises:
        InvalidEventError: neither string, integer nor boolean, or text that no header can hold.
    """
    if isinstance(value, (bool, int)):
        return value
    if not isinstance(value, str):
        raise InvalidEventError(f"extension {name} must be a string, an integer or a boolean")
    if len(value) > MAX_ATTRIBUTE_LENGTH:
        raise InvalidEventError(f"{name} is longer than {MAX_ATTRIBUTE_LENGTH} characters")
    if not _EXTENSION_TEXT.fullmatch(value) or not (value.isascii() or _is_encodable(value)):
        raise InvalidEventError(f"{name} must be text without control characters")
    return value


def envelope_json_schema() -> dict[str, JsonValue]:
    """The JSON Schema (2020-12) of a structured CloudEvent as this system accepts and writes it."""
    properties: dict[str, JsonValue] = {
        name: {
            "type": "string" if name in REQUIRED else ["string", "null"],
            "pattern": attribute.pattern,
            "maxLength": MAX_ATTRIBUTE_LENGTH,
            "description": attribute.description,
        }
        for name, attribute in ATTRIBUTES.items()
    }
    properties["data"] = {"description": "What is known of it: any JSON."}
    properties["data_base64"] = {
        "type": ["string", "null"],
        "contentEncoding": "base64",
        "description": "Binary data, instead of data.",
    }
    properties["payload"] = False  # the plain spelling of data: never an extension
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ENVELOPE_SCHEMA_ID,
        "title": "EventEnvelope",
        "description": "A CloudEvent 1.0 in its JSON format.",
        "type": "object",
        "properties": properties,
        "required": list(REQUIRED),
        "not": {"required": ["data", "data_base64"]},
        "patternProperties": {
            # One rule for what the table above does not name.
            rf"^(?!(?:{'|'.join((*ATTRIBUTES, 'data'))})$)[a-z0-9]{{1,64}}$": {
                "type": ["string", "integer", "boolean", "null"],
                "maxLength": MAX_ATTRIBUTE_LENGTH,
                "pattern": _EXTENSION_TEXT.pattern,
                "description": "An extension attribute.",
            }
        },
        "additionalProperties": False,
    }


def _is_encodable(text: str) -> bool:
    # Headers of brokers may come with the surrogates of bytes that were not UTF-8.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
