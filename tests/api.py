"""The HTTP API as a test uses it: short ways to send, to look and to wait for what must follow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, TypeVar

import httpx

Json = dict[str, Any]
Seen = TypeVar("Seen")

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
YAML = {"content-type": "application/yaml"}
PATIENCE = 60.0
"""Seconds until something counts as never happening; on a busy machine usual things take long."""


def cloudevent(type_: str, id_: str, data: object = None, **more: object) -> Json:
    """A structured CloudEvent from `/tests`."""
    event: Json = {"specversion": "1.0", "source": "/tests", "type": type_, "id": id_}
    return event | ({} if data is None else {"data": data}) | more


async def eventually(
    look: Callable[[], Awaitable[Seen | None]], what: str, within: float = PATIENCE
) -> Seen:
    """The first thing that `look` finds; an assertion about `what` if it never does."""
    deadline = asyncio.get_running_loop().time() + within
    while (found := await look()) is None or found is False:
        assert asyncio.get_running_loop().time() < deadline, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(0.05)
    return found


async def together(answers: Iterable[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """All answers, asked for a few at a time."""
    waiting = iter(answers)
    found: list[httpx.Response] = []
    while some := list(islice(waiting, 20)):
        found += await asyncio.gather(*some)
    return found


class Api:
    """One API; every method asserts that the answer is a success unless it says otherwise."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.http = client

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    async def get(self, path: str, **query: str | int) -> Json:
        answer = await self.http.get(path, params=query)
        assert answer.is_success, f"GET {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    async def items(self, path: str, **query: str | int) -> list[Json]:
        items: list[Json] = (await self.get(path, **query))["items"]
        return items

    async def post(self, path: str, body: object = None, *, status: int | None = None) -> Json:
        answer = await self.http.post(path, json={} if body is None else body)
        fits = answer.is_success if status is None else answer.status_code == status
        assert fits, f"POST {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    async def apply(self, yaml: str) -> Json:
        answer = await self.http.put("/v1/definitions", content=yaml, headers=YAML)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    async def send(self, event: Mapping[str, Any], *, status: int = 202) -> Json:
        answer = await self.http.post("/v1/events", json=event, headers=STRUCTURED)
        assert answer.status_code == status, f"{answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    async def routed(self, event: Mapping[str, Any]) -> Json:
        """The event with its decisions, once it is routed."""

        async def look() -> Json | None:
            page = await self.items("/v1/events", source=event["source"], id=event["id"])
            if not page or page[0]["state"] == "pending":
                return None
            return await self.explain(event)

        return await eventually(look, f"event {event['id']} is routed")

    async def explain(self, event: Mapping[str, Any]) -> Json:
        return await self.get("/v1/events/explain", source=event["source"], id=event["id"])

    async def runs_of(self, event: Mapping[str, Any]) -> list[Json]:
        return await self.items("/v1/runs", source=event["source"], event_id=event["id"])

    async def run_of(self, event: Mapping[str, Any], status: str, *, attempt: int = 1) -> Json:
        """The one run for an event, once it has this status."""
        await self.routed(event)
        [run] = await self.runs_of(event)
        return await self.run(str(run["run_id"]), status, attempt=attempt)

    async def held_by(self, event: Mapping[str, Any]) -> Json:
        """The one run for an event, once it waits for a person; its claim alone has no tasks."""
        return await self.held(str((await self.run_of(event, "running"))["run_id"]))

    async def held(self, run_id: str) -> Json:
        """A run, once a person can do something for it."""

        async def look() -> Json | None:
            run = await self.get(f"/v1/runs/{run_id}")
            of_people = [task["status"] for task in run["tasks"] if task["kind"] == "human"]
            return run if "ready" in of_people else None

        return await eventually(look, f"run {run_id} waits for a person")

    async def run(self, run_id: str, status: str, *, attempt: int = 1) -> Json:
        """A run, once it has this status."""
        seen: Json = {}

        async def look() -> Json | None:
            nonlocal seen
            seen = await self.get(f"/v1/runs/{run_id}")
            fits = seen["status"] == status and seen["attempt"] == attempt
            return seen if fits else None

        try:
            return await eventually(look, f"run {run_id} is {status}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen}") from None

    async def announced(self, run_id: str) -> list[str]:
        """Types of what left about a run, in order, once all of it is sent."""

        async def look() -> list[str] | None:
            events = (await self.get(f"/v1/runs/{run_id}"))["events_out"]
            return [event["type"] for event in events] if all(e["sent"] for e in events) else None

        return await eventually(look, f"all events about {run_id} are sent")

    async def until_ready(self, within: float = PATIENCE) -> None:
        async def look() -> bool | None:
            try:
                return (await self.http.get("/readyz")).status_code == httpx.codes.OK or None
            except httpx.TransportError:
                return None

        await eventually(look, f"{self.url}/readyz says 200", within)


@asynccontextmanager
async def api_at(url: str) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        yield Api(client)
