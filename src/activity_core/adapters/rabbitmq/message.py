"""What a message of RabbitMQ says of itself, in words of `ports.broker`. Read by `consumer`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from activity_core.core.ids import digest

PROPERTY = "amqp-"
"""Prefix of the headers that hold properties: no sender can pass off a header as one."""
COUNT = "x-delivery-count"
_CHANGING = (COUNT, "x-acquired-count", "x-death", "x-first-death-", "x-last-death-")
"""Headers that the broker writes anew with a redelivery."""
_SHOWN = {
    "message_id": "message-id",
    "message_type": "type",
    "app_id": "app-id",
    "user_id": "user-id",
    "correlation_id": "correlation-id",
    "content_encoding": "content-encoding",
}
_DIGESTED = (*_SHOWN, "content_type", "reply_to", "timestamp")


def headers_of(message: DeliveredMessage) -> dict[str, str]:
    """The table of headers, and the properties.

    The content type is `content-type`; the others are `amqp-message-id`, `amqp-type`,
    `amqp-app-id`, `amqp-correlation-id`, `amqp-content-encoding`, and `amqp-user-id`, which the
    broker checks.
    """
    properties = message.header.properties
    headers = {
        name: _text(value)
        for name, value in (properties.headers or {}).items()
        if name.lower() != "content-type" and not name.lower().startswith(PROPERTY)
    }
    for name, shown in _SHOWN.items():
        if value := getattr(properties, name):
            headers[PROPERTY + shown] = value
    if properties.content_type:
        headers["content-type"] = properties.content_type
    return headers


def position_of(queue: str, message: DeliveredMessage) -> str:
    """What tells the message from others in the queue, however often it is delivered.

    AMQP numbers deliveries, not messages. The property `message-id` says who a message is, and
    senders should set it. Without one it is a digest of all that was sent: two messages that are
    the same in every byte are then taken for one.
    """
    properties = message.header.properties
    if properties.message_id:
        return f"{queue}/id/{properties.message_id}"
    table = {
        name: value
        for name, value in (properties.headers or {}).items()
        if not name.startswith(_CHANGING)
    }
    words = [_text(getattr(properties, name)) for name in _DIGESTED]
    where = (message.exchange or "", message.routing_key or "")
    return f"{queue}/sha256/{digest(*where, *words, _text(table), message.body).hex()}"


def attempt_of(message: DeliveredMessage) -> int:
    """Quorum queues count what came back; of others it is only known that it did."""
    if isinstance(count := _table(message).get(COUNT), int):
        return count + 1
    return 2 if message.redelivered else 1


def is_uncounted(message: DeliveredMessage) -> bool:
    """Whether it came back and nobody counted: its queue is a classic one."""
    counts = _table(message).keys() & {COUNT, "x-acquired-count"}
    return bool(message.redelivered) and not counts


def published_at(message: DeliveredMessage, now: datetime) -> datetime:
    """The property `timestamp`, which senders set, or the broker if it is told to.

    Without one, or with one in the future: now, and nobody can tell how old the message is.
    """
    sent = message.header.properties.timestamp
    return min(sent.astimezone(UTC), now) if sent else now


def tag_of(message: DeliveredMessage) -> int:
    """The number of the delivery on its channel."""
    if not isinstance(message.delivery, Basic.Deliver) or message.delivery.delivery_tag is None:
        raise TypeError(f"no delivery: {message.delivery!r}")
    return message.delivery.delivery_tag


def _table(message: DeliveredMessage) -> Mapping[str, Any]:
    return message.header.properties.headers or {}


def _text(value: Any) -> str:
    """As the CloudEvents binding writes values where only text can be; tables as JSON."""
    match value:
        case str():
            return value
        case None | bool():
            return "" if value is None else str(value).lower()
        case bytes() | bytearray():
            return bytes(value).decode(errors="backslashreplace")
        case datetime():
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, default=_text, sort_keys=True)
        case _:
            return str(value)
