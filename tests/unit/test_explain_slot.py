"""Every slot has its story: what became of it, or why there is nothing to tell."""

from datetime import timedelta
from typing import Any

import pytest
from tests.slot_stage import SlotStage, at, beat

from activity_core.adapters.memory.reading import MemoryReading
from activity_core.core.errors import BadInputError, NotFoundError
from activity_core.services.explain_slot import ExplainSlot
from activity_core.services.schedules import Schedules

EVERY = "interval: {every: 10s}"
NIGHTLY = "cron: {expression: 30 2 * * *, timezone: Europe/Berlin}"


class Stage(SlotStage):
    async def explain(self, time: str, definition_id: str = "d") -> dict[str, Any]:
        reading = MemoryReading(self.state)
        service = ExplainSlot(reading, self.store, self.histories, self.clock)
        return dict(await service.slot(definition_id, time))

    async def told(self, time: str, definition_id: str = "d") -> tuple[str, str]:
        found = await self.explain(time, definition_id)
        return found["state"], found["why"]

    async def standing(self) -> dict[str, Any]:
        schedules = Schedules(self.store, MemoryReading(self.state), self.clock)
        return dict((await schedules.standings(["d"]))["d"])


@pytest.fixture
def stage() -> Stage:
    return Stage()


def spelled(seconds: float) -> str:
    return f"{at('12:00:00') + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


async def test_a_slot_that_fired(stage: Stage):
    await stage.publish(beat("d", EVERY))
    stage.wait(10.5)
    await stage.tick()
    found = await stage.explain(spelled(10))
    assert (found["state"], found["slot"], found["timezone"]) == ("decided", spelled(10), "UTC")
    assert found["why"] == "fired, decided 0.5 s after the slot"
    [decision], [run] = found["decisions"], found["runs"]
    assert (decision["outcome"], decision["lag_seconds"]) == ("fired", 0.5)
    assert decision["run_id"] == run["run_id"]
    assert run["scheduled_for"] == spelled(10)
    assert found["next_look"] is None


async def test_a_slot_that_was_compressed_shows_the_run_that_made_up_for_it(stage: Stage):
    await stage.publish(beat("d", f"{EVERY}, misfire: {{policy: compress}}"))
    stage.wait(125)
    await stage.tick()
    found = await stage.explain(spelled(10))
    assert found["why"].startswith("compressed")
    [run] = found["runs"]
    assert run["scheduled_for"] == spelled(110)  # the newest that is not on time
    assert run["gap"]["count"] == 11
    assert (run["gap"]["start"], run["gap"]["end"]) == (spelled(10), spelled(110))


async def test_a_pause_is_told_with_who_and_why(stage: Stage):
    await stage.publish(beat("d", EVERY))
    stage.wait(5)
    await stage.registry.pause("d", "bob", "moving house")
    stage.wait(6)
    state, why = await stage.told(spelled(10))
    assert (state, why) == (
        "undecided",
        (
            "due since 1.0 s and not decided yet; as things are, it will be skipped: "
            "paused: by bob, moving house"
        ),
    )
    await stage.tick()
    state, why = await stage.told(spelled(10))
    assert state == "decided"
    assert why.startswith("skipped: paused: by bob, moving house")


async def test_a_slot_that_is_not_due(stage: Stage):
    await stage.publish(beat("d", EVERY))
    found = await stage.explain(spelled(20))
    assert (found["state"], found["why"]) == ("not_due", "not due yet, but in 20.0 s")
    assert found["next_look"] == spelled(15)  # for the slot before it, five seconds late
    assert found["decisions"] == found["runs"] == []


async def test_no_such_slot_names_those_around_it(stage: Stage):
    await stage.publish(beat("d", EVERY))
    found = await stage.explain(spelled(13))
    assert (found["state"], found["why"]) == ("none", "the schedule has no slot at that instant")
    assert (found["previous_slot"], found["next_slot"]) == (spelled(10), spelled(20))


async def test_before_it_was_published(stage: Stage):
    stage.wait(3)
    await stage.publish(beat("d", EVERY))
    state, why = await stage.told(spelled(0))
    assert state == "none"
    assert why == f"the definition did not exist then: it was first published at {spelled(3)}"


async def test_what_was_in_force_then_counts(stage: Stage):
    await stage.publish(beat("d", EVERY))
    stage.wait(15)
    await stage.tick()
    await stage.publish(beat("d", "interval: {every: 1h}"))
    stage.wait(10)
    assert (await stage.told(spelled(10)))[0] == "decided"
    assert await stage.told(spelled(20)) == ("none", "the schedule has no slot at that instant")
    await stage.registry.retire("d", "ann")
    stage.wait(10)
    told = await stage.told(spelled(30))
    assert told == ("none", f"since {spelled(25)} it had no schedule")
    assert (await stage.told(spelled(10)))[0] == "decided"


async def test_wall_times_and_their_gap(stage: Stage):
    await stage.publish(beat("d", NIGHTLY))
    found = await stage.explain("2026-03-29T02:30")
    assert found["slot"] == "2026-03-29T01:30:00Z"
    assert found["why"].startswith("2026-03-29 02:30 does not exist")
    found = await stage.explain("2026-03-30T02:30")
    assert (found["state"], found["local"]) == ("not_due", "2026-03-30T02:30:00+02:00")


async def test_excluded_days_and_validity(stage: Stage):
    day = stage.clock.now().date()
    await stage.publish(beat("d", f"interval: {{every: 10s, exclude: ['{day}'], until: '{day}'}}"))
    state, why = await stage.told(spelled(10))
    assert state == "not_due"
    assert f"it will be skipped: outside_validity: excluded, {day}" in why
    state, why = await stage.told(f"{day + timedelta(days=1)}T12:00:00Z")
    assert state == "none"
    assert why.startswith("outside_validity: the schedule counts until")


async def test_covered_without_a_decision_is_unexplained(stage: Stage):
    await stage.publish(beat("d", EVERY))
    stage.wait(10)
    await stage.tick()
    async with stage.state.transaction() as tables:
        tables.decisions.clear()
    state, why = await stage.told(spelled(10))
    assert state == "unexplained"
    assert why == "unexplained: it was due, yet nobody decided about it"


async def test_what_cannot_be_explained(stage: Stage):
    await stage.publish(beat("d", EVERY), beat("m", "manual: "))
    with pytest.raises(NotFoundError):
        await stage.explain(spelled(10), "none")
    with pytest.raises(BadInputError, match="it has no schedule"):
        await stage.explain(spelled(10), "m")
    with pytest.raises(BadInputError, match="is no time"):
        await stage.explain("soon")


async def test_where_a_schedule_stands(stage: Stage):
    await stage.publish(beat("d", EVERY))
    fresh = await stage.standing()
    assert (fresh["next_slot"], fresh["last_slot"]) == (spelled(10), None)
    assert (fresh["lag_seconds"], fresh["overdue_seconds"]) == (None, None)
    stage.wait(12.25)
    assert (await stage.standing())["overdue_seconds"] == 2.25
    await stage.tick()
    settled = await stage.standing()
    assert settled == {
        "next_slot": spelled(20),
        "last_slot": spelled(10),
        "last_outcome": "fired",
        "last_run_id": stage.runs("d")[0].run_id,
        "lag_seconds": 2.25,
        "overdue_seconds": None,
    }
