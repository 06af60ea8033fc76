"""Events that wait while all that could wake them is killed, and runs that nobody will end."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from temporalio.client import Client
from tests.api import Json, cloudevent, eventually
from tests.faults.beats import now
from tests.faults.installation import Installation

LONGEST = timedelta(seconds=5)
LOOK = {"id": "look", "human": {"title": "Look"}}
ANSWER = {"id": "answer", "human": {"title": "Answer", "wait": True}}
FACT, ASKED = {"type": "waits.fact"}, {"type": "waits.asked"}

WAITS: Mapping[str, Json] = {
    "waits-batch": {"event": {**FACT, "batch": {"max_wait": "5s"}}},
    "waits-burst": {"event": {**FACT, "debounce": {"quiet": "5s", "keep": "all"}}},
    "waits-paced": {"event": {**FACT, "throttle": {"limit": 1, "per": "5s"}}},
    "waits-whole": {"composite": {"all_of": [ASKED, {"type": "waits.told"}], "within": "5m"}},
    "waits-absent": {
        "composite": {"absent": {"type": "waits.silence", "after": ASKED}, "within": "5s"}
    },
}
BEFORE = {"waits-paced": [1]}
AFTER = {
    "waits-batch": [2],
    "waits-burst": [2],
    "waits-paced": [1, 1],
    "waits-whole": [2],
    "waits-absent": [1],
}
"""How many events each run has."""

LOST: Mapping[str, Json] = {
    "lost-in-order": {"event": {"type": "lost.*", "order": {}}},
    "lost-at-once": {"event": {"type": "lost.*", "concurrency": {"limit": 1}}},
}


async def publish(running: Installation, triggers: Mapping[str, Json], task: Json) -> None:
    rules = [{"id": "all", "tasks": [task]}]
    documents = ({"id": id_, "trigger": each, "rules": rules} for id_, each in triggers.items())
    await running.api.apply("\n---\n".join(map(json.dumps, documents)))


async def sizes_of_runs(running: Installation) -> dict[str, list[int]]:
    """By definition, how many events each run has."""
    async with running.connection() as connection:
        rows = await connection.execute(
            """select definition_id, count(*) as size from runs join run_events using (run_id)
            where definition_id like 'waits-%' group by definition_id, run_id order by size"""
        )
        found: defaultdict[str, list[int]] = defaultdict(list)
        for row in await rows.fetchall():
            found[row["definition_id"]].append(row["size"])
        return dict(found)


async def test_a_restart_loses_nothing_that_waits_and_fires_nothing_twice(
    running: Installation,
) -> None:
    await publish(running, WAITS, LOOK)
    begun = now()
    for number in (1, 2):
        await running.send(cloudevent("waits.fact", f"fact-{number}"))
    asked = cloudevent("waits.asked", "asked")
    await running.send(asked)
    await running.api.routed(asked)
    assert await sizes_of_runs(running) == BEFORE
    for agent in ("router", "flow"):
        await running.kill(agent)
    await running.kill_server("postgres")
    await running.servers["postgres"].start()
    left = begun + LONGEST - now()
    await asyncio.sleep(left.total_seconds() + 0.5)  # their time passes while nobody looks
    for agent in ("router", "flow"):
        await running.start(agent)
    await running.send(cloudevent("waits.told", "told"))

    async def all_fired() -> bool:
        return await sizes_of_runs(running) == AFTER

    await eventually(all_fired, "all that waited has its run")
    await running.assert_invariants()
    assert await sizes_of_runs(running) == AFTER


async def tasks(running: Installation, status: str) -> list[Json]:
    found = []
    for id_ in LOST:
        found += await running.api.items("/v1/tasks", definition_id=id_, status=status)
    return found


async def test_a_lost_run_gives_up_its_turn(running: Installation) -> None:
    """Somebody terminates its workflow behind our back: the auditor closes it, the next starts."""
    await publish(running, LOST, ANSWER)
    for number in (1, 2):
        await running.send(cloudevent("lost.fact", f"lost-{number}"))

    async def first_ones() -> list[Json] | None:
        found = await tasks(running, "ready")
        return found if len(found) == len(LOST) else None

    first = await eventually(first_ones, "the first runs wait for people")
    client = await Client.connect(str(running.env["ACTIVITY_CORE_TEMPORAL_ADDRESS"]))
    for task in first:
        run = await running.api.get(f"/v1/runs/{task['run_id']}")
        await client.get_workflow_handle(run["workflow_id"]).terminate()
    async with running.connection() as connection:
        await connection.execute(  # as if nobody had looked at them for long
            "update runs set touched_at = touched_at - interval '1 hour' where run_id = any(%s)",
            [[task["run_id"] for task in first]],
        )
    await running.replace("auditor")  # it looks at once

    async def next_ones() -> list[Json] | None:
        old = {task["task_id"] for task in first}
        found = [each for each in await tasks(running, "ready") if each["task_id"] not in old]
        return found if len(found) == len(LOST) else None

    for task in await eventually(next_ones, "the next runs wait for people"):
        await running.api.post(f"/v1/tasks/{task['task_id']}/complete", {"outcome": "done"})
    await running.assert_invariants()
    runs = [run for id_ in LOST for run in await running.api.items("/v1/runs", definition_id=id_)]
    assert sorted(run["status"] for run in runs) == ["completed", "completed", "failed", "failed"]
    lost = {run["run_id"] for run in runs if run["status"] == "failed"}
    assert lost == {task["run_id"] for task in first}
