"""Short ways to bring a slot ledger into a state, and to read what it wrote."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.contract.stores import AT, ID, SECOND, Stores, definition

from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.jsontext import JsonValue
from activity_core.core.schedule.settlement import SlotDecision, SlotRun
from activity_core.ports.reading import Query
from activity_core.ports.slot_ledger import SettledSlots, SlotCursor

MINUTE = timedelta(minutes=1)


def cursor(
    definition_id: str = ID,
    *,
    covered: datetime = AT - MINUTE,
    next_slot: datetime | None = AT,
    wake_at: datetime | None = AT + 5 * SECOND,
    plan: str = "every minute",
) -> SlotCursor:
    return SlotCursor(definition_id, plan, covered, next_slot, wake_at)


def fires(slot: datetime, outcome: Outcome = Outcome.FIRED, reason: str = "") -> SlotDecision:
    return SlotDecision(slot, outcome, reason, run_for=slot)


def skips(slot: datetime, reason: str = "misfire: too late") -> SlotDecision:
    return SlotDecision(slot, Outcome.SKIPPED, reason)


def holds(slot: datetime) -> SlotDecision:
    return SlotDecision(slot, Outcome.HELD, "waits for an open run")


def settled(
    *decisions: SlotDecision,
    definition_id: str = ID,
    version: int = 1,
    recovery: bool = False,
    next_slot: datetime | None = AT + 100 * MINUTE,
) -> SettledSlots:
    """An ordinary (or recovery) run for every slot that is to have its own; covered until AT."""
    runs = [SlotRun(one.slot, recovery) for one in decisions if one.run_for == one.slot]
    after = cursor(definition_id, covered=AT, next_slot=next_slot, wake_at=next_slot)
    return SettledSlots(definition_id, version, after, decisions, runs)


async def plan(stores: Stores, *definition_ids: str) -> None:
    """Published definitions whose slot at AT is due."""
    await stores.publish(*(definition(id_) for id_ in definition_ids or (ID,)))
    await stores.slots.plan([cursor(id_) for id_ in definition_ids or (ID,)])


async def write(stores: Stores, *items: SettledSlots, at: datetime = AT) -> None:
    """Write this about definitions, which are made due for it."""
    wanted = [item.definition_id for item in items]
    await stores.slots.plan([cursor(definition_id) for definition_id in wanted])
    async with stores.slots.open_due(wanted, AT) as opened:
        assert [each.cursor.definition_id for each in opened.due] == sorted(wanted)
        await opened.write(items, at)


def run_of(stores: Stores, slot: datetime, definition_id: str = ID) -> str:
    return ids.run_id(stores.tenant, definition_id, ids.occurrence_of_slot(slot))


async def ledger(stores: Stores) -> dict[JsonValue, tuple[JsonValue, JsonValue]]:
    """Occurrence key → outcome and run id."""
    page = await stores.reading.decisions(Query())
    return {row["occurrence_key"]: (row["outcome"], row["run_id"]) for row in page.items}


async def starts(stores: Stores, *times: datetime) -> list[list[str]]:
    """Which runs the starter takes up at each of the times."""
    return [
        [run for execution in await stores.compose(at=at) for run in execution.runs] for at in times
    ]


async def fire(stores: Stores, *slots: datetime) -> Sequence[str]:
    """Runs of slots that are pending; their ids."""
    await write(stores, settled(*(fires(slot) for slot in slots)))
    return [run_of(stores, slot) for slot in slots]
