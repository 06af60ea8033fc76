"""The plain spelling of an event, as teams write it without knowing CloudEvents.

In: an object that may say `event_id`, `occurred_at`, `trace_id`, `schema_version`, `payload`.
Out: the same with CloudEvents' names, still unchecked; `event` goes on from there.
"""

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote

from activity_core.core.errors import InvalidEventError
from activity_core.core.jsontext import JsonValue

PLAIN_NAMES = {
    "event_id": "id",
    "occurred_at": "time",
    "trace_id": "traceparent",
    "schema_version": "dataschema",
    "payload": "data",
}
"""Plain name → CloudEvents attribute. `type`, `source` and `subject` are the same in both."""

_ONLY_CLOUDEVENTS = frozenset(PLAIN_NAMES.values()) | {"data_base64"}
_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+")


def in_cloudevents_spelling(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Rename what is spelled plainly; anything else stays as it is.

    `specversion` is added where it is missing and nothing says that CloudEvents was meant.

    Raises:
        InvalidEventError: one attribute in both spellings.
    """
    is_plain = not PLAIN_NAMES.keys().isdisjoint(value)
    has_version = value.get("specversion") is not None
    if not is_plain and (has_version or not _ONLY_CLOUDEVENTS.isdisjoint(value)):
        return value
    result = dict(value)
    for plain, name in PLAIN_NAMES.items():
        if (item := result.pop(plain, None)) is None:
            continue
        if result.get(name) is not None:
            raise InvalidEventError(f"{plain} and {name} are the same attribute: give only one")
        result[name] = item
    if value.get("schema_version") is not None:
        result["dataschema"] = _dataschema(result)
    if value.get("trace_id") is not None:
        _move_trace_id(result)
    if not has_version:
        result["specversion"] = "1.0"
    return result


def _dataschema(value: Mapping[str, JsonValue]) -> JsonValue:
    version = value["dataschema"]
    if isinstance(version, int) and not isinstance(version, bool):
        version = str(version)
    if not isinstance(version, str) or not version or _URI.fullmatch(version):
        return version
    return f"urn:event-type:{quote(str(value.get('type')), errors='replace')}:{version}"


def _move_trace_id(value: dict[str, JsonValue]) -> None:
    trace_id = value.pop("traceparent")
    if isinstance(trace_id, str) and _TRACE_ID.fullmatch(trace_id) and int(trace_id, 16):
        identity = f"{len(str(value.get('source')))}:{value.get('source')}{value.get('id')}"
        span_id = hashlib.sha256(identity.encode(errors="replace")).hexdigest()[:16]
        value["traceparent"] = f"00-{trace_id.lower()}-{span_id}-01"
    elif value.get("traceid") is not None:
        raise InvalidEventError("trace_id and traceid are the same attribute: give only one")
    else:
        value["traceid"] = trace_id
