"""A process that sends events as fast as the other side takes them, and prints how long it took.

In: a `Load` as JSON, from `seconds` in the process that measures. Out: seconds from the first
request to the last answer. Everything is built before the clock starts and answers are read just
enough to know that they are right, so that the other side is what is measured.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

import uvloop
from pydantic import BaseModel

from activity_core.core.event.envelope import EventEnvelope
from benchmarks.bare_inserts import inserters
from benchmarks.figure import Measure
from benchmarks.stack import order

_numbers = count()
Sender = Callable[[], Awaitable[None]]
"""Sends what is left of the work on a connection of its own, one piece after the other."""


class Load(BaseModel):
    """What to send, and where.

    Attributes:
        target: `http` (our API) or `postgres` (the reference).
        address: port of the API, or URL of the database.
        prefix: of the ids of the events, so that no two loads send the same.
        batch: events per request or transaction.
        connections: requests or transactions under way at a time.
    """

    target: str
    address: str
    prefix: str
    events: int
    batch: int
    connections: int


async def seconds(load: Load) -> float:
    """Have a process of its own do it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load", load.model_dump_json()),
        cwd=Path(__file__).parent.parent,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load failed: {load}")
    return float(output)


def sending(target: str, address: str, *, events: int, batch: int, connections: int) -> Measure:
    """Events a second of such a load, with other ids each time."""

    async def rate() -> float:
        load = Load(
            target=target,
            address=address,
            prefix=f"{target}-{next(_numbers)}",
            events=events,
            batch=batch,
            connections=connections,
        )
        return events / await seconds(load)

    return rate


async def _requesters(load: Load, batches: Sequence[Sequence[EventEnvelope]]) -> list[Sender]:
    requests = iter([_request(batch) for batch in batches])
    links = [
        await asyncio.open_connection("127.0.0.1", int(load.address))
        for _ in range(load.connections)
    ]
    return [_requester(reader, writer, requests) for reader, writer in links]


def _requester(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: Iterator[bytes]
) -> Sender:
    async def send() -> None:
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202"), head
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))

    return send


def _request(batch: Sequence[EventEnvelope]) -> bytes:
    bodies = [envelope.to_bytes() for envelope in batch]
    alone = len(batch) == 1
    body = bodies[0] if alone else b"[" + b",".join(bodies) + b"]"
    kind = b"cloudevents" if alone else b"cloudevents-batch"
    return (
        b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/%b+json\r\n"
        b"content-length: %d\r\n\r\n%b" % (kind, len(body), body)
    )


async def _inserters(load: Load, batches: Sequence[Sequence[EventEnvelope]]) -> list[Sender]:
    return await inserters(load.address, batches, load.connections)


_TARGETS: Mapping[
    str, Callable[[Load, Sequence[Sequence[EventEnvelope]]], Awaitable[list[Sender]]]
] = {"http": _requesters, "postgres": _inserters}


async def _send(load: Load) -> float:
    events = [order(f"{load.prefix}-{number}") for number in range(load.events)]
    batches = [events[start : start + load.batch] for start in range(0, load.events, load.batch)]
    senders = await _TARGETS[load.target](load, batches)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(_await(sender))
    return time.perf_counter() - began


async def _await(sender: Sender) -> None:
    await sender()


if __name__ == "__main__":
    print(uvloop.run(_send(Load.model_validate_json(sys.argv[1]))))
