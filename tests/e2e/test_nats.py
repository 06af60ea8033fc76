"""Events by NATS: what cannot be processed is buried, with reason and bytes, and blocks nothing."""

import base64
import json
from typing import Any

import psycopg
import pytest
from nats.aio.client import Client as NatsClient
from tests.api import cloudevent, eventually
from tests.e2e.conftest import Stack

DEFINITION = """
id: from-nats
trigger: {event: {type: nats.*}}
rules:
  - id: all
    tasks: [{id: look, human: {title: "Look at ${event.data.n}"}}]
"""


@pytest.fixture(scope="module", autouse=True)
async def _definition(stack: Stack) -> None:
    await stack.api.apply(DEFINITION)


class Sender:
    """A NATS client as any other system has one."""

    def __init__(self, broker: NatsClient) -> None:
        self._stream = broker.jetstream()

    async def send(self, body: bytes | dict[str, Any], **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self._stream.publish("events.test", raw, headers=named or None)


@pytest.fixture
def sender(broker: NatsClient) -> Sender:
    return Sender(broker)


async def buried(stack: Stack, code: str, raw: bytes) -> dict[str, Any]:
    """The open dead letter with this code and exactly these bytes."""

    async def look() -> dict[str, Any] | None:
        for item in await stack.api.items("/v1/dead-letters", status="open", code=code):
            letter = await stack.api.get(f"/v1/dead-letters/{item['dead_letter_id']}")
            if base64.b64decode(letter["body_base64"]) == raw:
                return letter
        return None

    return await eventually(look, f"{raw!r} is buried as {code}")


async def test_an_event_with_and_without_an_id(stack: Stack, sender: Sender) -> None:
    event = cloudevent("nats.one", "n-1", {"n": 1})
    await sender.send(event, content_type="application/cloudevents+json")
    run = await stack.api.run_of(event, "completed")
    assert run["tasks"][0]["title"] == "Look at 1"
    assert (await stack.api.explain(event))["via"] == "nats"

    await sender.send({"type": "nats.anonymous", "source": "/nameless", "payload": {"n": 2}})

    async def look() -> list[dict[str, Any]] | None:
        return await stack.api.items("/v1/events", source="/nameless") or None

    [found] = await eventually(look, "the event without an id")
    assert found["id"].startswith("nats:ACTIVITY_CORE_INBOX/")


async def test_binary_mode(stack: Stack, sender: Sender) -> None:
    event = cloudevent("nats.binary", "n-binary", {"n": 3})
    await sender.send(
        b'{"n": 3}',
        ce_specversion="1.0",
        ce_id="n-binary",
        ce_source="/tests",
        ce_type="nats.binary",
        content_type="application/json",
    )
    run = await stack.api.run_of(event, "completed")
    assert run["tasks"][0]["title"] == "Look at 3"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\xff\x00 no json", "json_malformed"),
        (b'{"type":"nats.two","type":"nats.three","source":"/x"}', "json_malformed"),
        (b'{"source":"/x","id":"1"}', "event_invalid"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "json_malformed"),
    ],
)
async def test_what_is_no_event_is_buried_and_blocks_nothing(
    stack: Stack, sender: Sender, raw: bytes, code: str
) -> None:
    behind = cloudevent("nats.behind", f"behind-{code}-{len(raw)}", {"n": 4})
    await sender.send(raw)
    await sender.send(behind)
    await stack.api.run_of(behind, "completed")
    letter = await buried(stack, code, raw)
    assert (letter["via"], letter["subject"]) == ("nats", "events.test")

    path = f"/v1/dead-letters/{letter['dead_letter_id']}"
    problem = await stack.api.post(f"{path}/replay", status=400)
    assert problem["code"] == code
    assert (await buried(stack, code, raw))["message"]
    await stack.api.post(f"{path}/discard", status=200)
    shown = await stack.api.get(path)
    assert (shown["status"], shown["resolved_by"]) == ("discarded", "anonymous")
    assert base64.b64decode(shown["body_base64"]) == raw
    await stack.api.post(f"{path}/discard", status=409)


async def test_the_same_message_again_is_one_event_and_another_body_is_a_conflict(
    stack: Stack, sender: Sender
) -> None:
    event = cloudevent("nats.twice", "n-twice", {"n": 5})
    await sender.send(event)
    await stack.api.run_of(event, "completed")
    await sender.send(event | {"time": "2026-01-01T00:00:00Z"})
    other = event | {"data": {"n": 6}}
    await sender.send(other)
    letter = await buried(stack, "event_conflict", json.dumps(other).encode())
    assert "n-twice" in letter["message"]
    assert len(await stack.api.runs_of(event)) == 1
    assert len(await stack.api.items("/v1/events", id="n-twice")) == 1
    await stack.api.post(f"/v1/dead-letters/{letter['dead_letter_id']}/replay", status=409)
    listed = await stack.said(
        "dead-letters", "list", "--status", "open", "--code", "event_conflict"
    )
    assert [item["dead_letter_id"] for item in listed["items"]] == [letter["dead_letter_id"]]
    done = await stack.cli("dead-letters", "discard", letter["dead_letter_id"])
    assert (done.code, done.out) == (0, f"discarded: {letter['dead_letter_id']}\n")


async def test_a_dead_letter_is_replayed_once_it_can_be_processed(
    stack: Stack, sender: Sender, sql: psycopg.AsyncConnection[dict[str, Any]]
) -> None:
    event = cloudevent("nats.first", "n-replay", {"n": 7})
    await sender.send(event)
    await stack.api.run_of(event, "completed")
    other = event | {"data": {"n": 8}}
    await sender.send(other)
    letter = await buried(stack, "event_conflict", json.dumps(other).encode())
    # The horizon passes: the first one is forgotten.
    key = "(select event_key from events where event_id = 'n-replay')"
    await sql.execute(f"delete from event_keys where event_key = {key}".encode())
    await sql.execute("delete from events where event_id = 'n-replay'")
    done = await stack.cli("dead-letters", "replay", letter["dead_letter_id"])
    assert done.code == 0
    assert done.out.endswith("/tests n-replay\n")
    event = await stack.api.get("/v1/events/n-replay", source="/tests")
    assert event["via"] == "replay"
