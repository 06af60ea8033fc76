"""Why did, or didn't, this fire? Every outcome with its reason, through the API and the CLI."""

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
    for words in ("explain-paused v1 skipped", "holidays", "5 definitions listened"):
        assert words in told.out


async def test_it_is_explained_by_the_registry_of_that_time(stack: Stack) -> None:
    """What is published later does not change why."""
    event = cloudevent("explain.later", "x-3", {"amount": 5})
    await stack.api.send(event)
    before = (await stack.api.routed(event))["verdicts"]
    await stack.api.apply(DEFINITIONS.replace("amount > 100", "amount > 1"))
    assert (await stack.api.explain(event))["verdicts"] == before
    assert [item["outcome"] for item in before] == ["filtered"]


async def test_an_event_that_nobody_listens_to(stack: Stack) -> None:
    event = cloudevent("nobody.knows.it", "x-4")
    await stack.api.send(event)
    explained = await stack.api.routed(event)
    assert explained["state"] == "unmatched"
    assert (explained["routing"]["listened"], explained["routing"]["counts"]) == (0, {})
    assert explained["verdicts"] == []


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
