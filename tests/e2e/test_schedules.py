"""Slots that really fire, and schedules that follow the registry whatever happened to them."""

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from tests.api import eventually
from tests.e2e.conftest import Stack

BEAT = """
id: {id}
trigger: {{interval: {{every: {every}}}}}
rules:
  - id: all
    tasks: [{{id: beat, emit: {{type: test.beat, data: {{slot: "${{slot}}"}}}}}}]
"""


async def paused(temporal: Client, definition_id: str) -> bool | None:
    """Whether the schedule is paused; None if there is none."""
    handle = temporal.get_schedule_handle(f"activity-schedule-{definition_id}")
    try:
        return (await handle.describe()).schedule.state.paused
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def until_schedule(temporal: Client, definition_id: str, *, is_paused: bool | None) -> None:
    async def look() -> bool:
        return await paused(temporal, definition_id) is is_paused

    await eventually(look, f"the schedule of {definition_id} has paused={is_paused}")


async def test_slots_fire_until_paused_and_again_when_resumed(
    stack: Stack, temporal: Client
) -> None:
    await stack.api.apply(BEAT.format(id="beat", every="1s"))

    async def slots() -> list[str]:
        runs = await stack.api.items("/v1/runs", definition_id="beat", status="completed")
        return [run["scheduled_for"] for run in runs]

    async def two_slots() -> list[str] | None:
        found = await slots()
        return found if len(found) >= 2 else None

    found = await eventually(two_slots, "two slots")
    assert len(set(found)) == len(found)
    run = (await stack.api.items("/v1/runs", definition_id="beat"))[0]
    assert run["trigger"] == "schedule"
    assert run["occurrence_key"] == run["scheduled_for"]
    assert run["workflow_id"] == f"activity-beat-{run['occurrence_key']}"
    [decision] = await stack.api.items("/v1/decisions", occurrence_key=run["occurrence_key"])
    assert (decision["outcome"], decision["run_id"]) == ("fired", run["run_id"])

    assert (await stack.cli("pause", "beat", "--reason", "a test")).code == 0
    await until_schedule(temporal, "beat", is_paused=True)
    item = await stack.said("definitions", "show", "beat")
    assert (item["status"], item["reason"]) == ("paused", "a test")
    await stack.api.apply(BEAT.format(id="beat", every="2s"))
    assert (await stack.said("definitions", "show", "beat"))["status"] == "paused"
    last = max(await slots())

    assert (await stack.cli("resume", "beat")).code == 0
    await until_schedule(temporal, "beat", is_paused=False)

    async def later() -> bool:
        return max(await slots()) > last

    await eventually(later, "a slot after the pause")

    assert (await stack.cli("definitions", "retire", "beat")).code == 0
    await until_schedule(temporal, "beat", is_paused=None)
    refused = await stack.cli("resume", "beat")
    assert refused.code == 1
    assert "it is retired" in refused.err


async def test_what_was_changed_behind_its_back_is_made_right(
    stack: Stack, temporal: Client
) -> None:
    await stack.api.apply(
        BEAT.format(id="rare", every="1h") + "---" + BEAT.format(id="rarer", every="2h")
    )
    await until_schedule(temporal, "rare", is_paused=False)
    await until_schedule(temporal, "rarer", is_paused=False)
    await temporal.get_schedule_handle("activity-schedule-rare").delete()
    await temporal.get_schedule_handle("activity-schedule-rarer").pause()
    description = await temporal.get_schedule_handle("activity-schedule-rarer").describe()
    await temporal.create_schedule("activity-schedule-nobodys", description.schedule)

    # Any change rings; so does nothing at all, every half minute.
    await stack.api.apply(BEAT.format(id="rarest", every="3h"))
    await until_schedule(temporal, "rare", is_paused=False)
    await until_schedule(temporal, "rarer", is_paused=False)
    await until_schedule(temporal, "nobodys", is_paused=None)
