"""What people do with their tasks, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.unit.memory_system import STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.runs import TaskItem
from activity_core.api.shapes.tasks import TaskLog

DEFINITIONS = """
id: triage
trigger: {event: {type: order.*}}
rules:
  - id: all
    tasks:
      - {id: look, human: {title: Look, assign: {group: fraud}, due: PT2H}}
      - {id: check, human: {title: Check, due: PT1H, not_same_as: look, outcomes: [good, bad]}}
      - {id: free, human: {title: Free}}
"""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Of the API, where one event made three tasks."""
    system = MemorySystem()
    async with system.client(keys={"desk": "k"}) as client:
        client.headers["authorization"] = "Bearer k"
        await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)
        await client.post("/v1/events", json=event(), headers=STRUCTURED)
        await system.work()
        yield client


async def task(client: httpx.AsyncClient, spec_id: str) -> dict[str, Any]:
    items: list[dict[str, Any]] = (await client.get("/v1/tasks")).json()["items"]
    return next(item for item in items if item["spec_id"] == spec_id)


async def do(client: httpx.AsyncClient, spec_id: str, what: str, **said: Any) -> httpx.Response:
    task_id = (await task(client, spec_id))["task_id"]
    return await client.post(f"/v1/tasks/{task_id}/{what}", json=said)


async def test_the_inbox_is_listed_by_when_things_are_due(client: httpx.AsyncClient) -> None:
    async def listed(**query: str) -> list[str]:
        answer = await client.get("/v1/tasks", params={"sort": "due"} | query)
        return [item.spec_id for item in PageOf[TaskItem].model_validate(answer.json()).items]

    assert await listed() == ["check", "look", "free"]
    assert await listed(kind="human", open="true", group="fraud") == ["look"]
    await do(client, "free", "claim", by="ann")
    assert await listed(claimed_by="ann") == ["free"]
    await do(client, "free", "complete", by="ann", outcome="done")
    assert await listed() == ["check", "look"]
    first = (await client.get("/v1/tasks?sort=due&limit=1")).json()
    rest = (await client.get("/v1/tasks", params={"sort": "due", "cursor": first["next"]})).json()
    assert [item["spec_id"] for item in rest["items"]] == ["look"]
    for query in ("kind=http", "open=false", "status=ready", "run_id=x"):
        problem(await client.get(f"/v1/tasks?sort=due&{query}"), 400, "bad_input")
    problem(await client.get("/v1/tasks?sort=title"), 400, "bad_input")


async def test_all_tasks_are_listed_by_kind_and_whether_they_are_open(
    client: httpx.AsyncClient,
) -> None:
    await do(client, "free", "reject", comment="no")

    async def count(**query: str) -> int:
        return len((await client.get("/v1/tasks", params=query)).json()["items"])

    assert (await count(open="true"), await count(open="false")) == (2, 1)
    assert (await count(kind="human"), await count(kind="http")) == (3, 0)


async def test_of_two_who_claim_one_is_told_who_was_first(client: httpx.AsyncClient) -> None:
    claimed = TaskItem.model_validate((await do(client, "look", "claim", by="ann")).json())
    assert (claimed.status, claimed.claimed_by, claimed.revision) == ("claimed", "ann", 1)
    told = problem(await do(client, "look", "claim", by="bob"), 409, "conflict")
    assert told["detail"] == "ann has claimed it"
    again = await do(client, "look", "claim", by="ann")
    assert again.json() == claimed.model_dump(mode="json")
    back = TaskItem.model_validate((await do(client, "look", "unclaim", by="ann")).json())
    assert (back.status, back.claimed_by, back.revision) == ("ready", None, 2)


async def test_the_key_speaks_for_a_person_or_for_itself(client: httpx.AsyncClient) -> None:
    for said in ({}, {"by": "ann"}):
        await do(client, "look", "comments", comment="c", **said)
    task_id = (await task(client, "look"))["task_id"]
    log = TaskLog.model_validate((await client.get(f"/v1/tasks/{task_id}/log")).json())
    assert [(each.by, each.via) for each in log.items] == [("desk", "desk"), ("ann", "desk")]
    assert {(each.action, each.comment) for each in log.items} == {("commented", "c")}
    problem(await client.get("/v1/tasks/none/log"), 404, "not_found")


async def test_it_is_handed_on_and_given_back(client: httpx.AsyncClient) -> None:
    sent = (await do(client, "look", "delegate", user="bob", comment="yours")).json()
    assert (sent["assignee"], sent["groups"]) == ("bob", ["fraud"])
    told = problem(await do(client, "look", "claim", by="ann"), 409, "conflict")
    assert "assigned to bob" in told["detail"]
    back = (await do(client, "look", "return", by="bob", comment="on leave")).json()
    assert (back["assignee"], back["groups"]) == (None, ["fraud"])
    shared = (await do(client, "look", "delegate", groups=["a", "b"])).json()
    assert shared["groups"] == ["a", "b"]
    for wrong in ({}, {"user": "a", "groups": ["b"]}, {"user": ""}, {"groups": [""]}):
        problem(await do(client, "look", "delegate", **wrong), 400, "bad_input")


async def test_its_outcomes_and_other_eyes_are_asked_for(client: httpx.AsyncClient) -> None:
    told = problem(await do(client, "check", "complete", outcome="so-so"), 400, "bad_input")
    assert told["hint"] == "one of good, bad"
    await do(client, "look", "complete", by="ann", outcome="done")
    for what in ("claim", "complete"):
        said = {"outcome": "good"} if what == "complete" else {}
        problem(await do(client, "check", what, by="ann", **said), 409, "four_eyes")
    done = await do(client, "check", "complete", by="bob", outcome="good")
    assert done.json()["completed_by"] == "bob"


async def test_whoever_saw_another_revision_is_told_what_came_since(
    client: httpx.AsyncClient,
) -> None:
    await do(client, "look", "comments", by="ann", comment="wait")
    told = problem(await do(client, "look", "claim", by="bob", revision=0), 409, "stale")
    assert "at revision 1, not 0: commented by ann at 2026-" in told["detail"]
    assert (await do(client, "look", "claim", by="bob", revision=1)).status_code == 200
    for wrong in (-1, "1", 1.5):
        problem(await do(client, "look", "unclaim", revision=wrong), 400, "bad_input")


async def test_what_is_rejected_failed_for_a_reason(client: httpx.AsyncClient) -> None:
    for what in ("reject", "return", "comments"):
        for said in ({}, {"comment": ""}, {"comment": " "}):
            problem(await do(client, "look", what, **said), 400, "bad_input")
    gone = (await do(client, "look", "reject", comment="no such order")).json()
    assert (gone["status"], gone["outcome"], gone["error"]) == (
        "failed",
        "rejected",
        "no such order",
    )
    problem(await do(client, "look", "claim"), 409, "conflict")


@pytest.mark.parametrize(
    "what", ["claim", "unclaim", "delegate", "return", "complete", "reject", "comments"]
)
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, what: str) -> None:
    said = {"comment": "c"} | {
        "delegate": {"user": "bob"},
        "complete": {"outcome": "done"},
    }.get(what, {})
    problem(await client.post(f"/v1/tasks/none/{what}", json=said), 404, "not_found")
    problem(await do(client, "look", what, **said, nobody="x"), 400, "bad_input")
