"""Backfills over HTTP: asked for, looked at, stopped."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.unit.memory_system import YAML, MemorySystem
from tests.unit.test_api_events import problem

from activity_core.api.shapes.backfills import BackfillItem, BackfillPreview
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.definitions import DefinitionDetail

DEFINITIONS = """
id: hourly
trigger: {interval: {every: 1h}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
---
id: busy
trigger: {interval: {every: 1s}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""
PATH = "/v1/definitions/hourly/backfills"
RANGE = {"from": "2026-01-01T09:00:00Z", "to": "2026-01-01T12:00:00+01:00"}


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


async def applied(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)
    assert answer.is_success, answer.text


async def test_a_backfill_is_asked_for_and_followed(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(client)
        wanted = RANGE | {"request_id": "late", "reason": "late", "max_concurrent": 2}
        answer = await client.post(PATH, json=wanted | {"order": "newest"})
        assert answer.status_code == 202
        item = BackfillItem.model_validate(answer.json())
        assert (item.backfill_id, item.definition_id) == ("late", "hourly")
        assert (item.from_, item.to) == ("2026-01-01T09:00:00Z", "2026-01-01T11:00:00Z")
        assert (item.actor, item.reason, item.order) == ("anonymous", "late", "newest")
        assert (item.status, item.slots, item.counts) == ("running", 3, {"waiting": 3})
        assert (item.requested_at, item.finished_at) == ("2026-01-01T12:00:00Z", None)
        again = await client.post(PATH, json=wanted | {"order": "newest"})
        assert again.json() == answer.json()
        await system.backfiller.step()
        shown = (await client.get("/v1/backfills/late")).json()
        assert shown["counts"] == {"pending": 2, "waiting": 1}
        [first, second] = (await client.get("/v1/runs?definition_id=hourly")).json()["items"]
        assert {first["trigger"], second["trigger"]} == {"backfill"}
        times = {first["scheduled_for"], second["scheduled_for"]}
        assert times == {"2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"}


async def test_without_an_id_every_call_is_another_backfill(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(client)
        ids = {(await client.post(PATH, json=RANGE)).json()["backfill_id"] for _ in range(2)}
        assert len(ids) == 2


async def test_a_dry_run_lists_slots_and_keeps_nothing(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(client)
        answer = await client.post(PATH, json=RANGE | {"dry_run": True})
        assert answer.status_code == 200
        preview = BackfillPreview.model_validate(answer.json())
        assert preview.slots == [f"2026-01-01T{hour}:00:00Z" for hour in ("09", "10", "11")]
        assert preview.counts == {"waiting": 3, "existing": 0}
        assert (await client.get("/v1/backfills")).json()["items"] == []
        many = RANGE | {"from": "2026-01-01T10:00:00Z", "dry_run": True}
        preview = (await client.post("/v1/definitions/busy/backfills", json=many)).json()
        assert (len(preview["slots"]), preview["counts"]["waiting"]) == (1_000, 3_601)


async def test_many_slots_need_a_confirmation(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(client)
        path, many = "/v1/definitions/busy/backfills", RANGE | {"from": "2026-01-01T10:00:00Z"}
        document = problem(await client.post(path, json=many), 400, "bad_input")
        assert "3,601 slots" in document["detail"]
        assert "confirm" in document["hint"]
        confirmed = await client.post(path, json=many | {"confirm": True})
        assert confirmed.json()["slots"] == 3_601


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"from": "yesterday"}, "from: write an instant"),
        ({"from": "2026-01-01T09:00:00"}, "from: write an instant"),
        ({"from": "0001-01-01T00:00:00+23:00"}, "from: write an instant"),
        ({"from": "1969-01-01T00:00:00Z"}, "from: must not be before 1970"),
        ({"from": "2026-01-01T11:30:00Z"}, "from: must not be later"),
        ({"to": 1767261600}, "to: write an instant"),
        ({"to": None}, "to: write an instant"),
        ({"to": "2026-01-01T12:00:01Z"}, "to: must not be in the future"),
        ({"order": "random"}, "order: "),
        ({"max_concurrent": 0}, "max_concurrent: "),
        ({"max_concurrent": 101}, "max_concurrent: "),
        ({"dry_run": "yes"}, "dry_run: "),
        ({"reason": "\x00"}, "reason: "),
        ({"request_id": "a b"}, "no request id"),
        ({"dryrun": True}, "did you mean `dry_run`"),
    ],
)
async def test_what_is_wrong_is_named(
    system: MemorySystem, change: dict[str, Any], field: str
) -> None:
    async with system.client() as client:
        await applied(client)
        answer = await client.post(PATH, json=RANGE | change)
        assert field in problem(answer, 400, "bad_input")["detail"]
        assert (await client.get("/v1/backfills")).json()["items"] == []


async def test_both_ends_are_needed(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(client)
        document = problem(await client.post(PATH, json={}), 400, "bad_input")
        assert "from: " in document["detail"]
        assert "to: " in document["detail"]


async def test_a_definition_that_does_not_fire_is_refused(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(client)
        await client.post("/v1/definitions/hourly/pause")
        document = problem(await client.post(PATH, json=RANGE), 409, "conflict")
        assert document["hint"] == "resume it first"
        path = "/v1/definitions/none/backfills"
        problem(await client.post(path, json=RANGE), 404, "not_found")


async def test_they_are_listed_and_stopped(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(client)
        await client.post(PATH, json=RANGE | {"request_id": "a"})
        await client.post("/v1/definitions/busy/backfills", json=RANGE | {"request_id": "b"} | TINY)
        answer = (await client.get("/v1/backfills")).json()
        items = PageOf[BackfillItem].model_validate(answer).items
        assert {item.backfill_id for item in items} == {"a", "b"}
        [item] = (await client.get("/v1/backfills?definition_id=busy")).json()["items"]
        assert item["backfill_id"] == "b"
        assert len((await client.get("/v1/backfills?limit=1")).json()["items"]) == 1
        problem(await client.get("/v1/backfills?status=running"), 400, "bad_input")
        stopped = BackfillItem.model_validate((await client.post("/v1/backfills/a/stop")).json())
        assert (stopped.status, stopped.finished_at) == ("stopped", "2026-01-01T12:00:00Z")
        problem(await client.post("/v1/backfills/none/stop"), 404, "not_found")
        problem(await client.get("/v1/backfills/none"), 404, "not_found")


async def test_a_definition_says_since_when_it_is_paused(system: MemorySystem) -> None:
    async with system.client() as client:
        await applied(client)

        async def shown() -> DefinitionDetail:
            answer = await client.get("/v1/definitions/hourly")
            return DefinitionDetail.model_validate(answer.json())

        assert (await shown()).paused_since is None
        await client.post("/v1/definitions/hourly/pause")
        system.clock.advance(timedelta(hours=1))
        assert (await shown()).paused_since == "2026-01-01T12:00:00Z"
        assert system.clock.now() == datetime(2026, 1, 1, 13, tzinfo=UTC)


TINY = {"from": RANGE["to"]}
