"""Binary mode: an event whose attributes are headers and whose data is the body.

In: `binding`, with headers whose names are lower-case. Out: the event as a JSON object. `PROTOCOLS`
says how each broker carries attributes, by the official CloudEvents bindings: percent-encoded like
HTTP's on NATS, as plain UTF-8 on Kafka, as properties of AMQP on RabbitMQ.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_to_bytes

from activity_core.core.errors import InvalidEventError, MalformedJsonError
from activity_core.core.event.media_type import is_json, media_type_of
from activity_core.core.jsontext import JsonValue, parse_json

_UTF8_NAMES = ("utf-8", "utf8", "us-ascii")
_DATA_NAMES = ("data", "data_base64", "payload")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"-?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Carriage:
    """How a protocol carries attributes in headers.

    Attributes:
        prefixes: what the names of such headers begin with, in lower case.
        encoded: whether values are quoted and percent-encoded as in HTTP.
        native_time: whether `time` may be a number: milliseconds, as AMQP counts time.
    """

    prefixes: tuple[str, ...]
    encoded: bool = False
    native_time: bool = False

    def carries(self, fields: Mapping[str, str]) -> bool:
        """Whether any header is an attribute's."""
        return any(name.startswith(self.prefixes) for name in fields)

    def event(self, fields: Mapping[str, str], body: bytes, max_depth: int) -> dict[str, JsonValue]:
        """The event as a JSON object, its attributes not checked yet.

        Raises:
            InvalidEventError: a header cannot be read, contradicts another, or is out of place.
            MalformedJsonError: the data says that it is JSON and is not.
        """
        event = self._attributes(fields)
        # NATS carries it as an attribute like all others, the rest as content type; both are read.
        if content_type := fields.get("content-type"):
            event.setdefault("datacontenttype", content_type)
        if "specversion" not in event:
            raise InvalidEventError(f"header {self.prefixes[0]}specversion is missing")
        for name in _DATA_NAMES:
            if name in event:
                raise InvalidEventError(
                    f"header {self.prefixes[0]}{name}: data travels in the body"
                )
        if body:
            key, data = _data(str(event.get("datacontenttype", "")), body, max_depth)
            event[key] = data
        return event

    def _attributes(self, fields: Mapping[str, str]) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        for header, text in fields.items():
            prefix = next((prefix for prefix in self.prefixes if header.startswith(prefix)), None)
            if prefix is None:
                continue
            name = header.removeprefix(prefix)
            value = self._value(header, name, text)
            if found.setdefault(name, value) != value:
                raise InvalidEventError(f"headers give two values for {name[:80]!r}")
        return found

    def _value(self, header: str, name: str, text: str) -> str:
        if self.encoded:
            return _decoded(header, text)
        if self.native_time and name == "time" and _MILLISECONDS.fullmatch(text):
            return _time_of(text)
        return text


HTTP = Carriage(("ce-",), encoded=True)
PROTOCOLS: Mapping[str, Carriage] = {
    "nats": HTTP,
    "kafka": Carriage(("ce_",)),
    # Both spellings of the AMQP binding; `ce-` is what CloudEvents' SDKs write on AMQP 0-9-1.
    "rabbitmq": Carriage(("cloudevents:", "cloudevents_", "ce-"), native_time=True),
}


def _data(content_type: str, body: bytes, max_depth: int) -> tuple[str, JsonValue]:
    """JSON as its value, text in UTF-8 as a string, anything else as base64."""
    media_type = media_type_of(content_type)
    if is_json(media_type):
        return "data", parse_json(body, max_depth=max_depth)
    try:
        if media_type.startswith("text/") and _is_utf8(content_type):
            return "data", body.decode()
        if not media_type:  # JSON is CloudEvents' default, but nobody said so
            return "data", parse_json(body, max_depth=max_depth)
    except (UnicodeDecodeError, MalformedJsonError):
        pass
    return "data_base64", base64.b64encode(body).decode()


def _decoded(header: str, value: str) -> str:
    """Undo a header's quoting and one round of percent-encoding (HTTP binding, 3.1.3.2)."""
    if value[:1] == value[-1:] == '"' and len(value) > 1:
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if "%" not in value:
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError:
        raise InvalidEventError(f"header {header} is not percent-encoded UTF-8") from None


def _time_of(milliseconds: str) -> str:
    try:
        return (_EPOCH + timedelta(milliseconds=int(milliseconds))).isoformat()
    except OverflowError:
        raise InvalidEventError("time is a number outside of the years 1 to 9999") from None


def _is_utf8(content_type: str) -> bool:
    charset = re.search(r";\s*charset\s*=\s*\"?([^\s;\"]+)", content_type, re.IGNORECASE)
    return charset is None or charset[1].lower() in _UTF8_NAMES
