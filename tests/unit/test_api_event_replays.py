"""Event replays over HTTP: asked for, looked at, stopped."""

from typing import Any

import httpx
import pytest
from tests.unit.memory_system import STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.event_replays import EventReplayItem, EventReplayPreview

DEFINITIONS = """
id: triage
trigger: {event: {type: order.*, filter: event.data.amount > 100}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: other
trigger: {event: {type: order.*}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""
PATH = "/v1/event-replays"
WANTED = {"definition_id": "triage", "since": "2026-01-01T12:00:00Z"}


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


async def applied(system: MemorySystem, client: httpx.AsyncClient) -> None:
    """Definitions that are newer than two events, one of which they are for."""
    for id_, amount in (("a", 120), ("b", 1)):
        document = event(id_, data={"amount": amount})
        answer = await client.post("/v1/events", json=document, headers=STRUCTURED)
        assert answer.is_success, answer.text
    await system.work()
    answer = await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)
    assert answer.is_success, answer.text


async def test_a_replay_is_asked_for_and_followed(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(system, client)
        wanted = WANTED | {"request_id": "mended", "reason": "mended", "rate": 5}
        answer = await client.post(PATH, json=wanted)
        assert answer.status_code == 202
        item = EventReplayItem.model_validate(answer.json())
        assert (item.replay_id, item.definition_id) == ("mended", "triage")
        assert (item.since, item.until) == ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z")
        assert (item.actor, item.reason, item.rate) == ("anonymous", "mended", 5.0)
        assert (item.status, item.looked_at, item.finished_at) == ("running", 0, None)
        assert (await client.post(PATH, json=wanted)).json() == answer.json()
        await system.event_replayer.step()
        shown = EventReplayItem.model_validate((await client.get(f"{PATH}/mended")).json())
        assert (shown.status, shown.finished_at) == ("completed", "2026-01-01T12:00:00Z")
        assert (shown.looked_at, shown.existing, shown.matched, shown.fired) == (2, 0, 1, 1)
        [run] = (await client.get("/v1/runs?definition_id=triage")).json()["items"]
        assert run["events"] == [{"source": "/shop", "id": "a"}]


async def test_the_pace_is_that_of_the_settings_unless_given(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(system, client)
        first = (await client.post(PATH, json=WANTED)).json()
        other = (await client.post(PATH, json=WANTED | {"definition_id": "other"})).json()
        assert first["rate"] == 20.0
        assert first["replay_id"] != other["replay_id"]


async def test_a_dry_run_says_how_many(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(system, client)
        answer = await client.post(PATH, json=WANTED | {"dry_run": True})
        assert answer.status_code == 200
        preview = EventReplayPreview.model_validate(answer.json())
        assert (preview.looked_at, preview.existing, preview.matched) == (2, 0, 1)
        assert preview.reached is None
        assert (await client.get(PATH)).json()["items"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"since": "yesterday"}, "neither an instant nor a duration"),
        ({"since": "1969-01-01T00:00:00Z"}, "since: must not be before 1970"),
        ({"until": "2026-01-01T11:00:00Z"}, "since: must not be later"),
        ({"until": "2026-01-01T12:00:01Z"}, "until: must not be in the future"),
        ({"definition_id": ""}, "definition_id: "),
        ({"rate": 0}, "rate: "),
        ({"rate": 1_001}, "rate: "),
        ({"rate": "fast"}, "rate: "),
        ({"dry_run": "yes"}, "dry_run: "),
        ({"reason": "\x00"}, "reason: "),
        ({"request_id": "a b"}, "no request id"),
        ({"definition": "triage"}, "did you mean `definition_id`"),
    ],
)
async def test_what_is_wrong_is_named(
    system: MemorySystem, change: dict[str, Any], field: str
) -> None:
    async with system.client() as client:
        await applied(system, client)
        answer = await client.post(PATH, json=WANTED | change)
        assert field in problem(answer, 400, "bad_input")["detail"]
        assert (await client.get(PATH)).json()["items"] == []


async def test_a_definition_that_does_not_fire_is_refused(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(system, client)
        await client.post("/v1/definitions/triage/pause")
        for wanted in (WANTED, WANTED | {"dry_run": True}):
            document = problem(await client.post(PATH, json=wanted), 409, "conflict")
            assert document["hint"] == "resume it first"
        unknown = WANTED | {"definition_id": "none"}
        problem(await client.post(PATH, json=unknown), 404, "not_found")


async def test_they_are_listed_and_stopped(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(system, client)
        await client.post(PATH, json=WANTED | {"request_id": "a"})
        await client.post(PATH, json=WANTED | {"request_id": "b", "definition_id": "other"})
        document = problem(await client.post(PATH, json=WANTED), 409, "conflict")
        assert "another replay" in document["detail"]
        answer = (await client.get(PATH)).json()
        items = PageOf[EventReplayItem].model_validate(answer).items
        assert {item.replay_id for item in items} == {"a", "b"}
        [item] = (await client.get(f"{PATH}?definition_id=other")).json()["items"]
        assert item["replay_id"] == "b"
        assert len((await client.get(f"{PATH}?limit=1")).json()["items"]) == 1
        problem(await client.get(f"{PATH}?status=running"), 400, "bad_input")
        stopped = (await client.post(f"{PATH}/a/stop")).json()
        assert EventReplayItem.model_validate(stopped).status == "stopped"
        problem(await client.post(f"{PATH}/none/stop"), 404, "not_found")
        problem(await client.get(f"{PATH}/none"), 404, "not_found")
