"""What is sent or replayed again and again: one event, one run, its tasks once."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from tests.api import Json, eventually
from tests.faults.broker_feeds import Feed, feeds
from tests.faults.broker_lines import NatsLine
from tests.faults.installation import Installation

from activity_core.embedded.directory import locked
from activity_core.embedded.nats import EmbeddedNats
from activity_core.embedded.ports import choose_ports

REPLAYS = 1_000
AT_ONCE = 20
SECRET = "one-that-only-the-sender-knows"
DEFINITION = """
id: replayed
trigger: {event: {types: [replayed.fact, github.push]}}
rules:
  - id: all
    tasks:
      - {id: look, human: {title: Look}}
      - {id: say, emit: {type: replayed.said}}
"""
COUNTS = """
select count(distinct e.event_key) as events, count(distinct r.run_id) as runs,
    count(t.task_id) as tasks
from events e left join run_events r using (tenant, event_key)
    left join tasks t using (tenant, run_id)
where e.source = %s
"""


async def counts(running: Installation, source: str) -> Mapping[str, int]:
    """Events of a source, their runs and tasks, once everything has settled."""
    await running.settled()
    async with running.connection() as connection:
        [row] = await (await connection.execute(COUNTS, [source])).fetchall()
        return row


ONCE = {"events": 1, "runs": 1, "tasks": 2}


@pytest.fixture
async def hook(running: Installation, tmp_path: Path) -> AsyncIterator[str]:
    """The path of a webhook of GitHub's, whose definition is there."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    webhook = {"verify": {"github": {"secrets": [f"file:{secret}"]}}, "preset": "github"}
    source = {"kind": "source", "id": "replayed-hook", "webhook": webhook}
    await running.api.apply("\n---\n".join([DEFINITION, json.dumps(source)]))
    yield "/v1/hooks/replayed-hook"
    await running.api.http.delete("/v1/sources/replayed-hook")


def signed(body: bytes) -> Mapping[str, str]:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-hub-signature-256": f"sha256={signature}",
    }


async def test_one_signed_request_a_thousand_times_is_one_event(
    running: Installation, hook: str
) -> None:
    body = json.dumps({"repository": {"full_name": "acme/shop"}, "after": "c0ffee"}).encode()
    headers = signed(body)
    numbers = iter(range(REPLAYS))
    answers: list[httpx.Response] = []

    async def send() -> None:
        for number in numbers:
            # What is not signed, a thief may write anew each time.
            more = {"x-github-delivery": f"{number}"}
            answers.append(
                await running.api.http.post(hook, content=body, headers={**headers, **more})
            )

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(202), statuses.count(200)) == (1, REPLAYS - 1)
    assert await counts(running, "/sources/replayed-hook") == ONCE
    other = body.replace(b"c0ffee", b"decaf")
    answer = await running.api.http.post(hook, content=other, headers=signed(other))
    assert answer.status_code == 202
    assert await counts(running, "/sources/replayed-hook") == {"events": 2, "runs": 2, "tasks": 4}


async def letters(running: Installation, feed: Feed, number: int) -> list[Json]:
    """The open letters of a feed, once there are so many."""

    async def look() -> list[Json] | None:
        found = await running.api.items("/v1/dead-letters", source_id=feed.name, status="open")
        return found if len(found) == number else None

    return await eventually(look, f"{number} dead letters")


async def allow(running: Installation, feed: Feed, *types: str) -> None:
    source = {"kind": "source", "id": feed.name, "nats": {"stream": feed.name}}
    await running.api.apply(json.dumps(source | {"allow": {"types": list(types)}}))


async def replay(running: Installation, letter: Json) -> int:
    path = f"/v1/dead-letters/{letter['dead_letter_id']}/replay"
    return (await running.api.http.post(path, json={})).status_code


async def test_a_dead_letter_that_is_replayed_twice_leads_to_one_run(
    running: Installation,
) -> None:
    await running.api.apply(DEFINITION)
    nothing = {"types": ["nothing.of.that"]}
    async with feeds(running, [NatsLine(running)], "again", "replayed.fact", nothing) as [feed]:
        await feed.send([feed.event(1)] * 3)
        one, two, three = await letters(running, feed, 3)
        await allow(running, feed, "replayed.*")

        async def is_allowed() -> bool:
            path = f"/v1/dead-letters/{one['dead_letter_id']}/replay"
            return (await running.api.http.post(path, json={"dry_run": True})).is_success

        await eventually(is_allowed, "the API knows the new version")
        at_once = await asyncio.gather(*(replay(running, one) for _ in range(10)))
        assert set(at_once) <= {200, 409}
        assert 200 in at_once
        assert await replay(running, one) == 409
        assert await counts(running, feed.source) == ONCE
        # Letters of an event that has a run by now: alone, and as a group.
        assert await replay(running, two) == 200
        assert await counts(running, feed.source) == ONCE
        group = {"source_id": feed.name}
        report = await running.api.post("/v1/dead-letters/replay", group)
        assert [item["dead_letter_id"] for item in report["items"]] == [three["dead_letter_id"]]
        assert await running.api.post("/v1/dead-letters/replay", group) == {
            "items": [],
            "after": "",
            "dry_run": False,
        }
        assert await counts(running, feed.source) == ONCE


async def test_the_installation_loses_nothing_with_the_power(
    running: Installation, tmp_path: Path
) -> None:
    """As far as NATS says how it writes to disk; readiness is asked, and asks NATS."""
    assert (await running.api.get("/readyz"))["warnings"] == {}
    monitor = int(running.env["ACTIVITY_CORE_NATS_MONITOR_URL"].rpartition(":")[2])
    await running.kill_server("nats")
    try:
        async with locked(tmp_path) as data:
            port = choose_ports(["nats"], demanded={}, preferred={})["nats"]
            forgetful = EmbeddedNats(data, port, monitor_port=monitor, durable=False)
            await forgetful.start()
            answer = await running.api.http.get("/readyz")
            await forgetful.process.stop()
    finally:
        await running.servers["nats"].start()
    assert "sync_interval: always" in answer.json()["warnings"]["nats"]


async def test_afterwards_the_invariants_hold(running: Installation) -> None:
    await running.assert_invariants()
