"""Runs, tasks and decisions over HTTP."""

import httpx
import pytest
from tests.unit.memory_system import DEFINITIONS, STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.explanations import RunExplained
from activity_core.api.shapes.runs import DecisionItem, RunDetail, RunItem, RunStanding, TaskItem
from activity_core.ports.doorbell import Topic


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


async def happen(system: MemorySystem, client: httpx.AsyncClient) -> None:
    """One event, two runs: one with a task for people, one that failed."""
    await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)
    await client.post("/v1/events", json=event(), headers=STRUCTURED)
    await system.work()


async def run_of(client: httpx.AsyncClient, definition_id: str) -> str:
    answer = await client.get("/v1/runs", params={"definition_id": definition_id})
    [run] = answer.json()["items"]
    run_id: str = run["run_id"]
    return run_id


async def test_runs_are_listed_by_what_they_are_for(system: MemorySystem) -> None:
    async with system.client() as client:
        await happen(system, client)
        answer = (await client.get("/v1/runs")).json()
        page = PageOf[RunItem].model_validate(answer)
        assert {run.definition_id for run in page.items} == {"triage", "broken"}
        query = {"source": "/shop", "event_id": "o-1", "status": "failed"}
        [failed] = (await client.get("/v1/runs", params=query)).json()["items"]
        assert failed["definition_id"] == "broken"
        nothing = await client.get("/v1/runs", params={"event_id": "other"})
        assert nothing.json() == {"items": [], "next": None}
        problem(await client.get("/v1/runs?status=done"), 400, "bad_input")
        document = problem(await client.get("/v1/runs?definition=x"), 400, "bad_input")
        assert "definition_id" in document["hint"]


async def test_a_run_is_shown_and_explained_whole(system: MemorySystem) -> None:
    async with system.client() as client:
        await happen(system, client)
        run_id = await run_of(client, "triage")
        shown = (await client.get(f"/v1/runs/{run_id}")).json()
        run = RunDetail.model_validate(shown)
        assert run.context_snapshot is not None
        assert run.context_snapshot["context"] == {"limit": 5}
        assert [task.title for task in run.tasks] == ["Look at it"]
        assert [each.outcome for each in run.decisions] == ["fired"]
        assert "activity-core.task.created.v1" in {each.type for each in run.events_out}
        explained = (await client.get(f"/v1/runs/{run_id}/explain")).json()
        [cause] = RunExplained.model_validate(explained).lineage.causes
        assert (cause.kind, cause.name) == ("event", "/shop o-1")
        del explained["lineage"]
        assert explained == shown
        problem(await client.get("/v1/runs/none"), 404, "not_found")
        problem(await client.get("/v1/runs/none/explain"), 404, "not_found")


async def test_only_failed_runs_are_retried(system: MemorySystem) -> None:
    async with system.client() as client:
        await happen(system, client)
        failed = await run_of(client, "broken")
        before = system.doorbell.rings[Topic.STARTER]
        answer = await client.post(f"/v1/runs/{failed}/retry")
        assert answer.status_code == 202
        retried = RunStanding.model_validate(answer.json())
        assert (retried.run_id, retried.attempt, retried.status) == (failed, 2, "pending")
        assert system.doorbell.rings[Topic.STARTER] == before + 1
        problem(await client.post(f"/v1/runs/{failed}/retry"), 409, "conflict")
        problem(await client.post("/v1/runs/none/retry"), 404, "not_found")


async def test_tasks_are_listed_and_shown(system: MemorySystem) -> None:
    async with system.client() as client:
        await happen(system, client)
        run_id = await run_of(client, "triage")
        for query in (
            {"run_id": run_id},
            {"definition_id": "triage", "status": "ready"},
            {"group": "fraud"},
        ):
            answer = (await client.get("/v1/tasks", params=query)).json()
            [task] = PageOf[TaskItem].model_validate(answer).items
            assert task.title == "Look at it"
        assert (await client.get(f"/v1/tasks/{task.task_id}")).json() == answer["items"][0]
        assert (await client.get("/v1/tasks?assignee=bob")).json()["items"] == []
        problem(await client.get("/v1/tasks/none"), 404, "not_found")
        problem(await client.get("/v1/tasks?state=ready"), 400, "bad_input")


async def test_a_task_is_completed_once(system: MemorySystem) -> None:
    async with system.client(keys={"ann": "k"}) as client:
        client.headers["authorization"] = "Bearer k"
        await happen(system, client)
        [task] = (await client.get("/v1/tasks")).json()["items"]
        url = f"/v1/tasks/{task['task_id']}/complete"
        said = {"outcome": "done", "data": {"ok": True}, "comment": "fine"}
        done = await client.post(url, json=said)
        assert done.status_code == 200
        completed = TaskItem.model_validate(done.json())
        assert (completed.status, completed.outcome, completed.outputs) == (
            "completed",
            "done",
            {"ok": True},
        )
        assert (completed.completed_by, completed.comment) == ("ann", "fine")
        assert (await client.post(url, json=said)).json() == done.json()
        problem(await client.post(url, json=said | {"outcome": "refused"}), 409, "conflict")
        problem(await client.post("/v1/tasks/none/complete", json=said), 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"outcome": ""},
        {"outcome": 1},
        {"outcome": "\x00"},
        {"outcome": "done", "data": {"ok": True}, "comment": "a\nb\x00"},
        {"outcome": "done", "dat": {}},
    ],
)
async def test_what_does_not_fit_completes_nothing(
    system: MemorySystem, body: dict[str, object]
) -> None:
    async with system.client() as client:
        await happen(system, client)
        [task] = (await client.get("/v1/tasks")).json()["items"]
        answer = await client.post(f"/v1/tasks/{task['task_id']}/complete", json=body)
        problem(answer, 400, "bad_input")
        assert (await client.get("/v1/tasks")).json()["items"] == [task]


@pytest.mark.parametrize(("data", "pointer"), [({}, ""), ({"ok": "yes"}, "/ok")])
async def test_data_that_does_not_fit_the_form_is_told_where(
    system: MemorySystem, data: object, pointer: str
) -> None:
    async with system.client() as client:
        await happen(system, client)
        [task] = (await client.get("/v1/tasks")).json()["items"]
        said = {"outcome": "done", "data": data}
        answer = await client.post(f"/v1/tasks/{task['task_id']}/complete", json=said)
        assert problem(answer, 422, "schema_mismatch")["pointers"] == [pointer]
        assert (await client.get("/v1/tasks")).json()["items"] == [task]


async def test_decisions_are_listed(system: MemorySystem) -> None:
    async with system.client() as client:
        await happen(system, client)
        answer = (await client.get("/v1/decisions?outcome=fired&definition_id=triage")).json()
        [decision] = PageOf[DecisionItem].model_validate(answer).items
        assert (decision.source, decision.event_id) == ("/shop", "o-1")
        by_key = await client.get(
            "/v1/decisions", params={"occurrence_key": decision.occurrence_key}
        )
        assert len(by_key.json()["items"]) == 2
        problem(await client.get("/v1/decisions?outcome=exploded"), 400, "bad_input")


@pytest.mark.parametrize(
    ("bounds", "count"),
    [
        ({"since": "1h"}, 2),
        ({"since": "1h", "until": "0s"}, 0),  # now is not before now
        ({"until": "2026-01-01T13:00:00+01:00"}, 0),
        ({"since": "2026-01-01T13:00:00+01:00"}, 2),
        ({"since": "2026-01-01T12:00:00.000001Z"}, 0),
    ],
)
async def test_decisions_between_two_moments(
    system: MemorySystem, bounds: dict[str, str], count: int
) -> None:
    """All of it happens at noon, UTC."""
    async with system.client() as client:
        await happen(system, client)
        answer = await client.get("/v1/decisions", params=bounds)
        assert len(answer.json()["items"]) == count


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01", "2026-01-01T12:00:00", "-1h", ""])
async def test_a_moment_has_to_be_one(system: MemorySystem, text: str) -> None:
    async with system.client() as client:
        answer = await client.get("/v1/decisions", params={"since": text})
        document = problem(answer, 400, "bad_input")
        assert "2h" in document["hint"]
