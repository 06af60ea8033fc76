"""What the demo shows, step by step: each sends real input and waits for what must follow.

In: the API's address, the listener, the shop. Out: a run per chapter, with the checks that it
stands for; anything that does not happen in time is a failure with its reason.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from activity_core.cli.demo.listener import Listener

PATIENCE = 30.0
"""Seconds that anything may take; usually it is far less than one."""
PAUSE = 0.1

Json = Mapping[str, Any]

ORDER = {
    "specversion": "1.0",
    "id": "order-1001",
    "source": "/shop",
    "type": "order.created",
    "subject": "1001",
    "data": {
        "order_id": "1001",
        "customer": "ada",
        "amount": 2500,
        "items": [{"sku": "lamp", "count": 2}],
    },
}
ISSUE = {
    "specversion": "1.0",
    "id": "delivery-72d3162e",
    "source": "https://github.com/acme/rocket",
    "type": "github.issues.opened",
    "data": {
        "action": "opened",
        "issue": {
            "number": 7,
            "title": "It does not start in the cold",
            "html_url": "https://github.com/acme/rocket/issues/7",
            "user": {"login": "ada", "type": "User"},
            "labels": [{"name": "bug"}],
        },
        "repository": {"full_name": "acme/rocket"},
    },
}


class DidNotHappenError(Exception):
    """Something that the demo shows did not come true."""


@dataclass(slots=True)
class Chapter:
    """One way into the system, the run it led to, and what NATS delivered about it."""

    title: str
    run_id: str
    checks: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)


class Story:
    """Drives the chapters; `tell` is told what is waited for."""

    def __init__(
        self,
        api: httpx.AsyncClient,
        listener: Listener,
        shop: list[str],
        tell: Callable[[str], None],
    ) -> None:
        self._api = api
        self._listener = listener
        self._shop = shop
        self._tell = tell

    async def order_by_http(self) -> Chapter:
        """A CloudEvent by HTTP: payment, reservation, confirmation, and a person for the rest."""
        self._tell("POST /v1/events: order 1001 over 2500 EUR")
        answer = await self._api.post("/v1/events", json=ORDER, headers=CLOUDEVENT)
        expect(answer.status_code == httpx.codes.ACCEPTED, f"the event was refused: {answer.text}")
        run = await self._run_of(ORDER)
        again = await self._api.post("/v1/events", json=ORDER, headers=CLOUDEVENT)
        expect(again.json()["status"] == "duplicate", "the second delivery is not a duplicate")
        expect(len(await self._runs_of(ORDER)) == 1, "the second delivery made a second run")
        expect("POST /payments" in self._shop, "the shop was not asked for the payment")
        expect("POST /reservations" in self._shop, "the shop was not asked for the reservation")
        await self._announced(run, "task.created", "task.completed", "run.completed")
        return Chapter(
            "An event by HTTP",
            str(run["run_id"]),
            ["sent twice, one run", "the shop was called for payment and reservation"],
            self._heard(run),
        )

    async def issue_by_nats(self) -> Chapter:
        """A GitHub payload published on NATS by a plain client."""
        self._tell("NATS events.github: issue acme/rocket#7 was opened")
        await self._listener.publish("events.github", ISSUE)
        run = await self._run_of(ISSUE)
        await self._announced(run, "task.created")
        return Chapter(
            "An event on NATS",
            str(run["run_id"]),
            ["published by a plain NATS client"],
            self._heard(run),
        )

    async def slot(self) -> Chapter:
        """A schedule slot that fires by itself."""
        self._tell("waiting for the next slot of the heartbeat (every 5 s)")
        run = await self._eventually(self._completed_slot, "no slot fired")
        await self._announced(run, "task.completed")
        return Chapter(
            "A schedule slot",
            str(run["run_id"]),
            [f"fired by Temporal for {run['scheduled_for']}"],
            self._heard(run),
        )

    async def person(self) -> Chapter:
        """A manual trigger reads the billing database; a person completes what follows."""
        self._tell("triggering chase-overdue-invoices, then completing the call it asks for")
        answer = await self._api.post("/v1/definitions/chase-overdue-invoices/trigger", json={})
        expect(answer.is_success, f"the trigger was refused: {answer.text}")
        run_id = str(answer.json()["run_id"])
        run = await self._finished(run_id)
        [call] = [task for task in await self._tasks(run_id) if task["kind"] == "human"]
        done = {"outcome": "done", "data": {"reached": True}, "comment": "They pay on Monday."}
        wrong = await self._api.post(
            f"/v1/tasks/{call['task_id']}/complete", json=done | {"data": {"reached": "maybe"}}
        )
        refused = wrong.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        expect(refused, "data against the form was accepted")
        answer = await self._api.post(f"/v1/tasks/{call['task_id']}/complete", json=done)
        expect(answer.is_success, f"the completion was refused: {answer.text}")
        await self._announced(run, "task.created", "task.completed", subject=call["task_id"])
        return Chapter(
            "A person's task",
            run_id,
            ["data that does not fit the form was refused", "completed through the API"],
            self._heard(run),
        )

    def _heard(self, run: Json) -> list[str]:
        """What the listener read from NATS about the run, by type."""
        types = Counter(event["type"] for event in self._listener.of_run(str(run["run_id"])))
        return [f"read back from NATS: {count} {type_}" for type_, count in sorted(types.items())]

    async def _completed_slot(self) -> Json | None:
        runs = await self._list("/v1/runs", definition_id="heartbeat", status="completed")
        return runs[0] if runs else None

    async def _run_of(self, event: Json) -> Json:
        async def look() -> Json | None:
            runs = await self._runs_of(event)
            return runs[0] if runs else None

        run: Json = await self._eventually(look, f"event {event['id']} led to no run")
        return await self._finished(str(run["run_id"]))

    async def _runs_of(self, event: Json) -> list[Json]:
        return await self._list("/v1/runs", source=event["source"], event_id=event["id"])

    async def _finished(self, run_id: str) -> Json:
        async def look() -> Json | None:
            run: Json = (await self._api.get(f"/v1/runs/{run_id}")).json()
            expect(run["status"] != "failed", f"the run failed: {run.get('failure')}")
            return run if run["status"] == "completed" else None

        run: Json = await self._eventually(look, f"run {run_id} did not finish")
        return run

    async def _tasks(self, run_id: str) -> list[Json]:
        return await self._list("/v1/tasks", run_id=run_id)

    async def _announced(self, run: Json, *names: str, subject: str = "") -> None:
        """Wait until the listener has read these events of the run from NATS."""

        async def look() -> bool | None:
            types = {
                event["type"]
                for event in self._listener.of_run(str(run["run_id"]))
                if event["subject"] == subject or not subject
            }
            return {f"activity-core.{name}.v1" for name in names} <= types or None

        await self._eventually(look, f"NATS did not deliver {', '.join(names)}")

    async def _list(self, path: str, **query: str) -> list[Json]:
        answer = await self._api.get(path, params=query)
        expect(answer.is_success, f"GET {path}: {answer.text}")
        items: list[Json] = answer.json()["items"]
        return items

    async def _eventually(self, look: Callable[[], Awaitable[Any]], otherwise: str) -> Any:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not (found := await look()):
            expect(asyncio.get_running_loop().time() < deadline, f"{otherwise} in {PATIENCE:.0f} s")
            await asyncio.sleep(PAUSE)
        return found


CLOUDEVENT = {"content-type": "application/cloudevents+json"}


def expect(condition: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Raise DidNotHappenError unless the condition holds."""
    if not condition:
        raise DidNotHappenError(otherwise)
