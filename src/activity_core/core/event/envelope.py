"""EventEnvelope: an incoming or outgoing fact, a CloudEvent 1.0.

In: JSON values in CloudEvents' or the plain spelling (`from_json`, the only door for what comes
from outside), and its own text (`from_bytes`). Out: one structured spelling (`to_json`,
`to_bytes`), the digest that tells a redelivery from another event under the same id, and what CEL
sees (`for_conditions`).

A frozen dataclass, not a model: its checks and the published JSON Schema are one table
(event_attributes), and both spellings and the extensions are sorted out before anything is built.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import msgspec

from activity_core.core.errors import InvalidEventError
from activity_core.core.event.attributes import (
    ATTRIBUTES,
    ENVELOPE_SCHEMA_ID,
    EXTENSION_NAME,
    MAX_ATTRIBUTE_LENGTH,
    REQUIRED,
    checked_extension,
    envelope_json_schema,
)
from activity_core.core.event.near_names import missing, unknown
from activity_core.core.event.spelling import in_cloudevents_spelling
from activity_core.core.jsontext import JsonValue, canonical_json

_DECODER = msgspec.json.Decoder()

ABSENT: Mapping[str, JsonValue] = {
    **dict.fromkeys(("subject", "time", "datacontenttype", "dataschema", "data_base64"), ""),
    "data": None,
}
"""What CEL sees of optional attributes that an event has not."""

__all__ = ["ENVELOPE_SCHEMA_ID", "MAX_ATTRIBUTE_LENGTH", "EventEnvelope", "envelope_json_schema"]


@dataclass(frozen=True, slots=True)
class EventEnvelope:
    """One event, identified by (`source`, `id`); attribute names are CloudEvents', verbatim.

    Attributes:
        time: aware, in UTC, to the microsecond.
        data: any JSON; None also when `data_base64` holds binary data instead.
        data_base64: base64 text (RFC 4648, padded).
        extensions: lowercase names of letters and digits; no attribute of the standard's core.
    """

    id: str
    source: str
    type: str
    specversion: str = "1.0"
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: JsonValue = None
    data_base64: str | None = None
    extensions: Mapping[str, str | int | bool] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: JsonValue, *, default_id: str | None = None) -> Self:
        """Check and normalise one event; attributes that are null count as absent.

        Each context attribute is bounded to MAX_ATTRIBUTE_LENGTH characters, without controls.

        Args:
            value: a structured CloudEvent, or its plain spelling (event_spelling), or a mixture.
            default_id: the id of an event that has none.

        Raises:
            InvalidEventError: naming the attribute that is wrong, missing or unknown.
        """
        if not isinstance(value, dict):
            raise InvalidEventError("an event must be a JSON object")
        attributes, extensions, data = _sorted_out(in_cloudevents_spelling(value))
        if default_id is not None:
            attributes.setdefault("id", ATTRIBUTES["id"].checked(default_id))
        for name in REQUIRED:
            if name not in attributes:
                raise missing(name, value)
        if data is not None and "data_base64" in attributes:
            raise InvalidEventError("data and data_base64 are both given: give only one")
        time = attributes.pop("time", None)
        return cls(
            **attributes,
            time=None if time is None else _instant(time),
            data=data,
            extensions=extensions,
        )

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """An event from what `to_bytes` once made of it: checked like any other, but read quickly.

        Raises:
            InvalidEventError: it is none, as one that was written before today's bounds.
        """
        try:
            return cls.from_json(_DECODER.decode(text))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidEventError(f"not JSON: {error}") from None

    def to_json(self) -> dict[str, JsonValue]:
        """The structured CloudEvent: what is None left out, extensions beside the others."""
        result: dict[str, JsonValue] = {
            "specversion": self.specversion,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            **self.extensions,
        }
        optional: dict[str, JsonValue] = {
            "subject": self.subject,
            "time": _rfc3339(self.time),
            "datacontenttype": self.datacontenttype,
            "dataschema": self.dataschema,
            "data": self.data,
            "data_base64": self.data_base64,
        }
        result.update((name, item) for name, item in optional.items() if item is not None)
        return result

    def to_bytes(self) -> bytes:
        """The structured CloudEvent as canonical JSON text."""
        return canonical_json(self.to_json())

    @property
    def digest(self) -> bytes:
        """32 bytes of SHA-256 over what makes the body; computed anew each time.

        That is type, subject, datacontenttype, dataschema and data. Not time and not extensions:
        a sender's retry may be stamped anew or carry another trace, and is still a redelivery.
        """
        return self._digest(canonical_json(self.data))

    def written(self) -> tuple[bytes, bytes]:
        """`digest` and `to_bytes()`, which for large data take hardly longer than one of them."""
        data = canonical_json(self.data)
        attributes = self.to_json()
        if self.data is None:
            return self._digest(data), canonical_json(attributes)
        text = canonical_json({**attributes, "data": None})
        # No string holds the mark: quotes are escaped in there.
        return self._digest(data), text.replace(b'"data":null', b'"data":' + data, 1)

    def _digest(self, data: bytes) -> bytes:
        head = canonical_json([self.type, self.subject, self.datacontenttype, self.dataschema])
        tail = b"null" if self.data_base64 is None else canonical_json(self.data_base64)
        return hashlib.sha256(b"%b,%b,%b]" % (head[:-1], data, tail)).digest()

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context that it came with, as it was sent."""
        value = self.extensions.get("traceparent")
        return value if isinstance(value, str) else None

    @property
    def causation_depth(self) -> int:
        """How many events of our own led to it; 0 for one from outside."""
        return depth_in(self.extensions)

    def for_conditions(self) -> dict[str, JsonValue]:
        """What CEL sees as `event`: every attribute, extensions included, and `data`.

        Absent optional attributes are empty strings, so that a filter on them does not err.
        """
        return {**ABSENT, **self.to_json()}


def depth_in(extensions: Mapping[str, object]) -> int:
    """The `causation_depth` that extensions say."""
    text = str(extensions.get("causationdepth", 0))  # headers carry it as text
    return int(text) if text.isascii() and text.isdigit() else 0


def _sorted_out(
    value: Mapping[str, JsonValue],
) -> tuple[dict[str, str], dict[str, str | int | bool], JsonValue]:
    """Attributes (with data_base64), extensions and data, each checked by itself."""
    attributes: dict[str, str] = {}
    extensions: dict[str, str | int | bool] = {}
    for name, item in value.items():
        if item is None or name == "data":
            continue
        if (attribute := ATTRIBUTES.get(name)) is not None:
            attributes[name] = attribute.checked(item)
        elif EXTENSION_NAME.fullmatch(name):
            extensions[name] = checked_extension(name, item)
        elif name == "data_base64":
            attributes[name] = _base64(item)
        else:
            raise unknown(name)
    return attributes, extensions, value.get("data")


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text.upper())
        return instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    except (ValueError, OverflowError):  # no such day or hour, or a year beyond 1..9999 in UTC
        raise InvalidEventError(f"time must be {ATTRIBUTES['time'].must}") from None


def _rfc3339(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()[: -len("+00:00")] + "Z"


def _base64(value: JsonValue) -> str:
    try:
        if isinstance(value, str):
            return base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except ValueError:
        pass
    raise InvalidEventError("data_base64 must be base64 text (RFC 4648)")
