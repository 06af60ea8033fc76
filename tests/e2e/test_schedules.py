"""Slots that really fire, and schedules that follow the registry whatever happened to them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode
from tests.api import Json, eventually
from tests.e2e.conftest import Stack

BEAT = """
id: {id}
trigger: {{interval: {{every: {every}}}}}
rules:
  - id: all
    tasks: [{{id: beat, emit: {{type: test.beat, data: {{slot: "${{slot}}"}}}}}}]
"""


Change = Callable[[Schedule], None]
Look = Callable[[], Awaitable[list[str]]]


def handle(temporal: Client, name: str) -> ScheduleHandle:
    return temporal.get_schedule_handle(f"activity-schedule-{name}")


async def describe(temporal: Client, name: str) -> ScheduleDescription | None:
    """The schedule `activity-schedule-{name}`; None if there is none."""
    try:
        return await handle(temporal, name).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def until_schedule(temporal: Client, name: str, *, is_paused: bool | None) -> None:
    async def look() -> bool:
        found = await describe(temporal, name)
        return (found and found.schedule.state.paused) is is_paused

    await eventually(look, f"the schedule of {name} has paused={is_paused}")


async def slots(stack: Stack, definition_id: str) -> list[str]:
    """Slots that have a completed run, ascending."""
    runs = await stack.api.items("/v1/runs", definition_id=definition_id, status="completed")
    return sorted(run["scheduled_for"] for run in runs)


async def decisions(stack: Stack, definition_id: str) -> list[Json]:
    """Those about slots, in their order."""
    found = await stack.api.items("/v1/decisions", definition_id=definition_id)
    return sorted(found, key=lambda row: str(row["occurrence_key"]))


async def at_least(number: int, look: Look) -> list[str]:
    async def enough() -> list[str] | None:
        found = await look()
        return found if len(found) >= number else None

    return await eventually(enough, f"{number} of them")


async def test_slots_fire_until_paused_and_again_when_resumed(
    stack: Stack, temporal: Client
) -> None:
    await stack.api.apply(BEAT.format(id="beat", every="1s"))
    found = await at_least(2, partial(slots, stack, "beat"))
    assert len(set(found)) == len(found)
    run = (await stack.api.items("/v1/runs", definition_id="beat"))[0]
    assert run["trigger"] == "schedule"
    assert run["occurrence_key"] == run["scheduled_for"]
    assert run["workflow_id"] == f"activity-beat-{run['occurrence_key']}"
    [decision] = await stack.api.items("/v1/decisions", occurrence_key=run["occurrence_key"])
    assert (decision["outcome"], decision["run_id"]) == ("fired", run["run_id"])

    async def ticks() -> list[str]:  # Temporal's list lags
        query = f'WorkflowId = "activity-tick-beat-{run["occurrence_key"]}"'
        return [listed.workflow_type async for listed in temporal.list_workflows(query)]

    assert await at_least(1, ticks) == ["SlotTick"]

    assert (await stack.cli("pause", "beat", "--reason", "a test")).code == 0
    await until_schedule(temporal, "beat", is_paused=True)
    item = await stack.said("definitions", "show", "beat")
    assert (item["status"], item["reason"]) == ("paused", "a test")
    await stack.api.apply(BEAT.format(id="beat", every="2s"))
    assert (await stack.said("definitions", "show", "beat"))["status"] == "paused"
    last = max(await slots(stack, "beat"))

    async def skipped() -> list[str]:
        found = await decisions(stack, "beat")
        return [row["reason"] for row in found if row["outcome"] == "skipped"]

    reasons = await at_least(2, skipped)
    assert all(reason.startswith("paused: by ") for reason in reasons)
    assert all(reason.endswith(", a test") for reason in reasons)

    assert (await stack.cli("resume", "beat")).code == 0
    await until_schedule(temporal, "beat", is_paused=False)

    async def later() -> bool:
        return max(await slots(stack, "beat")) > last

    await eventually(later, "a slot after the pause")
    outcomes = [row["outcome"] for row in await decisions(stack, "beat")]
    assert set(outcomes) <= {"fired", "late", "skipped"}

    assert (await stack.cli("definitions", "retire", "beat")).code == 0
    await until_schedule(temporal, "beat", is_paused=None)
    refused = await stack.cli("resume", "beat")
    assert refused.code == 1
    assert "it is retired" in refused.err


async def test_definitions_with_equal_clocks_share_a_schedule(
    stack: Stack, temporal: Client
) -> None:
    async def shared() -> list[str]:
        listed = await temporal.list_schedules()
        return [
            found.id async for found in listed if found.id.startswith("activity-schedule-shared-")
        ]

    assert await shared() == []
    await stack.api.apply(BEAT.format(id="one-of-two", every="2s"))
    await until_schedule(temporal, "one-of-two", is_paused=False)
    await stack.api.apply(BEAT.format(id="two-of-two", every="2s"))
    await until_schedule(temporal, "one-of-two", is_paused=None)
    [schedule_id] = await at_least(1, shared)
    for id_ in ("one-of-two", "two-of-two"):
        await at_least(2, partial(slots, stack, id_))

    # One of them is paused: the schedule goes on for the other.
    assert (await stack.cli("pause", "one-of-two")).code == 0
    name = schedule_id.removeprefix("activity-schedule-")
    before = len(await slots(stack, "two-of-two"))
    await at_least(before + 2, partial(slots, stack, "two-of-two"))
    await until_schedule(temporal, name, is_paused=False)
    fired = {row["occurrence_key"]: row for row in await decisions(stack, "one-of-two")}
    assert any(row["reason"].startswith("paused: ") for row in fired.values())

    assert (await stack.cli("definitions", "retire", "one-of-two")).code == 0
    await until_schedule(temporal, "two-of-two", is_paused=False)
    await until_schedule(temporal, name, is_paused=None)
    assert (await stack.cli("definitions", "retire", "two-of-two")).code == 0
    await until_schedule(temporal, "two-of-two", is_paused=None)


EVERY_SECOND = ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(seconds=1))])


def another_spec(schedule: Schedule) -> None:
    schedule.spec = EVERY_SECOND  # the note stays what it was


def another_action(schedule: Schedule) -> None:
    schedule.action = ScheduleActionStartWorkflow("Other", id="other", task_queue="other")


def a_pause(schedule: Schedule) -> None:
    schedule.state.paused = True


CHANGES = {"rare-spec": another_spec, "rare-action": another_action, "rare-pause": a_pause}


async def test_what_was_changed_behind_its_back_is_made_right(
    stack: Stack, temporal: Client
) -> None:
    rare = [*CHANGES, "rare-deleted"]
    await stack.api.apply(
        "---".join(BEAT.format(id=id_, every=f"{hours}h") for hours, id_ in enumerate(rare, 1))
    )
    first = {}
    for id_ in rare:
        await until_schedule(temporal, id_, is_paused=False)
        first[id_] = await described(temporal, id_)

    for id_, change in CHANGES.items():

        async def changed(now: ScheduleUpdateInput, change: Change = change) -> ScheduleUpdate:
            change(now.description.schedule)
            return ScheduleUpdate(now.description.schedule)

        await handle(temporal, id_).update(changed)
    copy = await handle(temporal, "rare-spec").describe()
    await temporal.create_schedule("activity-schedule-nobodys", copy.schedule)
    await temporal.create_schedule("somebodys", copy.schedule)
    await handle(temporal, "rare-deleted").delete()
    assert {id_: await described(temporal, id_) for id_ in rare} != first

    async def right() -> bool:
        # A ring makes the reconciler look sooner than the half minute that it takes at most.
        await stack.api.post("/v1/definitions/rare-spec/resume")
        await asyncio.sleep(0.5)
        now = {id_: await described(temporal, id_) for id_ in rare}
        return now == first and await describe(temporal, "nobodys") is None

    await eventually(right, "all of it is right again")
    await temporal.get_schedule_handle("somebodys").delete()  # not ours, so still there
    for id_ in rare:
        assert (await stack.cli("definitions", "retire", id_)).code == 0


async def described(temporal: Client, name: str) -> object:
    """What a schedule does: its clock, its workflow, whether it is paused."""
    found = await describe(temporal, name)
    if found is None:
        return None
    schedule, action = found.schedule, found.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    return schedule.spec, action.workflow, action.id, schedule.state.paused, schedule.state.note
