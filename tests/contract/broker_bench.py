"""A broker under test: both ports, and the sides of it that the ports do not show.

Each adapter joins `test_broker` with a module `broker_<name>` whose `bench(address)` is an async
context manager that yields a `Bench` over queues of its own, empty at the beginning.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from activity_core.ports.broker import Consumer, Publisher


@dataclass(frozen=True)
class Published:
    """An event as the broker keeps it; `key` is empty where the protocol carries none."""

    event_id: str
    event_type: str
    body: bytes
    key: str = ""


@dataclass(frozen=True)
class Bench:
    """Both ports of a broker, and its other side.

    Attributes:
        consumer: of the inbound queue; nothing has been asked of it yet.
        successor: another consumer of the same queue, as of a process that takes over. What the
            first had unsettled when its deliveries were closed must come to it within 20 s.
        unreachable: a consumer and a publisher whose broker does not answer.
        send: put a message with some headers on the inbound queue, behind all before it.
            The header `content-type` goes where the protocol has a place for it.
        pass_time: let so much time go by.
        published: everything that was published, in order; across keys only where there is one.
        dedupes: whether the broker stores a repeated event id only once.
    """

    consumer: Consumer
    publisher: Publisher
    successor: Callable[[], Awaitable[Consumer]]
    unreachable: tuple[Consumer, Publisher]
    send: Callable[[bytes, dict[str, str]], Awaitable[None]]
    pass_time: Callable[[timedelta], Awaitable[None]]
    published: Callable[[], Awaitable[Sequence[Published]]]
    dedupes: bool
