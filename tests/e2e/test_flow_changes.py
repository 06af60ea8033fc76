"""Events wait while their definition changes, pauses or goes."""

from tests.api import Json, cloudevent
from tests.e2e.conftest import Stack
from tests.e2e.flow_events import becomes, complete, finished, ids, sent

DEFINITION = """
id: change-%s
trigger: {event: {type: change.%s, %s}}
rules: [{id: r, tasks: [{id: t, human: {title: '%s ${size(events)}', wait: %s}}]}]
"""


async def publish(
    stack: Stack, name: str, control: str, *, title: str = "T", wait: str = "false"
) -> None:
    await stack.api.apply(DEFINITION % (name, name, control, title, wait))


async def held(stack: Stack, name: str, *, longest: str = "1h") -> list[Json]:
    """Two events in a batch that is not full yet."""
    await publish(stack, name, f"batch: {{max_size: 9, max_wait: {longest}}}", title="old")
    events = [cloudevent(f"change.{name}", f"{name}-{n}") for n in range(2)]
    await sent(stack, *events)
    for event in events:
        assert (await stack.api.explain(event))["routing"]["counts"] == {"held": 1}
    return events


async def test_a_new_version_applies_to_what_waits(stack: Stack):
    shorter, without = await held(stack, "shorter"), await held(stack, "without")
    await publish(stack, "shorter", "batch: {max_size: 9, max_wait: 1s}", title="new")
    await publish(stack, "without", "priority: 2", title="new")
    for name, events in {"shorter": shorter, "without": without}.items():
        run = await finished(stack, await becomes(stack, events[0], f"change-{name}", "fired"))
        assert ids(run) == [event["id"] for event in events]
        assert run["version_used"] == 1  # the one that matched them
        assert [task["title"] for task in run["tasks"]] == ["old 2"]


async def test_a_higher_limit_lets_the_next_go(stack: Stack):
    await publish(stack, "room", "concurrency: {limit: 1}", wait="true")
    events = [cloudevent("change.room", f"room-{n}") for n in range(2)]
    await sent(stack, *events)
    running = await becomes(stack, events[0], "change-room", "fired")
    await becomes(stack, events[1], "change-room", "held")
    await publish(stack, "room", "concurrency: {limit: 2}", wait="true")
    await becomes(stack, events[1], "change-room", "fired")
    await complete(stack, running)


async def test_what_is_paused_when_its_time_has_come_is_skipped(stack: Stack):
    events = await held(stack, "paused", longest="4s")
    done = await stack.cli("pause", "change-paused", "--reason", "holidays")
    assert done.code == 0
    for event in events:
        skipped = await becomes(stack, event, "change-paused", "skipped")
        assert "holidays" in skipped["reason"]
    assert (await stack.cli("resume", "change-paused")).code == 0
    assert await stack.api.items("/v1/runs", definition_id="change-paused") == []


async def test_what_is_retired_does_not_wait_any_longer(stack: Stack):
    events = await held(stack, "retired")
    done = await stack.cli("definitions", "retire", "change-retired")
    assert done.code == 0
    for event in events:
        assert (await becomes(stack, event, "change-retired", "skipped"))["reason"] == "retired"
