"""Filters and keys that fail on an event: told as their definition asks; nobody else notices."""

import time
from typing import Any

import pytest
from tests.api import Json, cloudevent, eventually
from tests.e2e.conftest import Stack
from tests.e2e.flow_events import moment, sent

TEXT = """
id: filter-%s
trigger: {event: {type: filter.%s}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""
NESTED = "event.data.list.all(a, event.data.list.all(b, event.data.list.all(c, a + b + c >= 0)))"
REGEX = "event.data.text.matches('^(a+)+$')"
REPLACE = 'event.data.text.replace("a", event.data.text) != event.data.text'
SPLIT = 'event.data.list.all(x, event.data.text.split("").size() > 0)'
REGION = "event.data.region == 'eu'"


def defined(name: str, trigger: str) -> str:
    return TEXT % (name, trigger)


DEFINITIONS = [
    defined("false", f"poor, filter: {REGION}"),
    defined("failed", f"poor, on_error: failed, filter: {REGION}"),
    defined("letter", f"poor, on_error: dead_letter, filter: {REGION}"),
    defined("fine", "poor"),
    defined("nested", f"big, filter: '{NESTED}'"),
    defined("nested-failed", f"big, on_error: failed, filter: '{NESTED}'"),
    defined("regex", f'big, filter: "{REGEX}"'),
    defined("replace", f"big, filter: '{REPLACE}'"),
    defined("split", f"big, on_error: failed, filter: '{SPLIT}'"),
    defined("long-key", "big, order: {key: event.data.text}"),
    defined("long-dedupe", "big, dedupe_key: event.data.text"),
    defined("null-key", "big, batch: {max_size: 2, max_wait: 1h, key: event.data.nothing}"),
    defined("big", "big"),
]


@pytest.fixture(scope="module", autouse=True)
async def _definitions(stack: Stack) -> None:
    await stack.api.apply("---\n".join(DEFINITIONS))


async def verdicts(stack: Stack, event: Json) -> dict[str, Json]:
    found = (await stack.api.explain(event))["verdicts"]
    return {str(each["definition_id"]).removeprefix("filter-"): each for each in found}


async def test_a_filter_that_fails_is_told_as_its_definition_asks(stack: Stack):
    event = cloudevent("filter.poor", "poor-1", {"amount": 1})
    await sent(stack, event)
    found = await verdicts(stack, event)
    assert {name: verdict["outcome"] for name, verdict in found.items()} == {
        "false": "filtered",
        "failed": "failed",
        "letter": "failed",
        "fine": "fired",
    }
    assert found["false"]["clause"] == REGION
    assert found["false"]["reason"] == f"{REGION}: no such key: region"
    why = f'filter: Key not found in map : "region" in {REGION}'
    for name in ("failed", "letter"):
        assert found[name]["reason"].startswith(why)

    listed = await stack.said("dead-letters", "list", "--code", "filter_failed")
    [letter] = [each for each in listed["items"] if each["definition_id"] == "filter-letter"]
    shown = await stack.said("dead-letters", "show", letter["dead_letter_id"])
    assert shown["message"].startswith(why)
    assert "poor-1" in str(shown)

    mended = DEFINITIONS[2].replace(REGION, "event.data.amount == 1")
    await stack.api.apply(mended)

    path = f"/v1/dead-letters/{letter['dead_letter_id']}/replay"

    async def replay() -> bool:
        return (await stack.api.http.post(path, json={})).is_success

    await eventually(replay, "the letter is replayed")
    await stack.api.post(path, status=409)
    runs = [run for run in await stack.api.runs_of(event) if run["definition_id"] != "filter-fine"]
    assert [run["definition_id"] for run in runs] == ["filter-letter"]
    await stack.api.run(str(runs[0]["run_id"]), "completed")


async def test_what_is_too_expensive_fails_and_holds_nobody_up(stack: Stack):
    data = {"list": list(range(2_000)), "text": "a" * 100_000 + "!", "nothing": None}
    event = cloudevent("filter.big", "big-1", data)
    await sent(stack, event)
    began = time.monotonic()
    assert (await stack.api.http.get("/v1/definitions")).is_success
    assert time.monotonic() - began < 2
    found: dict[str, Any] = await verdicts(stack, event)
    assert {name: verdict["outcome"] for name, verdict in found.items()} == {
        "nested": "filtered",
        "nested-failed": "failed",
        "regex": "filtered",
        "replace": "filtered",
        "split": "failed",
        "long-key": "failed",
        "long-dedupe": "failed",
        "null-key": "failed",
        "big": "fired",
    }
    for name in ("nested", "nested-failed"):
        assert "Iteration budget exceeded" in found[name]["reason"]
    for name in ("replace", "split"):
        assert "may take too long on data of this size" in found[name]["reason"]
        assert f"most of it for {name}" in found[name]["reason"]
    assert found["long-key"]["reason"] == "order.key: is longer than 1,000 characters"
    assert found["long-dedupe"]["reason"] == "dedupe_key: is longer than 1,000 characters"
    assert found["null-key"]["reason"] == "batch.key: is null"
    explained = await stack.api.explain(event)
    routed = moment(explained["routing"]["routed_at"]) - moment(explained["received_at"])
    assert routed.total_seconds() < 5
