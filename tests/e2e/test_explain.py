"""Why did, or didn't, this fire? Every outcome with its reason, through the API and the CLI."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.api import cloudevent
from tests.e2e.conftest import Stack

DEFINITIONS = """
id: explain-fires
trigger: {event: {type: explain.me}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
---
id: explain-filters
trigger: {event: {type: explain.*, filter: event.data.amount > 100}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
---
id: explain-dedupes
trigger: {event: {type: explain.me, dedupe_key: event.data.order}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
---
id: explain-paused
trigger: {event: {type: explain.me}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
---
id: explain-disabled
enabled: false
trigger: {event: {type: explain.me}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
"""

HELD = """
id: explain-held
trigger: {event: {type: explain.held, source: /shop, batch: {max_size: 2, max_wait: 1h}}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
"""
CHAIN = """
id: explain-first
trigger: {event: {type: chain.begin}}
rules: [{id: tell, tasks: [{id: on, emit: {type: chain.go, data: {n: 1}}}]}]
---
id: explain-second
trigger: {event: {type: chain.go}}
rules: [{id: ask, tasks: [{id: look, human: {title: Look}}]}]
"""


@pytest.fixture(scope="module", autouse=True)
async def _definitions(stack: Stack) -> None:
    await stack.api.apply(DEFINITIONS)
    done = await stack.cli("pause", "explain-paused", "--reason", "holidays")
    assert done.code == 0


async def test_every_outcome_has_its_verdict(stack: Stack) -> None:
    first = cloudevent("explain.me", "x-1", {"amount": 500, "order": "o-1"})
    await stack.api.send(first)
    await stack.api.routed(first)
    second = cloudevent("explain.me", "x-2", {"amount": 5, "order": "o-1"})
    await stack.api.send(second)
    explained = await stack.api.routed(second)

    verdicts = {item["definition_id"]: item for item in explained["verdicts"]}
    assert {name: verdict["outcome"] for name, verdict in verdicts.items()} == {
        "explain-fires": "fired",
        "explain-filters": "filtered",
        "explain-dedupes": "deduplicated",
        "explain-paused": "skipped",
        "explain-disabled": "skipped",
    }
    assert "holidays" in verdicts["explain-paused"]["reason"]
    assert "enabled: false" in verdicts["explain-disabled"]["reason"]
    routing = explained["routing"]
    assert routing["listened"] == 5
    assert routing["counts"] == {"fired": 1, "filtered": 1, "deduplicated": 1, "skipped": 2}

    earlier = {item["definition_id"]: item for item in (await stack.api.explain(first))["verdicts"]}
    assert verdicts["explain-dedupes"]["run_id"] == earlier["explain-dedupes"]["run_id"]
    assert earlier["explain-filters"]["outcome"] == "fired"
    assert {run["definition_id"] for run in explained["runs"]} == {
        "explain-fires",
        "explain-dedupes",
    }

    said = await stack.said("explain", "event", "x-2", "--source", "/tests")
    assert said["verdicts"] == explained["verdicts"]
    told = await stack.cli("explain", "event", "x-2")
    assert told.code == 0
    clause = "event.data.amount > 100: 5 > 100 is false"
    for words in ("explain-paused v1 skipped", "holidays", "5 definitions listened", clause):
        assert words in told.out


async def test_it_is_explained_by_the_registry_of_that_time(stack: Stack) -> None:
    """What is published later does not change why."""
    event = cloudevent("explain.later", "x-3", {"amount": 5})
    await stack.api.send(event)
    before = (await stack.api.routed(event))["verdicts"]
    await stack.api.apply(DEFINITIONS.replace("amount > 100", "amount > 1"))
    assert (await stack.api.explain(event))["verdicts"] == before
    assert [(item["outcome"], item["clause"]) for item in before] == [
        ("filtered", "event.data.amount > 100")
    ]


async def test_an_event_that_nobody_listens_to(stack: Stack) -> None:
    event = cloudevent("nobody.knows.it", "x-4")
    await stack.api.send(event)
    explained = await stack.api.routed(event)
    assert explained["state"] == "unmatched"
    assert (explained["routing"]["listened"], explained["routing"]["counts"]) == (0, {})
    assert explained["verdicts"] == []


async def test_an_event_that_just_misses(stack: Stack) -> None:
    event = cloudevent("explain.ne", "x-7")
    await stack.api.apply(HELD.replace("explain.held", "explain.one"))
    await stack.api.send(event)
    explained = await stack.api.routed(event)
    misses = {item["id"]: item["why"] for item in explained["nearest_misses"]}
    assert misses["explain-held"] == "listens to explain.one: one edit away"
    told = await stack.cli("explain", "event", "x-7")
    assert "near miss explain-held listens to explain.one: one edit away" in told.out


async def test_the_same_id_from_two_sources_is_ambiguous(stack: Stack) -> None:
    for source in ("/here", "/there"):
        event = cloudevent("nobody.knows.it", "x-5", source=source)
        await stack.api.send(event)
        await stack.api.routed(event)
    done = await stack.cli("explain", "event", "x-5")
    assert done.code == 1
    assert "/here" in done.err
    assert "/there" in done.err


async def test_a_run_is_explained(stack: Stack) -> None:
    event = cloudevent("explain.me", "x-6", {"amount": 5, "order": "o-6"})
    await stack.api.send(event)
    runs = (await stack.api.routed(event))["runs"]
    run_id = next(run["run_id"] for run in runs if run["definition_id"] == "explain-fires")
    await stack.api.run(run_id, "completed")
    said = await stack.said("explain", "run", run_id)
    assert said["decisions"][0]["outcome"] == "fired"
    assert said["events"] == [{"source": "/tests", "id": "x-6"}]
    assert said["rules"] == [{"rule": "all", "evaluated": 1, "matched": 1, "tasks": 1}]
    told = await stack.cli("explain", "run", run_id)
    for words in ("explain-fires v1 completed", "because of event /tests x-6", "human ready"):
        assert words in told.out


async def test_what_waits_says_for_what(stack: Stack) -> None:
    await stack.api.apply(HELD)
    other = cloudevent("explain.held", "x-8")
    await stack.api.send(other)
    [miss] = (await stack.api.routed(other))["nearest_misses"]
    assert (miss["kind"], miss["why"]) == ("source", "listens to this type, but of /shop")
    event = cloudevent("explain.held", "x-9", source="/shop")
    await stack.api.send(event)
    [verdict] = [
        each
        for each in (await stack.api.routed(event))["verdicts"]
        if each["definition_id"] == "explain-held"
    ]
    assert verdict["outcome"] == "held"
    assert "batch" in verdict["reason"]


async def test_a_task_leads_back_over_an_event_of_our_own(stack: Stack) -> None:
    await stack.api.apply(CHAIN)
    begin = cloudevent("chain.begin", "x-10")
    await stack.api.send(begin)
    first = await stack.api.run_of(begin, "completed")
    [out] = [each for each in first["events_out"] if each["type"] == "chain.go"]
    again = cloudevent("chain.go", out["event_id"], {"n": 1}, source="/activity-core/dev")
    await stack.api.send(again | {"causationdepth": 1, "subject": out["subject"]})
    second = await stack.api.run_of(again, "completed")
    [task] = second["tasks"]

    link = (await stack.said("explain", "task", task["task_id"]))["lineage"]
    emitter = link["causes"][0]["emitted_by"]
    assert (emitter["run_id"], emitter["task"]["spec_id"]) == (first["run_id"], "on")
    assert emitter["causes"][0]["name"] == "/tests x-10"
    told = (await stack.cli("explain", "task", task["task_id"])).out
    for words in ("task ask/look human Look", "emitted by", "task tell/on", "event /tests x-10"):
        assert words in told
    run = (await stack.cli("explain", "run", second["run_id"])).out
    assert "emitted by" in run


async def test_a_simulation_says_the_same_and_leaves_nothing(
    stack: Stack, sql: psycopg.AsyncConnection[dict[str, Any]], tmp_path: Path
) -> None:
    event = cloudevent("explain.me", "x-11", {"amount": 500, "order": "o-11"})
    file, drafts = tmp_path / "event.json", tmp_path / "drafts.yaml"
    file.write_text(json.dumps(event))
    drafts.write_text(DEFINITIONS.replace("amount > 100", "amount > 1000"))
    before = await counts(sql)
    told = await stack.said("simulate", "event", str(file))
    drafted = await stack.said("simulate", "event", str(file), "-f", str(drafts))
    assert await counts(sql) == before
    assert "amount > 1000: 500 > 1000 is false" in next(
        each["reason"] for each in drafted["verdicts"] if each["definition_id"] == "explain-filters"
    )
    await stack.api.send(event)
    explained = await stack.api.routed(event)
    assert told["counts"] == explained["routing"]["counts"]
    assert [(each["definition_id"], each["outcome"]) for each in told["verdicts"]] == [
        (each["definition_id"], each["outcome"]) for each in explained["verdicts"]
    ]
    assert (await stack.said("simulate", "event", str(file)))["state"] == "duplicate"


async def counts(sql: psycopg.AsyncConnection[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a simulation could have left of these definitions, and of the registry."""
    tables = ("events", "routings", "refusals", "dead_letters", "registry_revisions", "flow_states")
    of_definitions = " union all ".join(
        f"select '{table}' as name, count(*) from {table} where definition_id like 'explain-%'"
        for table in ("decisions", "runs", "tasks", "activity_definitions")
    )
    everything = " union all ".join(
        f"select '{table}' as name, count(*) from {table}" for table in tables
    )
    found = await sql.execute(f"{of_definitions} union all {everything} order by name")
    return await found.fetchall()
