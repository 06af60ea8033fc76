"""Senders of chaos: over HTTP and NATS, again and again until accepted, and often once more.

Each HTTP sender sends its events one request after the other, so what it sent earlier came in
earlier. What was accepted is taken down: it is the first of the three ledgers.
"""

import asyncio
import json
import random  # noqa: TID251 - of a seed
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

import httpx
import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from tests.api import BATCH, STRUCTURED, Api, Json, eventually

HTTP_SENDERS = 4
VIA_NATS = 0.2
PATIENCE = 120.0
"""Seconds."""
AGAIN, OTHER = 0.1, 0.03
"""Shares of late events that are delivered once more as they are, or with another body."""


def name_of(event: Json) -> str:
    """What identifies an event: its source and id."""
    return f"{event['source']} {event['id']}"


@dataclass
class SendersLog:
    """What was accepted: all of it, and by each HTTP sender in order."""

    accepted: dict[str, Json] = field(default_factory=dict)
    in_order: list[list[str]] = field(default_factory=list)
    refused: int = 0

    def take_down(self, event: Json) -> None:
        self.accepted.setdefault(name_of(event), event)


class Senders:
    """All of them; what they do depends on the seed alone. Without a broker all is HTTP."""

    def __init__(self, api: Api, nats_url: str, seed: int, *, pause: float) -> None:
        self._api = api
        self._nats_url = nats_url
        self._via_nats = VIA_NATS if nats_url else 0.0
        self._seed = seed
        self._pause = pause
        self._total = 0
        self.log = SendersLog()

    async def send(self, events: Sequence[Json]) -> None:
        """Send all; no event is sent by two of them."""
        self._total = len(events)
        chance = random.Random(self._seed)  # noqa: S311 - not for secrets
        shares: list[list[Json]] = [[] for _ in range(HTTP_SENDERS + 1)]
        for event in events:
            by_nats = chance.random() < self._via_nats
            shares[-1 if by_nats else chance.randrange(HTTP_SENDERS)].append(event)
        deliveries = [list(_deliveries(share, chance)) for share in shares]
        async with asyncio.TaskGroup() as group:
            for each in deliveries[:-1]:
                log: list[str] = []
                self.log.in_order.append(log)
                group.create_task(self._over_http(each, log))
            if deliveries[-1]:
                group.create_task(self._over_nats(deliveries[-1]))

    def share(self, *, less: int) -> float:
        """Of all events, how many are accepted, less some."""
        return (len(self.log.accepted) - less) / self._total if self._total else 0.0

    async def taken(self, within: float) -> None:
        """Wait until the broker has nothing left for us: what was cut off comes again later."""
        client = await nats.connect(self._nats_url)

        async def look() -> bool:
            info = await client.jetstream().stream_info("ACTIVITY_CORE_INBOX")
            return info.state.messages == 0

        try:
            await eventually(look, "all messages are taken", within)
        finally:
            await client.close()

    async def _over_http(self, deliveries: Sequence[Sequence[Json]], log: list[str]) -> None:
        known: set[str] = set()
        for events in deliveries:
            body = json.dumps(events)
            await eventually(partial(self._post, body), "the API accepts again", PATIENCE)
            for event in events:
                if (name := name_of(event)) not in known:
                    known.add(name)
                    log.append(name)
                    self.log.take_down(event)
            await asyncio.sleep(self._pause)

    async def _post(self, body: str) -> bool:
        with suppress(httpx.TransportError):
            answer = await self._api.http.post("/v1/events", content=body, headers=BATCH)
            if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                self.log.refused += 1
                return False
            statuses = {item["status"] for item in answer.json()["items"]}
            assert statuses <= {"accepted", "duplicate", "conflict"}, answer.text
            return True
        return False

    async def _over_nats(self, deliveries: Sequence[Sequence[Json]]) -> None:
        client = await nats.connect(self._nats_url, max_reconnect_attempts=-1, error_cb=_quietly)
        try:
            for events in deliveries:
                for event in events:
                    published = partial(_published, client, event)
                    await eventually(published, "the broker accepts again", PATIENCE)
                    self.log.take_down(event)
                await asyncio.sleep(self._pause)
        finally:
            await client.close()


def _deliveries(events: Sequence[Json], chance: random.Random) -> Iterator[list[Json]]:
    """A few at a time, and now and then one that came before."""
    start = 0
    while start < len(events):
        end = start + chance.randint(1, 20)
        again = [event for event in events[max(0, start - 20) : start] if chance.random() < AGAIN]
        other = [event for event in events[max(0, start - 20) : start] if chance.random() < OTHER]
        altered = [{**event, "data": {**event["data"], "other": True}} for event in other]
        yield [*again, *altered, *events[start:end]]
        start = end


async def _published(client: Client, event: Json) -> bool:
    with suppress(NatsError, TimeoutError):
        body = json.dumps(event).encode()
        await client.jetstream().publish(f"events.{event['type']}", body, headers=STRUCTURED)
        return True
    return False


async def _quietly(_: Exception) -> None:
    """An outage of the broker is expected here."""
