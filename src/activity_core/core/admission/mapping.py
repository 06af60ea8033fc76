"""Mapping: a message that is no event becomes one, or several, as its source's `map:` says.

In: messages from `services.message_reader`, after they were verified. Out: envelopes that passed
the checks of every other event. Each expression of a map is compiled once, and evaluated over all
items at once: converting the values to CEL costs more than anything else here.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from activity_core.core.admission.message_body import body_of, visible_headers
from activity_core.core.admission.plain_path import found_at
from activity_core.core.definition.event_source import EventMap
from activity_core.core.errors import (
    ExpressionError,
    InvalidEventError,
    MappingError,
    PayloadTooLargeError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.core.expression.condition import rfc3339
from activity_core.core.expression.rows import Rows, compile_column
from activity_core.core.ids import digest
from activity_core.core.jsontext import JsonValue

MESSAGE_VARIABLES = frozenset({"headers", "body"})
"""What the expressions of a map see; with `each`, all others see `ITEM` too."""
ITEM = "item"

_KEYS = ("id", "type", "source", "subject", "time", "data")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def events_of(
    event_map: EventMap,
    message: Message,
    *,
    source_id: str,
    max_depth: int,
    max_events: int,
    hidden: Collection[str] = (),
) -> Sequence[EventEnvelope]:
    """The events of a message, in order; none if `each` names an empty list.

    Args:
        event_map: what to make of it.
        message: as it came.
        source_id: of the event source; part of the ids that are derived, and of `source`.
        max_depth: levels that the JSON may nest.
        max_events: of one message.
        hidden: lower-case names of headers that the source proves itself by, besides those that
            are known to hold credentials: expressions see neither.

    Raises:
        MappingError: the map does not fit the message; says which key of it, not what came.
        MalformedJsonError: the body cannot be read.
        UnsupportedMediaTypeError: it is neither JSON nor a form.
        PayloadTooLargeError: more than `max_events`.
    """
    try:
        values: dict[str, JsonValue] = {
            "headers": {**visible_headers(message.headers, hidden)},
            "body": body_of(message, max_depth=max_depth),
        }
        items = _items(event_map, values, max_events)
        columns = _columns(event_map, values, items)
        body_digest = digest(message.body)
        return [
            _event(
                {key: column[place] for key, column in columns.items()},
                f"item {place}" if event_map.each else "",
                {
                    "specversion": "1.0",
                    "id": derived_id(source_id, body_digest, place),
                    "source": f"/sources/{source_id}",
                    "datacontenttype": "application/json",
                    "data": item,
                },
            )
            for place, item in enumerate(items)
        ]
    except (MappingError, PayloadTooLargeError) as error:
        error.subject = ", ".join(part for part in (message.place, error.subject) if part)
        raise


def derived_id(source_id: str, body_digest: bytes, place: int) -> str:
    """32 hex: the same bytes from the same source are the same event again."""
    return digest("message", source_id, body_digest, str(place)).hex()[:32]


def _items(
    event_map: EventMap, values: Mapping[str, JsonValue], max_events: int
) -> list[JsonValue]:
    if event_map.each is None:
        return [values["body"]]
    [items] = _results("each", event_map.each, [values], Rows(values, [None], [0]), None)
    if not isinstance(items, list):
        raise MappingError(f"map.each must be a list, is {_kind(items)}")
    if len(items) > max_events:
        raise PayloadTooLargeError(
            f"map.each: {len(items)} events in one message, over the limit of {max_events}"
        )
    return items


def _columns(
    event_map: EventMap, values: Mapping[str, JsonValue], items: list[JsonValue]
) -> dict[str, list[JsonValue]]:
    """The results of each key of the map that is given, item by item."""
    if event_map.each is None:
        each, seen, rows = None, [values], Rows(values, [None], [0])
    else:
        each, rows = ITEM, Rows(values, items, range(len(items)))
        seen = [{**values, ITEM: item} for item in items]
    return {
        key: _results(key, text, seen, rows, each)
        for key in _KEYS
        if (text := getattr(event_map, key)) is not None
    }


def _results(
    key: str,
    text: str,
    seen: Sequence[Mapping[str, JsonValue]],
    rows: Rows,
    each: str | None,
) -> list[JsonValue]:
    """What an expression makes of each item; `seen` and `rows` are the same values."""
    if (found := found_at(text, seen)) is not None:
        return found
    try:
        return rows.evaluate(compile_column(text, variables=MESSAGE_VARIABLES, each=each))
    except ExpressionError as error:
        raise MappingError(
            f"map.{key}: {error.message}", subject=error.subject, hint=error.hint
        ) from None


def _event(
    results: Mapping[str, JsonValue], item: str, event: dict[str, JsonValue]
) -> EventEnvelope:
    """`event` holds what an event is without a map; null results leave it as it is."""
    try:
        for key, value in results.items():
            if key == "data":
                event[key] = value
            elif value is not None:
                event[key] = _time(value) if key == "time" else _text(key, value)
        return EventEnvelope.from_json(event)
    except InvalidEventError as error:  # its message starts with the name of the attribute
        raise MappingError(f"map.{error.message}", subject=item) from None
    except MappingError as error:
        error.subject = item
        raise


def _text(key: str, value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise MappingError(f"map.{key} must be text or an integer, is {_kind(value)}")


def _time(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return rfc3339(_EPOCH + timedelta(seconds=value))
        except OverflowError:
            raise MappingError("map.time is no number of seconds since 1970") from None
    raise MappingError(f"map.time must be a time or seconds since 1970, is {_kind(value)}")


def _kind(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "an object"
