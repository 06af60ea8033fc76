"""Groups of dead letters over HTTP: by cause, rehearsed, replayed but for what still fails."""

import json

import pytest
from tests.unit.memory_system import MemorySystem, event
from tests.unit.test_api_events import problem
from tests.unit.test_api_operations import bury

from activity_core.api.shapes.dead_letters import LetterGroups, LetterOutcomes

CAUSE = {"code": "event_invalid"}


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem()
    await bury(system, "a", json.dumps(event("o-1")).encode())
    await bury(system, "b", b"{bad")
    await bury(system, "c", json.dumps(event("o-3")).encode())
    return system


async def test_open_letters_are_counted_by_cause(system: MemorySystem) -> None:
    async with system.client() as client:
        answer = (await client.get("/v1/dead-letters/groups")).json()
        [group] = LetterGroups.model_validate(answer).items
        assert (group.via, group.code, group.source_id, group.count) == (
            "nats",
            "event_invalid",
            "",
            3,
        )
        assert group.example_message == "no event"
        answer = (await client.get("/v1/dead-letters/groups?code=other")).json()
        assert answer == {"items": []}


@pytest.mark.parametrize("verb", ["replay", "discard"])
async def test_a_rehearsal_says_what_would_be_and_changes_nothing(
    system: MemorySystem, verb: str
) -> None:
    async with system.client() as client:
        url = f"/v1/dead-letters/{verb}"
        answer = (await client.post(url, json=CAUSE | {"dry_run": True})).json()
        outcomes = LetterOutcomes.model_validate(answer)
        assert [item.dead_letter_id for item in outcomes.items] == ["a", "b", "c"]
        assert outcomes.dry_run
        assert len((await client.get("/v1/dead-letters?status=open")).json()["items"]) == 3
        assert await system.inbox.depth() == 0


async def test_a_group_is_replayed_page_by_page(system: MemorySystem) -> None:
    async with system.client() as client:
        asked = CAUSE | {"limit": 2}
        first = (await client.post("/v1/dead-letters/replay", json=asked)).json()
        assert [item["status"] for item in first["items"]] == ["replayed", "open"]
        assert first["items"][0]["events"] == [{"source": "/shop", "id": "o-1"}]
        assert first["items"][1]["error"]["code"] == "json_malformed"
        asked["after"] = first["after"]
        rest = (await client.post("/v1/dead-letters/replay", json=asked)).json()
        assert [item["dead_letter_id"] for item in rest["items"]] == ["c"]
        assert rest["after"] == ""
        assert await system.inbox.depth() == 2


async def test_all_of_them_at_once_must_be_meant(system: MemorySystem) -> None:
    async with system.client() as client:
        for verb in ("replay", "discard"):
            answer = await client.post(f"/v1/dead-letters/{verb}", json={})
            assert "at least one of" in problem(answer, 400, "bad_input")["detail"]
            answer = await client.post(f"/v1/dead-letters/{verb}", json={"codes": "x"})
            problem(answer, 400, "bad_input")


async def test_one_letter_is_rehearsed_too(system: MemorySystem) -> None:
    async with system.client() as client:
        answer = (await client.post("/v1/dead-letters/a/replay", json={"dry_run": True})).json()
        assert answer["events"] == [{"source": "/shop", "id": "o-1"}]
        assert await system.inbox.depth() == 0
        answer = await client.post("/v1/dead-letters/b/replay", json={"dry_run": True})
        problem(answer, 400, "json_malformed")
