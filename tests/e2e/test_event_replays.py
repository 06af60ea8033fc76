"""Event replays over real servers: what came before a definition is found, and runs once."""

from typing import Any

from tests.api import Json, cloudevent, eventually
from tests.e2e.conftest import Stack

TASKS = "rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]"
LATE = f"""
id: replay-late
trigger: {{event: {{type: replay.late.*, filter: event.data.n > 0}}}}
{TASKS}
"""
SLOW = f"id: replay-slow\ntrigger: {{event: {{type: replay.slow}}}}\n{TASKS}"
PAIR = f"""
id: replay-pair
trigger: {{composite: {{all_of: [{{type: replay.paid}}, {{type: replay.sent}}], key: event.subject,
    within: 1h, lookback: 10m}}}}
{TASKS}
"""
PICKY = """
id: replay-picky
trigger: {event: {type: replay.picky, on_error: dead_letter, filter: %s}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""


async def routed(stack: Stack, *events: Json) -> str:
    """Send events to which nobody listens; returns when the first of them was received."""
    for event in events:
        await stack.api.send(event)
    found = [await stack.api.routed(event) for event in events]
    return str(found[0]["received_at"])


async def runs(stack: Stack, definition_id: str) -> list[Json]:
    return await stack.api.items("/v1/runs", definition_id=definition_id)


async def test_a_definition_published_later_runs_once_for_what_was_recorded(stack: Stack):
    events = [cloudevent("replay.late.made", f"late-{n}", {"n": n}) for n in range(4)]
    since = await routed(stack, *events)
    await stack.api.apply(LATE)
    asked = ("events", "replay", "--definition", "replay-late", "--since", since)
    dry = await stack.said(*asked, "--dry-run")
    assert (dry["looked_at"], dry["matched"], dry["existing"]) == (4, 3, 0)
    assert await runs(stack, "replay-late") == []
    done = await stack.said(*asked, "--request-id", "late-1")
    assert (done["status"], done["matched"], done["fired"]) == ("completed", 3, 3)
    for event in events[1:]:
        await stack.api.run_of(event, "completed")
    again = await stack.said(*asked)
    assert (again["existing"], again["matched"], again["fired"]) == (3, 0, 0)
    assert len(await runs(stack, "replay-late")) == 3
    listed = await stack.said("events", "replays", "list", "--definition", "replay-late")
    assert [each["status"] for each in listed["items"]] == ["completed"] * 2


async def test_a_replay_is_paced_and_can_be_stopped(stack: Stack):
    events = [cloudevent("replay.slow", f"slow-{n}") for n in range(5)]
    since = await routed(stack, *events)
    await stack.api.apply(SLOW)
    wanted = {"definition_id": "replay-slow", "since": since, "rate": 0.01, "request_id": "slow"}
    await stack.api.post("/v1/event-replays", wanted)

    async def begun() -> Any:
        return (await stack.api.get("/v1/event-replays/slow"))["fired"] or None

    assert await eventually(begun, "the first run is made") == 1
    stopped = await stack.api.post("/v1/event-replays/slow/stop")
    assert (stopped["status"], stopped["looked_at"]) == ("stopped", 1)
    assert len(await runs(stack, "replay-slow")) == 1


async def test_a_new_composite_finds_the_event_that_came_before_it(stack: Stack):
    paid = cloudevent("replay.paid", "paid-1", subject="o-1")
    await routed(stack, paid)
    await stack.api.apply(PAIR)

    async def looked_back() -> bool:
        found = await stack.api.get("/v1/event-replays/lookback:replay-pair")
        return bool(found["status"] == "completed")

    await eventually(looked_back, "the lookback is over")
    sent = cloudevent("replay.sent", "sent-1", subject="o-1")
    await stack.api.send(sent)
    run = await stack.api.run_of(sent, "completed")
    assert {each["id"] for each in run["events"]} == {"paid-1", "sent-1"}


async def test_a_dead_letter_of_a_filter_is_judged_again(stack: Stack):
    await stack.api.apply(PICKY % "event.data.region == 'eu'")
    event = cloudevent("replay.picky", "picky-1", {"n": 1})
    await routed(stack, event)
    [letter] = [
        each
        for each in await stack.api.items("/v1/dead-letters", code="filter_failed")
        if each["definition_id"] == "replay-picky"
    ]
    path = f"/v1/dead-letters/{letter['dead_letter_id']}/replay"
    refused = await stack.api.post(path, status=422)
    assert "region" in refused["detail"]
    await stack.api.apply(PICKY % "event.data.n == 1")

    async def replayed() -> bool:
        done = await stack.api.http.post(path, json={})
        return bool(done.is_success)

    await eventually(replayed, "the letter is replayed")
    await stack.api.run_of(event, "completed")
