"""What every registry keeps."""

import asyncio

import pytest
from tests.contract.stores import AT, ID, SECOND, BoomError, Stores, definition

from activity_core.adapters.memory.clock import ManualClock
from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.errors import NotFoundError, RejectedError
from activity_core.ports.entrances import Change
from activity_core.ports.registry import HistoryLine, LogLine, RegistryEntry
from activity_core.ports.slot_ledger import SlotCursor

BILLING = Connection.model_validate({"id": "billing", "sql": {"url": "env:BILLING_URL"}})
HOLIDAYS = Calendar.model_validate({"id": "holidays", "title": "Days off", "days": ["2026-12-24"]})
MORE = Calendar.model_validate(
    {"id": "holidays", "days": ["2026-12-24", {"day": "2026-12-25", "name": "Christmas"}]}
)
MOVED = Connection.model_validate({"id": "billing", "sql": {"url": "env:OTHER_URL"}})


async def test_an_empty_registry(stores: Stores):
    assert await stores.registry.revision() == 0
    snapshot = await stores.registry.snapshot()
    assert (snapshot.revision, dict(snapshot.entries), dict(snapshot.connections)) == (0, {}, {})


async def test_what_was_published_is_in_force(stores: Stores):
    assert await stores.publish(definition(), definition("other")) == 1
    assert await stores.registry.revision() == 1
    snapshot = await stores.registry.snapshot()
    assert snapshot.revision == 1
    assert snapshot.entries == {
        id_: RegistryEntry(definition(id_), 1, False, False, 1, "", "ann", AT)
        for id_ in (ID, "other")
    }
    assert snapshot.entries[ID].fires


async def test_old_revisions_can_be_read_again(stores: Stores):
    await stores.publish(definition())
    await stores.publish(definition(title="Second"), version=2, at=AT + SECOND)
    await stores.publish(definition("other"))
    async with stores.registry.edit("bob", lambda: AT + SECOND) as edit:
        line = LogLine(ID, Change.RETIRED, 2, paused=True, retired=True, reason="too loud")
        assert await edit.log([line]) == 4
    first = await stores.registry.snapshot(1)
    assert (first.revision, set(first.entries)) == (1, {ID})
    assert (first.entries[ID].version, first.entries[ID].definition) == (1, definition())
    third = await stores.registry.snapshot(3)
    assert {id_: entry.revision for id_, entry in third.entries.items()} == {ID: 2, "other": 3}
    newest = (await stores.registry.snapshot()).entries[ID]
    assert (newest.retired, newest.paused, newest.fires) == (True, True, False)
    assert (newest.reason, newest.actor, newest.changed_at) == ("too loud", "bob", AT + SECOND)
    assert dict((await stores.registry.snapshot(0)).entries) == {}


async def test_what_changed_since_a_revision(stores: Stores):
    await stores.publish(definition(), definition("other"))
    await stores.publish(definition(title="Second"), version=2, at=AT + SECOND)
    async with stores.registry.edit("bob", lambda: AT) as edit:
        await edit.put_connection(BILLING)
    all_of_it = await stores.registry.snapshot()
    assert await stores.registry.changed_since(0) == all_of_it
    second = await stores.registry.changed_since(1)
    assert second.revision == 2
    assert second.entries == {ID: all_of_it.entries[ID]}
    assert dict(second.connections) == {"billing": BILLING}
    assert dict((await stores.registry.changed_since(2)).entries) == {}


async def test_versions_stay_as_they_were_published(stores: Stores):
    await stores.publish(definition())
    await stores.publish(definition(title="Second"), version=2)
    assert await stores.registry.version(ID, 1) == definition()
    assert (await stores.registry.version(ID, 1)).digest == definition().digest
    assert await stores.registry.version(ID, 2) == definition(title="Second")
    with pytest.raises(RejectedError):
        await stores.publish(definition(title="Third"), version=2)
    assert await stores.registry.version(ID, 2) == definition(title="Second")
    assert await stores.registry.revision() == 2


async def test_versions_count_from_one(stores: Stores):
    with pytest.raises(RejectedError):
        await stores.publish(definition(), version=0)
    assert await stores.registry.revision() == 0


@pytest.mark.parametrize(("id_", "version"), [("unknown", 1), (ID, 2), (ID, 0)])
async def test_no_such_version(stores: Stores, id_: str, version: int):
    await stores.publish(definition())
    with pytest.raises(NotFoundError):
        await stores.registry.version(id_, version)


async def test_only_what_was_published_can_be_in_force(stores: Stores):
    async def log() -> None:
        async with stores.registry.edit("ann", lambda: AT) as edit:
            line = LogLine(ID, Change.PUBLISHED, 1, paused=False, retired=False)
            await edit.log([line])

    with pytest.raises(RejectedError):
        await log()
    assert await stores.registry.revision() == 0


async def test_an_exception_changes_nothing(stores: Stores):
    async def fail() -> None:
        async with stores.registry.edit("ann", lambda: AT) as edit:
            await edit.publish(definition(), 1)
            await edit.put_connection(BILLING)
            await edit.put_calendar(HOLIDAYS)
            await edit.log([LogLine(ID, Change.PUBLISHED, 1, paused=False, retired=False)])
            raise BoomError

    with pytest.raises(BoomError):
        await fail()
    snapshot = await stores.registry.snapshot()
    assert (snapshot.revision, dict(snapshot.entries), dict(snapshot.connections)) == (0, {}, {})
    assert dict(snapshot.calendars) == {}
    await stores.publish(definition())


async def test_the_newest_connection_counts_at_every_revision(stores: Stores):
    await stores.publish(definition())
    for connection in (BILLING, MOVED):
        async with stores.registry.edit("ann", lambda: AT) as edit:
            await edit.put_connection(connection)
            await edit.log([])
    assert await stores.registry.revision() == 3
    assert (await stores.registry.snapshot()).connections == {"billing": MOVED}
    assert (await stores.registry.snapshot(1)).connections == {"billing": MOVED}


async def test_the_newest_calendar_counts_at_every_revision(stores: Stores):
    await stores.publish(definition())
    for calendar in (HOLIDAYS, MORE):
        async with stores.registry.edit("ann", lambda: AT) as edit:
            await edit.put_calendar(calendar)
            await edit.log([])
    assert (await stores.registry.snapshot()).calendars == {"holidays": MORE}
    assert (await stores.registry.snapshot(1)).calendars == {"holidays": MORE}


async def test_several_versions_at_once(stores: Stores):
    await stores.publish(definition(), definition("other"))
    await stores.publish(definition(title="Second"), version=2)
    wanted = [(ID, 2), ("other", 1), (ID, 1), (ID, 9), ("unknown", 1), ("no\0", 1)]
    assert await stores.registry.versions([*wanted, (ID, 2)]) == {
        (ID, 1): definition(),
        (ID, 2): definition(title="Second"),
        ("other", 1): definition("other"),
    }
    assert await stores.registry.versions([]) == {}


async def test_history_begins_with_what_was_in_force(stores: Stores):
    await stores.publish(definition(), definition("other"))
    await stores.publish(definition(title="Second"), version=2, at=AT + 2 * SECOND)
    async with stores.registry.edit("bob", lambda: AT + 4 * SECOND) as edit:
        line = LogLine(ID, Change.PAUSED, 2, paused=True, retired=False, reason="too loud")
        await edit.log([line])
    first = HistoryLine(AT, 1, paused=False, retired=False, actor="ann")
    second = HistoryLine(AT + 2 * SECOND, 2, paused=False, retired=False, actor="ann")
    third = HistoryLine(AT + 4 * SECOND, 2, True, False, "too loud", "bob")
    for seconds, lines in (
        (-1, [first, second, third]),
        (0, [first, second, third]),
        (1, [first, second, third]),
        (2, [second, third]),
        (3, [second, third]),
        (4, [third]),
        (9, [third]),
    ):
        assert await stores.registry.history({ID: AT + seconds * SECOND}) == {ID: lines}
    found = await stores.registry.history({ID: AT + 9 * SECOND, "other": AT, "unknown": AT})
    assert found == {ID: [third], "other": [first]}
    assert await stores.registry.history({}) == {}


async def test_history_says_whose_pause_it_is_although_a_version_was_published_meanwhile(
    stores: Stores,
):
    await stores.publish(definition())
    async with stores.registry.edit("bob", lambda: AT + SECOND) as edit:
        await edit.log([LogLine(ID, Change.PAUSED, 1, True, False, "too loud")])
    async with stores.registry.edit("cyd", lambda: AT + 2 * SECOND) as edit:
        await edit.publish(definition(title="Second"), 2)
        await edit.log([LogLine(ID, Change.PUBLISHED, 2, paused=True, retired=False)])
    async with stores.registry.edit("cyd", lambda: AT + 3 * SECOND) as edit:
        await edit.log([LogLine(ID, Change.RESUMED, 2, False, False, "repaired")])
    edited = HistoryLine(AT + 2 * SECOND, 2, True, False, "too loud", "bob")
    resumed = HistoryLine(AT + 3 * SECOND, 2, False, False, "repaired", "cyd")
    assert await stores.registry.history({ID: AT + 2 * SECOND}) == {ID: [edited, resumed]}


async def test_history_knows_what_is_retired(stores: Stores):
    await stores.publish(definition())
    async with stores.registry.edit("ann", lambda: AT + SECOND) as edit:
        await edit.log([LogLine(ID, Change.RETIRED, 1, paused=False, retired=True)])
    [line] = (await stores.registry.history({ID: AT + SECOND}))[ID]
    assert line.retired


async def test_an_editor_sees_what_is_in_force(stores: Stores):
    await stores.publish(definition())
    async with stores.registry.edit("ann", lambda: AT) as edit:
        assert edit.current == await stores.registry.snapshot()


async def test_looking_without_changing_leaves_the_revision(stores: Stores):
    await stores.publish(definition())
    async with stores.registry.edit("ann", lambda: AT):
        pass
    assert await stores.registry.revision() == 1


async def test_a_change_is_in_force_when_it_is_written_not_when_it_was_begun(stores: Stores):
    clock = ManualClock(AT)
    async with stores.registry.edit("ann", clock.now) as edit:
        await edit.publish(definition(), 1)
        clock.advance(SECOND)
        await edit.log([LogLine(ID, Change.PUBLISHED, 1, paused=False, retired=False)])
        clock.advance(SECOND)
        await edit.account_for_slots([ID])
    [line] = (await stores.registry.history({ID: AT + 9 * SECOND}))[ID]
    assert line.at == AT + SECOND
    assert await stores.slots.cursors() == {ID: SlotCursor(ID, "", AT + SECOND, None, None)}


async def test_what_is_accounted_for_already_stays_as_it_is(stores: Stores):
    known = SlotCursor(ID, "a plan", AT, AT + SECOND, AT + 2 * SECOND)
    await stores.slots.plan([known])
    async with stores.registry.edit("ann", lambda: AT + 5 * SECOND) as edit:
        await edit.publish(definition(), 1)
        await edit.log([LogLine(ID, Change.PUBLISHED, 1, paused=False, retired=False)])
        await edit.account_for_slots([ID])
    assert await stores.slots.cursors() == {ID: known}


async def test_editors_wait_for_each_other(stores: Stores):
    await stores.publish(definition())

    async def publish_next(title: str) -> int:
        async with stores.registry.edit(title, lambda: AT) as edit:
            version = edit.current.entries[ID].version + 1
            await edit.publish(definition(title=title), version)
            line = LogLine(ID, Change.PUBLISHED, version, paused=False, retired=False)
            return await edit.log([line])

    revisions = await asyncio.gather(*(publish_next(title) for title in ("a", "b", "c")))
    assert sorted(revisions) == [2, 3, 4]
    assert (await stores.registry.snapshot()).entries[ID].version == 4
