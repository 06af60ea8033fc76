"""Rollouts over HTTP."""

from typing import Any

import pytest
from tests.unit.memory_system import YAML, MemorySystem
from tests.unit.test_api_events import problem

from activity_core.api.shapes.definitions import DefinitionDetail, DefinitionItem

ONE = """
id: greet
title: One
trigger: {manual: {}, event: {type: hello}}
rules: [{id: r, tasks: [{id: t, human: {title: Greet}}]}]
"""
TWO: dict[str, Any] = {
    "id": "greet",
    "title": "Two",
    "trigger": {"manual": {}, "event": {"type": "hello"}},
    "rules": [{"id": "r", "tasks": [{"id": "t", "human": {"title": "Greet"}}]}],
}
HERE = "/v1/definitions/greet"


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem()
    async with system.client() as client:
        await client.put("/v1/definitions", content=ONE, headers=YAML)
    return system


async def test_a_candidate_is_rolled_out_shown_and_promoted(system: MemorySystem) -> None:
    async with system.client() as client:
        wanted = {"definition": TWO, "percent": 10, "key": "event.data.who", "reason": "try"}
        answer = await client.post(f"{HERE}/rollout", json=wanted)
        item = DefinitionItem.model_validate(answer.json())
        assert (item.version, item.title, item.reason) == (1, "One", "try")
        assert item.rollout is not None
        assert (item.rollout.version, item.rollout.percent) == (2, 10)
        assert (item.rollout.key, item.rollout.stopped) == ("event.data.who", "")
        shown = DefinitionDetail.model_validate((await client.get(f"{HERE}?version=2")).json())
        assert (shown.version, shown.shown_version, shown.definition["title"]) == (1, 2, "Two")
        promoted = DefinitionItem.model_validate((await client.post(f"{HERE}/promote")).json())
        assert (promoted.version, promoted.title, promoted.rollout) == (2, "Two", None)
        problem(await client.post(f"{HERE}/promote"), 409, "conflict")


async def test_it_goes_back_in_one_step(system: MemorySystem) -> None:
    async with system.client() as client:
        await client.post(f"{HERE}/rollout", json={"definition": TWO, "percent": 100})
        stopped = (await client.post(f"{HERE}/rollback", json={"reason": "slow"})).json()
        assert (stopped["version"], stopped["rollout"]["stopped"]) == (1, "by anonymous: slow")
        await client.put("/v1/definitions", json=TWO)
        back = (await client.post(f"{HERE}/rollback", json={"reason": "slow"})).json()
        assert (back["version"], back["title"]) == (3, "One")
        assert back["reason"] == "rolled back to version 1: slow"
        there = (await client.post(f"{HERE}/rollback", json={"to": 2})).json()
        assert (there["version"], there["title"]) == (4, "Two")
        problem(await client.post(f"{HERE}/rollback", json={"to": 9}), 404, "not_found")


async def test_what_is_no_candidate_is_refused(system: MemorySystem) -> None:
    async with system.client() as client:
        other = TWO | {"trigger": {"manual": {}}}
        answer = await client.post(f"{HERE}/rollout", json={"definition": other, "percent": 5})
        assert "trigger" in problem(answer, 400, "bad_input")["detail"]
        elsewhere = {"definition": TWO | {"id": "other"}, "percent": 5}
        problem(await client.post(f"{HERE}/rollout", json=elsewhere), 400, "bad_input")
        broken = {"definition": TWO | {"rules": [{"id": "r"}]}, "percent": 5}
        answer = await client.post(f"{HERE}/rollout", json=broken)
        assert problem(answer, 422, "definition_invalid")["issues"]
        for percent in (0, 101, "10"):
            body = {"definition": TWO, "percent": percent}
            problem(await client.post(f"{HERE}/rollout", json=body), 400, "bad_input")
        unknown = await client.post("/v1/definitions/unknown/promote")
        problem(unknown, 404, "not_found")
