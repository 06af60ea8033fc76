"""What operators do to runs and tasks over HTTP."""

import httpx
import pytest
from tests.unit.memory_system import DEFINITIONS, STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_api_events import problem
from tests.unit.test_api_runs import happen, run_of

from activity_core.api.shapes.runs import RerunAnswer, RunDetail, RunStanding, TaskItem


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


async def pending(system: MemorySystem, client: httpx.AsyncClient) -> str:
    """A run that nobody started yet."""
    await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)
    await client.post("/v1/events", json=event(), headers=STRUCTURED)
    await system.router().step()
    return await run_of(client, "triage")


@pytest.mark.parametrize(("verb", "word"), [("cancel", "cancelled"), ("terminate", "terminated")])
async def test_an_open_run_is_ended_with_who_and_why(
    system: MemorySystem, verb: str, word: str
) -> None:
    async with system.client(keys={"ann": "k" * 20}) as client:
        client.headers["authorization"] = "Bearer " + "k" * 20
        run_id = await pending(system, client)
        answer = await client.post(f"/v1/runs/{run_id}/{verb}", json={"reason": "sent twice"})
        standing = RunStanding.model_validate(answer.json())
        assert (answer.status_code, standing.status, standing.stop) == (200, "cancelled", "")
        run = RunDetail.model_validate((await client.get(f"/v1/runs/{run_id}")).json())
        [line] = run.log
        assert (line.action, line.by, line.reason) == (word, "ann", "sent twice")
        assert run.failure is not None
        assert run.failure.message == f"{word} by ann: sent twice"


async def test_what_cannot_be_ended_says_so(system: MemorySystem) -> None:
    async with system.client() as client:
        problem(await client.post("/v1/runs/run-unknown/cancel"), 404, "not_found")
        run_id = await pending(system, client)
        compensating = {"compensate": True}
        answer = await client.post(f"/v1/runs/{run_id}/cancel", json=compensating)
        assert "without compensation" in problem(answer, 409, "conflict")["hint"]
        await system.work()
        problem(await client.post(f"/v1/runs/{run_id}/cancel"), 409, "conflict")


async def test_a_failed_run_is_retried_on_record(system: MemorySystem) -> None:
    async with system.client() as client:
        await happen(system, client)
        run_id = await run_of(client, "broken")
        answer = await client.post(f"/v1/runs/{run_id}/retry", json={"reason": "again"})
        assert answer.status_code == 202
        assert RunStanding.model_validate(answer.json()).attempt == 2
        run = (await client.get(f"/v1/runs/{run_id}")).json()
        assert [(line["action"], line["reason"]) for line in run["log"]] == [("retried", "again")]


async def test_a_run_is_run_again_and_explained(system: MemorySystem) -> None:
    async with system.client() as client:
        await happen(system, client)
        run_id = await run_of(client, "triage")
        body = {"context": "same", "request_id": "again-1", "reason": "look"}
        answer = await client.post(f"/v1/runs/{run_id}/rerun", json=body)
        assert answer.status_code == 202
        made = RerunAnswer.model_validate(answer.json())
        assert (made.rerun_of, made.request_id, made.status) == (run_id, "again-1", "accepted")
        repeated = await client.post(f"/v1/runs/{run_id}/rerun", json=body)
        assert (repeated.status_code, repeated.json()["run_id"]) == (200, made.run_id)
        assert repeated.json()["status"] == "duplicate"
        await system.work()
        first = (await client.get(f"/v1/runs/{run_id}")).json()
        second = (await client.get(f"/v1/runs/{made.run_id}/explain")).json()
        assert second["status"] == first["status"]
        assert second["context_snapshot"]["context"] == first["context_snapshot"]["context"]
        assert [task["title"] for task in second["tasks"]] == ["Look at it"]
        again, because = second["lineage"]["causes"]
        assert (again["kind"], again["name"], because["kind"]) == ("rerun", run_id, "event")
        assert "asked by anonymous: look" in again["decisions"][0]["reason"]


async def test_an_open_task_is_skipped(system: MemorySystem) -> None:
    async with system.client() as client:
        await happen(system, client)
        [task] = (await client.get("/v1/tasks")).json()["items"]
        answer = await client.post(f"/v1/tasks/{task['task_id']}/skip", json={"reason": "no"})
        skipped = TaskItem.model_validate(answer.json())
        assert (skipped.status, skipped.outcome) == ("skipped", "not_wanted")
        assert skipped.comment == "skipped by anonymous: no"
        problem(await client.post("/v1/tasks/task-unknown/skip"), 404, "not_found")
