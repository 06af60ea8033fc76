"""Cases over HTTP and by command."""

from typing import Any

import httpx
import pytest
from tests.case_stage import FOLLOW as TIMED
from tests.case_stage import CaseStage
from tests.unit.memory_system import STRUCTURED, YAML, MemorySystem
from tests.unit.test_api_events import problem

from activity_core.adapters.memory.cases import MemoryCases
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.cases import CaseDetail, CaseItem
from activity_core.api.shapes.explanations import RunExplained

FOLLOW = """
id: follow
lifecycle: ongoing
correlation: event.data.order
trigger: {event: {type: "order.*"}}
rules: [{id: r, tasks: [{id: look, human: {title: Look}}]}]
"""


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


def came(id_: str, order: str) -> dict[str, Any]:
    about = {"specversion": "1.0", "source": "/shop", "type": "order.new"}
    return about | {"id": id_, "data": {"order": order}}


async def cases_of(system: MemorySystem, client: httpx.AsyncClient, *orders: str) -> list[str]:
    """One case per order, none of which took a turn."""
    published = await client.put("/v1/definitions", content=FOLLOW, headers=YAML)
    assert published.status_code == 200, published.text
    for n, order in enumerate(orders):
        sent = await client.post("/v1/events", json=came(str(n), order), headers=STRUCTURED)
        assert sent.status_code == 202, sent.text
    router = system.router()
    while await router.step():
        pass
    rings = await MemoryCases(system.state).rings(100, system.clock.now())
    return [ring.case_id for ring in rings]


async def test_cases_are_listed_and_shown(system: MemorySystem):
    async with system.client() as client:
        ids = await cases_of(system, client, "a", "b")
        page = (await client.get("/v1/cases")).json()
        PageOf[CaseItem].model_validate(page)
        assert {item["case_id"] for item in page["items"]} == set(ids)
        [one] = (await client.get("/v1/cases", params={"key": "a", "status": "open"})).json()[
            "items"
        ]
        shown = (await client.get(f"/v1/cases/{one['case_id']}")).json()
        detail = CaseDetail.model_validate(shown)
        assert (detail.key, detail.number, detail.state, len(detail.queued)) == ("a", 1, None, 1)
        assert (await client.get("/v1/cases", params={"status": "closed"})).json()["items"] == []


async def test_a_case_with_something_queued_is_not_closed(system: MemorySystem):
    async with system.client() as client:
        [case_id] = await cases_of(system, client, "a")
        answer = await client.post(f"/v1/cases/{case_id}/close")
        problem(answer, 409, "conflict")


async def test_closing_twice_is_closing_once(system: MemorySystem):
    async with system.client() as client:
        [case_id] = await cases_of(system, client, "a")
        system.state.tables.case_runs.clear()
        for _ in range(2):
            answer = await client.post(f"/v1/cases/{case_id}/close")
            shown = CaseDetail.model_validate(answer.json())
            assert (shown.status, shown.closed_by) == ("closed", "anonymous")


async def test_bad_questions(system: MemorySystem):
    async with system.client() as client:
        problem(await client.get("/v1/cases/case-x"), 404, "not_found")
        problem(await client.post("/v1/cases/case-x/close"), 404, "not_found")
        problem(await client.get("/v1/cases", params={"status": "asleep"}), 400, "bad_input")
        problem(await client.get("/v1/cases", params={"order": "a"}), 400, "bad_input")


async def test_a_run_names_its_case_and_explains_its_timer(system: MemorySystem):
    stage = CaseStage(system.state)
    await stage.apply(TIMED)
    run = await stage.send("1")
    [case_id] = await stage.rung()
    await stage.take(case_id)
    stage.pass_time(hours=1)
    await stage.take(case_id)
    async with system.client() as client:
        shown = (await client.get(f"/v1/runs/{run}/explain")).json()
        assert RunExplained.model_validate(shown).lineage.case_id == case_id
        runs = (await client.get(f"/v1/cases/{case_id}")).json()["runs"]
        shown = (await client.get(f"/v1/runs/{runs[0]['run_id']}/explain")).json()
        told = RunExplained.model_validate(shown)
    assert (told.case_id, told.timer) == (case_id, "reminder")
    [cause] = told.lineage.causes
    assert (cause.kind, cause.name) == ("timer", "reminder")
    assert [each.reason for each in cause.decisions] == ["timer reminder"]
