"""Simulation: the answers of an event that came, for one that did not; and nothing changes."""

from copy import deepcopy
from typing import Any

import httpx
import pytest
from tests.unit.memory_system import YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api.shapes.explanations import SimulatedEvent, SimulatedVerdict
from activity_core.services import simulated_routing

TASKS = "rules: [{id: all, tasks: [{id: look, human: {title: 'Look at ${event.id}'}}]}]"
DEFINITIONS = f"""
id: plain
trigger: {{event: {{type: order.*, filter: event.data.amount > 100}}}}
{TASKS}
---
id: elsewhere
trigger: {{event: {{type: order.created, source: /other}}}}
{TASKS}
---
id: batched
trigger: {{event: {{type: order.created, batch: {{max_size: 2, max_wait: 10s}}}}}}
{TASKS}
---
id: once
trigger: {{event: {{type: order.created, dedupe_key: event.data.amount}}}}
{TASKS}
---
id: latest
trigger: {{event: {{type: order.created, concurrency: {{limit: 1, when_full: cancel_oldest}}}}}}
rules: [{{id: all, tasks: [{{id: look, human: {{title: Look, wait: true}}}}]}}]
---
id: asks
trigger: {{event: {{type: order.created}}}}
context: {{stock: {{http: {{url: "http://127.0.0.1:1/stock"}}}}}}
{TASKS}
---
id: fails
trigger: {{event: {{type: order.created}}}}
rules: [{{id: all, when: event.data.none == 1, tasks: [{{id: look, human: {{title: Look}}}}]}}]
---
kind: source
id: shop
api: {{keys: [till]}}
allow: {{types: [order.*], sources: [/shop]}}
---
kind: event_type
id: orders
type: order.created
versions: [{{type: object, properties: {{amount: {{type: integer}}}}}}]
redact: [/card]
"""


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem()
    async with system.client() as client:
        (await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)).raise_for_status()
    return system


async def ask(system: MemorySystem, given: dict[str, Any], **more: Any) -> httpx.Response:
    """One simulation; all tables must be as they were."""
    before = deepcopy(system.state.tables)
    async with system.client() as client:
        answer = await client.post("/v1/simulations/event", json={"event": given, **more})
    assert system.state.tables == before
    return answer


async def simulated(system: MemorySystem, given: dict[str, Any], **more: Any) -> SimulatedEvent:
    answer = await ask(system, given, **more)
    assert answer.status_code == 200, answer.text
    return SimulatedEvent.model_validate(answer.json())


def by_id(found: SimulatedEvent) -> dict[str, SimulatedVerdict]:
    return {each.definition_id: each for each in found.verdicts}


async def send(system: MemorySystem, given: dict[str, Any]) -> dict[str, Any]:
    """For once really; what `explain` says of it."""
    async with system.client() as client:
        (await client.post("/v1/events", json=given)).raise_for_status()
        await system.work()
        where = {"id": given["id"], "source": given["source"]}
        explained: dict[str, Any] = (await client.get("/v1/events/explain", params=where)).json()
        return explained


@pytest.mark.parametrize("amount", [120, 40])
async def test_it_says_what_becomes_of_the_event_when_it_comes(
    system: MemorySystem, amount: int
) -> None:
    given = event(data={"amount": amount})
    told = await simulated(system, given)
    explained = await send(system, given)
    assert told.state == explained["state"] == "routed"
    assert told.revision == explained["routing"]["revision"]
    assert told.listened == explained["routing"]["listened"]
    assert told.counts == explained["routing"]["counts"]
    said = [
        (each.definition_id, each.version, each.outcome, each.reason, each.clause)
        for each in told.verdicts
    ]
    assert said == [
        (
            each["definition_id"],
            each["version"],
            each["outcome"],
            each["reason"],
            each.get("clause"),
        )
        for each in explained["verdicts"]
    ]
    runs = {each.definition_id: each.run_id for each in told.verdicts if each.outcome == "fired"}
    assert runs == {
        each["definition_id"]: each["run_id"]
        for each in explained["verdicts"]
        if each["outcome"] == "fired"
    }
    assert [miss.model_dump() for miss in told.nearest_misses] == explained["nearest_misses"]


async def test_it_says_which_tasks_follow(system: MemorySystem) -> None:
    verdicts = by_id(await simulated(system, event()))
    explained = await send(system, event())
    for run in explained["runs"]:
        follows = verdicts[run["definition_id"]].follows
        assert follows is not None
        if not follows.asks:
            tasks = [(task["task_id"], task["title"], task["inputs"]) for task in run["tasks"]]
            assert [(each.task_id, each.title, each.inputs) for each in follows.tasks] == tasks
            assert [rule.model_dump() for rule in follows.rules] == (run["rules"] or [])
            failure = follows.failure and follows.failure.model_dump()
            assert failure == run["failure"]
    assert verdicts["fails"].follows is not None
    assert verdicts["fails"].follows.failure is not None
    assert verdicts["asks"].follows is not None
    assert verdicts["asks"].follows.asks == {"stock": "http"}


async def test_what_ran_already_is_deduplicated(system: MemorySystem) -> None:
    explained = await send(system, event())
    run_ids = {run["definition_id"]: run["run_id"] for run in explained["runs"]}
    again = await simulated(system, event())
    assert again.state == "duplicate"
    assert by_id(again)["plain"].outcome == "deduplicated"
    assert by_id(again)["plain"].run_id == run_ids["plain"]
    other = await simulated(system, event("o-2"))
    outcomes = {id_: each.outcome for id_, each in by_id(other).items()}
    assert (outcomes["plain"], outcomes["once"]) == ("fired", "deduplicated")


async def test_what_is_held_says_where_and_how_long(system: MemorySystem) -> None:
    held = by_id(await simulated(system, event()))["batched"]
    assert (held.outcome, held.stage, held.until) == ("held", "collect", "2026-01-01T12:00:10Z")
    assert held.run_id is None
    await send(system, event())
    full = by_id(await simulated(system, event("o-2")))["batched"]
    assert full.outcome in {"fired", "merged"}
    assert full.run_id is not None
    assert full.follows is None, "it is of two events"


async def test_runs_that_would_have_to_end_are_named_and_go_on(system: MemorySystem) -> None:
    explained = await send(system, event())
    open_run = next(r["run_id"] for r in explained["runs"] if r["definition_id"] == "latest")
    told = await simulated(system, event("o-2"))
    assert told.displaces == [open_run]
    assert by_id(told)["latest"].outcome == "fired"
    async with system.client() as client:
        assert (await client.get(f"/v1/runs/{open_run}")).json()["status"] == "running"


async def test_drafts_take_the_place_of_what_they_replace(system: MemorySystem) -> None:
    drafts = f"""
id: plain
trigger: {{event: {{type: order.*, filter: event.data.amount > 1000}}}}
{TASKS}
---
id: new
trigger: {{event: {{type: order.created}}}}
{TASKS}
"""
    verdicts = by_id(await simulated(system, event(), drafts=drafts))
    assert verdicts["plain"].reason == "event.data.amount > 1000: 120 > 1000 is false"
    assert (verdicts["plain"].version, verdicts["plain"].draft) == (2, True)
    new = verdicts["new"]
    assert (new.version, new.draft, new.outcome) == (1, True, "fired")
    assert new.follows is not None
    assert [task.title for task in new.follows.tasks] == ["Look at o-1"]
    assert not verdicts["once"].draft
    unchanged = by_id(await simulated(system, event(), drafts=DEFINITIONS))
    assert {each.version for each in unchanged.values()} == {1}


async def test_drafts_are_checked_like_what_is_applied(system: MemorySystem) -> None:
    for wrong in ("event.dta.amount >", "evnt.data.amount > 1"):
        drafts = DEFINITIONS.replace("event.data.amount > 100", wrong)
        answer = problem(await ask(system, event(), drafts=drafts), 422, "definition_invalid")
        [issue] = answer["issues"]
        assert (issue["file"], issue["line"]) == ("drafts", 3)
        assert issue["column"] > 1


async def test_the_door_is_asked(system: MemorySystem) -> None:
    allowed = await simulated(system, event(), sender="shop")
    assert allowed.admission.model_dump() == {
        "sender": "shop",
        "allowed": True,
        "code": None,
        "message": None,
        "pointers": [],
        "masked": False,
    }
    masked = await simulated(system, event(data={"amount": 120, "card": "4111"}))
    assert masked.admission.masked
    strange = await simulated(system, event(source="/strange"), sender="shop")
    assert (strange.state, strange.admission.code) == ("refused", "forbidden")
    unfit = await simulated(system, event(data={"amount": "many"}), sender="shop")
    assert (unfit.admission.code, unfit.admission.pointers) == ("schema_mismatch", ["/amount"])
    assert by_id(unfit)["plain"].outcome == "filtered", "judged all the same"
    problem(await ask(system, event(), sender="nobody"), 404, "not_found")
    system.gate._unlisted = False
    nobody = await simulated(system, event())
    assert (nobody.state, nobody.admission.allowed) == ("refused", False)


async def test_draft_types_and_sources_count_at_the_door(system: MemorySystem) -> None:
    drafts = """
kind: source
id: till
api: {keys: [desk]}
enabled: false
allow: {types: [order.*], sources: [/shop]}
---
kind: event_type
id: orders
type: order.created
versions: [{type: object, properties: {amount: {type: integer}}}, {type: object, required: [no]}]
compatibility: none
"""
    paused = await simulated(system, event(), sender="till", drafts=drafts)
    assert (paused.admission.allowed, paused.admission.code) == (False, "source_paused")
    unfit = await simulated(system, event(), drafts=drafts)
    assert unfit.admission.code == "schema_mismatch"


async def test_an_event_without_an_id_and_no_event(system: MemorySystem) -> None:
    given = event()
    del given["id"]
    assert (await simulated(system, given)).id == "simulated"
    problem(await ask(system, {"type": "x"}), 400, "event_invalid")
    problem(await ask(system, event(), draft="x"), 400, "bad_input")


async def test_near_misses_without_a_listener(system: MemorySystem) -> None:
    told = await simulated(system, event(type="ordr.created"))
    assert (told.state, told.listened, told.verdicts) == ("unmatched", 0, [])
    misses = {(each.kind, each.id): each.why for each in told.nearest_misses}
    assert misses["type", "plain"] == "listens to order.*: one edit away"
    assert misses["event_type", "orders"] == "registers order.created: one edit away"


async def test_what_follows_is_bounded(
    system: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated_routing, "MOST_FOLLOWED", 1)
    monkeypatch.setattr(simulated_routing, "MOST_TASKS", 0)
    told = await simulated(system, event())
    [follows] = [each.follows for each in told.verdicts if each.follows]
    assert (follows.tasks, follows.more_tasks) == ([], 0 if follows.asks else 1)
