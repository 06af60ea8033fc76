"""One message of a topic, as `ports.broker.Delivery`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from activity_core.adapters.kafka.unsettled import Handed

_LAST = datetime.max.replace(tzinfo=UTC)


class Desk(Protocol):
    """Where deliveries are settled."""

    def settle(self, handed: Handed) -> None:
        """Done; committed later."""
        ...

    def give_back(self, handed: Handed, delay: timedelta) -> None:
        """To be handed out again."""
        ...


class KafkaDelivery:
    """`position` is the topic's incarnation (see `topics`), the partition and the offset in it."""

    def __init__(self, handed: Handed, incarnation: str, desk: Desk) -> None:
        self._handed = handed
        self._record = handed.record
        self._incarnation = incarnation
        self._desk = desk

    @property
    def body(self) -> bytes:
        """As it was sent; empty for a tombstone."""
        return self._record.value or b""

    @property
    def headers(self) -> Mapping[str, str]:
        """As they were sent; see `texts`."""
        return texts(self._record.headers)

    @property
    def subject(self) -> str:
        """The topic."""
        return self._record.topic

    @property
    def position(self) -> str:
        """A deleted and recreated topic starts its offsets anew: hence the incarnation."""
        return f"{self._incarnation}/{self._record.partition}/{self._record.offset}"

    @property
    def attempt(self) -> int:
        """Counted in memory: a member that joins anew begins at 1 again."""
        return self._handed.attempt

    @property
    def published_at(self) -> datetime:
        """The topic's `message.timestamp.type` says whose clock it is: LogAppendTime, the broker's.

        With CreateTime, which is Kafka's default, it is what the sender claims.
        """
        try:
            return datetime.fromtimestamp(max(self._record.timestamp, 0) / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return _LAST

    async def ack(self) -> None:
        """Settled here; committed with its neighbours within a second or so."""
        self._desk.settle(self._handed)

    async def retry(self, delay: timedelta) -> None:
        """From memory, after the delay; nothing behind it is committed until it is settled."""
        self._desk.give_back(self._handed, delay)

    async def dead(self, reason: str) -> None:
        """Settled; the reason is in our dead letters."""
        del reason
        self._desk.settle(self._handed)


def texts(headers: Iterable[tuple[str, bytes | None]]) -> Mapping[str, str]:
    """Headers as text: what is no UTF-8 is escaped; different values of one name are joined."""
    found: dict[str, dict[str, None]] = {}
    for name, value in headers:
        text = (value or b"").decode("utf-8", "backslashreplace")
        found.setdefault(name, {})[text] = None
    return {name: ", ".join(values) for name, values in found.items()}
