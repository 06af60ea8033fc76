"""What every reading says about slots: where schedules stand, how late things were, what for."""

from datetime import timedelta

from tests.contract.slots import MINUTE, cursor, fires, plan, run_of, settled, skips, write
from tests.contract.stores import AT, ID, SECOND, Stores
from tests.contract.test_backfills import SLOTS, release, requested

from activity_core.core.decision import Outcome
from activity_core.core.schedule.gap import Gap
from activity_core.core.schedule.settlement import SlotDecision, SlotRun
from activity_core.ports.reading import Query
from activity_core.ports.slot_ledger import SettledSlots

LATE = AT + timedelta(milliseconds=2_500)
MISSED = [AT - 2 * MINUTE, AT - MINUTE, AT]


async def test_where_schedules_stand(stores: Stores):
    await plan(stores, ID, "other")
    assert await stores.reading.schedules([]) == {}
    found = await stores.reading.schedules([ID, "unknown", "\0"])
    assert found == {
        ID: {
            "since": "2026-01-01T11:59:00Z",
            "covered_until": "2026-01-01T11:59:00Z",
            "next_slot": "2026-01-01T12:00:00Z",
            "wake_at": "2026-01-01T12:00:05Z",
            "last_slot": None,
            "last_outcome": None,
            "last_run_id": None,
            "lag_seconds": None,
        }
    }
    fired = settled(skips(AT - MINUTE), fires(AT, Outcome.LATE), next_slot=AT + MINUTE)
    skipped = settled(fires(AT - MINUTE), skips(AT), definition_id="other", next_slot=None)
    await write(stores, fired, skipped, at=LATE)
    both = await stores.reading.schedules([ID, "other"])
    assert both[ID] == {
        "since": "2026-01-01T11:59:00Z",
        "covered_until": "2026-01-01T12:00:00Z",
        "next_slot": "2026-01-01T12:01:00Z",
        "wake_at": "2026-01-01T12:01:00Z",
        "last_slot": "2026-01-01T12:00:00Z",
        "last_outcome": "late",
        "last_run_id": run_of(stores, AT),
        "lag_seconds": 2.5,
    }
    last = {name: both["other"][name] for name in ("next_slot", "last_outcome", "last_run_id")}
    assert last == {"next_slot": None, "last_outcome": "skipped", "last_run_id": None}
    assert both["other"]["lag_seconds"] is None


async def test_a_schedule_that_is_gone_is_left_out(stores: Stores):
    await plan(stores)
    await write(stores, SettledSlots(ID, 1, cursor=None))
    assert await stores.reading.schedules([ID]) == {}


async def test_a_decision_about_a_slot_says_how_late_it_was(stores: Stores):
    await plan(stores)
    await write(stores, settled(skips(AT - MINUTE), fires(AT)), at=LATE)
    items = (await stores.reading.decisions(Query())).items
    told = {item["slot"]: (item["lag_seconds"], item["backfill_id"]) for item in items}
    assert told == {"2026-01-01T11:59:00Z": (62.5, None), "2026-01-01T12:00:00Z": (2.5, None)}
    [missed] = (await stores.reading.decisions(Query({"outcome": "skipped"}))).items
    assert missed["slot"] == "2026-01-01T11:59:00Z"


async def test_a_decision_of_a_backfill_names_it_and_is_not_late(stores: Stores):
    await requested(stores)
    assert await release(stores) == 1
    [decision] = (await stores.reading.decisions(Query())).items
    assert decision["backfill_id"] == "late-load"
    assert decision["slot"] == f"{SLOTS[0]:%Y-%m-%dT%H:%M:%SZ}"
    assert decision["lag_seconds"] is None
    [run] = (await stores.reading.runs(Query())).items
    assert (run["trigger"], run["scheduled_for"]) == ("backfill", decision["slot"])
    for execution in await stores.compose(at=AT + MINUTE):
        async with stores.run_ledger.open(execution.execution_id, AT + MINUTE):
            pass
    assert (await stores.reading.run(str(run["run_id"])))["lag_seconds"] is None


async def test_a_run_says_how_much_later_than_its_slot_it_started(stores: Stores):
    await plan(stores)
    await write(stores, settled(fires(AT)))
    [run] = (await stores.reading.runs(Query())).items
    assert (run["lag_seconds"], run["gap"]) == (None, None)
    [execution] = await stores.compose(at=AT + SECOND)
    async with stores.run_ledger.open(execution.execution_id, LATE):
        pass
    [run] = (await stores.reading.runs(Query())).items
    assert (run["scheduled_for"], run["lag_seconds"]) == ("2026-01-01T12:00:00Z", 2.5)


async def test_a_run_that_makes_up_for_a_gap_says_for_which(stores: Stores):
    await plan(stores)
    decisions = [SlotDecision(slot, Outcome.COMPRESSED, run_for=AT) for slot in MISSED]
    run = SlotRun(AT, recovery=True, gap=Gap.of(MISSED))
    await write(stores, SettledSlots(ID, 1, cursor(covered=AT), decisions, [run]))
    gap = {
        "start": "2026-01-01T11:58:00Z",
        "end": "2026-01-01T12:00:00Z",
        "count": 3,
        "slots": ["2026-01-01T11:58:00Z", "2026-01-01T11:59:00Z", "2026-01-01T12:00:00Z"],
    }
    [item] = (await stores.reading.runs(Query())).items
    assert item["gap"] == gap
    told = await stores.reading.run(run_of(stores, AT))
    assert told["gap"] == gap
    assert len(told["decisions"]) == 3  # type: ignore[arg-type]
