"""Definitions over HTTP: applied as a set or not at all, paused, retired, triggered."""

import json

import httpx
import pytest
from tests.unit.memory_system import DEFINITIONS, YAML, MemorySystem
from tests.unit.test_api_events import problem

from activity_core.api.parts import ApiLimits
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.definitions import (
    AppliedSet,
    DefinitionDetail,
    DefinitionItem,
    Triggered,
)
from activity_core.api.shapes.slots import SchedulePreview, SlotExplained

JSON = {
    "id": "by-hand",
    "trigger": {"manual": {}},
    "rules": [{"id": "all", "tasks": [{"id": "t", "human": {"title": "Do it"}}]}],
}
CONNECTION = {"kind": "connection", "id": "shop", "http": {"base_url": "http://127.0.0.1:1"}}


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


async def put(client: httpx.AsyncClient, text: str = DEFINITIONS) -> httpx.Response:
    return await client.put("/v1/definitions", content=text, headers=YAML)


async def test_yaml_and_json_are_applied_and_reported(system: MemorySystem) -> None:
    async with system.client() as client:
        report = AppliedSet.model_validate((await put(client)).json())
        assert [(each.definition_id, each.change) for each in report.definitions] == [
            ("broken", "created"),
            ("triage", "created"),
        ]
        again = AppliedSet.model_validate((await put(client)).json())
        assert {each.change for each in again.definitions} == {"unchanged"}
        assert again.revision == report.revision
        one = await client.put("/v1/definitions", json=JSON)
        assert one.json()["definitions"] == [
            {"definition_id": "by-hand", "version": 1, "change": "created"}
        ]
        several = await client.put("/v1/definitions", json=[CONNECTION, JSON | {"title": "New"}])
        assert several.json()["definitions"][0]["version"] == 2
        assert several.json()["connections"] == ["shop"]


async def test_one_wrong_definition_stops_the_whole_set(system: MemorySystem) -> None:
    async with system.client() as client:
        text = DEFINITIONS + "---\nid: wrong\ntriger: {manual: }\nrules: []\n"
        document = problem(await put(client, text), 422, "definition_invalid")
        [issue] = [each for each in document["issues"] if each["path"] == "triger"]
        assert "did you mean" in issue["message"]
        assert (issue["file"], issue["column"]) == ("body", 1)
        assert issue["line"] == text.splitlines().index("triger: {manual: }") + 1
        unknown = json.dumps(JSON | {"context": {"a": {"http": {"connection": "no", "url": "/"}}}})
        document = problem(await put(client, unknown), 422, "definition_invalid")
        assert "no connection no" in document["detail"]
        assert (await client.get("/v1/definitions")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"\xff\xfe", "application/yaml", 400, "bad_input"),
        (b"", "application/yaml", 422, "definition_invalid"),
        (b"{", "application/json", 422, "definition_invalid"),
        (b'{"id": "a", "id": "b"}', "application/json", 422, "definition_invalid"),
        (b"[" * 200 + b"]" * 200, "application/json", 422, "definition_invalid"),
        (b"id: x", "text/html", 415, "media_type_unsupported"),
        (b"#" * 2_000, "text/plain", 413, "payload_too_large"),
    ],
)
async def test_bodies_that_are_no_definitions(
    system: MemorySystem, body: bytes, media_type: str, status: int, code: str
) -> None:
    async with system.client(limits=ApiLimits(max_body_bytes=1_000)) as client:
        headers = {"content-type": media_type}
        problem(await client.put("/v1/definitions", content=body, headers=headers), status, code)


SCHEDULED = """
kind: calendar
id: holidays
days: [{day: 2026-01-02, name: Bridge day}]
---
id: nightly
trigger: {cron: {expression: 0 9 * * *, timezone: Europe/Berlin, exclude: [holidays]}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""


async def test_calendars_and_warnings_are_reported(system: MemorySystem) -> None:
    async with system.client() as client:
        unwise = SCHEDULED.replace("{expression", "{until: 2020-01-01, expression")
        report = AppliedSet.model_validate((await put(client, unwise)).json())
        assert report.calendars == ["holidays"]
        [warning] = report.warnings
        assert (warning.file, warning.line, warning.path) == ("body", 7, "trigger.cron.until")
        clean = AppliedSet.model_validate((await put(client, SCHEDULED)).json())
        assert clean.warnings == []


async def test_the_next_slots(system: MemorySystem) -> None:
    async with system.client() as client:
        await put(client, SCHEDULED)
        await put(client)
        url = "/v1/definitions/nightly/schedule"
        found = (await client.get(url, params={"count": 2})).json()
        assert SchedulePreview.model_validate(found).definition_id == "nightly"
        assert found["items"] == [
            {
                "utc": "2026-01-02T08:00:00Z",
                "local": "2026-01-02T09:00:00+01:00",
                "note": "excluded: Bridge day in calendar holidays",
            },
            {"utc": "2026-01-03T08:00:00Z", "local": "2026-01-03T09:00:00+01:00", "note": ""},
        ]
        [item] = (await client.get(f"{url}?from=2026-07-01T09:00&count=1")).json()["items"]
        assert item["utc"] == "2026-07-02T07:00:00Z"
        for bad in ("count=0", "count=1001", "from=soon", "form=x"):
            problem(await client.get(f"{url}?{bad}"), 400, "bad_input")
        problem(await client.get("/v1/definitions/broken/schedule"), 400, "bad_input")
        problem(await client.get("/v1/definitions/none/schedule"), 404, "not_found")


async def test_a_slot_is_explained(system: MemorySystem) -> None:
    async with system.client() as client:
        await put(client, SCHEDULED)
        url = "/v1/definitions/nightly/slots"
        for time in ("2026-01-02T08:00:00Z", "2026-01-02T09:00:00%2B01:00", "2026-01-02T09:00"):
            found = SlotExplained.model_validate((await client.get(f"{url}/{time}")).json())
            assert (found.slot, found.state) == ("2026-01-02T08:00:00Z", "not_due")
            assert "Bridge day in calendar holidays" in found.why
        problem(await client.get(f"{url}/soon"), 400, "bad_input")
        problem(await client.get("/v1/definitions/none/slots/2026-01-02T09:00"), 404, "not_found")


async def test_lists_page_by_id(system: MemorySystem) -> None:
    async with system.client() as client:
        await put(client)
        await client.put("/v1/definitions", json=JSON)
        first = (await client.get("/v1/definitions?limit=2")).json()
        page = PageOf[DefinitionItem].model_validate(first)
        assert [item.definition_id for item in page.items] == ["broken", "by-hand"]
        rest = (await client.get("/v1/definitions", params={"cursor": first["next"]})).json()
        assert [item["definition_id"] for item in rest["items"]] == ["triage"]
        assert rest["next"] is None
        assert rest["items"][0]["triggers"] == ["event", "manual"]


async def test_old_versions_can_be_shown(system: MemorySystem) -> None:
    async with system.client() as client:
        await client.put("/v1/definitions", json=JSON)
        await client.put("/v1/definitions", json=JSON | {"title": "New"})
        new = DefinitionDetail.model_validate((await client.get("/v1/definitions/by-hand")).json())
        old = (await client.get("/v1/definitions/by-hand?version=1")).json()
        assert (new.shown_version, new.definition["title"]) == (2, "New")
        assert (old["shown_version"], old["version"]) == (1, 2)
        assert "title" not in old["definition"]
        problem(await client.get("/v1/definitions/by-hand?version=3"), 404, "not_found")
        problem(await client.get("/v1/definitions/by-hand?version=0"), 400, "bad_input")
        problem(await client.get("/v1/definitions/none"), 404, "not_found")


async def test_pause_resume_retire(system: MemorySystem) -> None:
    async with system.client(keys={"ann": "k"}) as client:
        client.headers["authorization"] = "Bearer k"
        await client.put("/v1/definitions", json=JSON)
        url = "/v1/definitions/by-hand"
        paused = (await client.post(f"{url}/pause", json={"reason": "moving"})).json()
        assert (paused["status"], paused["reason"], paused["actor"]) == ("paused", "moving", "ann")
        problem(await client.post(f"{url}/trigger"), 409, "conflict")
        assert (await client.post(f"{url}/resume")).json()["status"] == "active"
        assert (await client.delete(url)).json()["status"] == "retired"
        problem(await client.post(f"{url}/pause"), 409, "conflict")
        assert (await client.put("/v1/definitions", json=JSON | {"enabled": False})).is_success
        assert (await client.get(url)).json()["status"] == "disabled"
        for method, path in (("POST", "/pause"), ("POST", "/resume"), ("DELETE", "")):
            answer = await client.request(method, f"/v1/definitions/none{path}")
            problem(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("body", "media_type", "status", "words"),
    [
        (b'{"reson": "x"}', "application/json", 400, "did you mean `reason`?"),
        (b'{"reason": 1}', "application/json", 400, "reason"),
        (b'{"reason": "a", "reason": "b"}', "application/json", 400, "twice"),
        (b"[]", "application/json", 400, "the body"),
        (b"{}", "text/plain", 415, "text/plain"),
    ],
)
async def test_bodies_are_strict(
    system: MemorySystem, body: bytes, media_type: str, status: int, words: str
) -> None:
    async with system.client() as client:
        await client.put("/v1/definitions", json=JSON)
        answer = await client.post(
            "/v1/definitions/by-hand/pause", content=body, headers={"content-type": media_type}
        )
        assert answer.status_code == status
        assert words in answer.json()["detail"]
        assert (await client.get("/v1/definitions/by-hand")).json()["status"] == "active"


async def test_trigger_once_per_request(system: MemorySystem) -> None:
    async with system.client() as client:
        await put(client)
        url = "/v1/definitions/triage/trigger"
        wanted = {"request_id": "r1", "input": {"dry": True}}
        first = await client.post(url, json=wanted)
        again = await client.post(url, json=wanted)
        assert (first.status_code, again.status_code) == (202, 200)
        assert Triggered.model_validate(first.json()).status == "accepted"
        assert again.json() == first.json() | {"status": "duplicate"}
        other = await client.post(url)
        assert other.status_code == 202
        assert other.json()["run_id"] != first.json()["run_id"]
        assert other.json()["request_id"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("triage", {"input": {"dry": 1}}, 400, "bad_input"),
        ("triage", {"input": []}, 400, "bad_input"),
        ("triage", {"request_id": "a b"}, 400, "bad_input"),
        ("triage", {"request_id": ""}, 400, "bad_input"),
        ("broken", {}, 409, "conflict"),
        ("none", {}, 404, "not_found"),
    ],
)
async def test_trigger_refuses(
    system: MemorySystem, path: str, body: object, status: int, code: str
) -> None:
    async with system.client() as client:
        await put(client)
        problem(await client.post(f"/v1/definitions/{path}/trigger", json=body), status, code)
        assert not system.state.tables.runs
