"""What every registry keeps of event sources and event types."""

import asyncio

import pytest
from tests.contract.stores import AT, ID, SECOND, BoomError, Stores, definition

from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.errors import RejectedError
from activity_core.ports.entrances import (
    Change,
    Entrance,
    EntranceEntry,
    EntranceLine,
    Entrances,
)
from activity_core.ports.registry import LogLine


def source(title: str = "Shop", id_: str = "shop") -> EventSource:
    return EventSource.model_validate(
        {
            "id": id_,
            "title": title,
            "webhook": {
                "verify": {"standard_webhooks": {"secrets": ["env:SHOP"], "tolerance": "10m"}},
                "map": {"type": '"shop." + body.event', "data": "body.order"},
            },
            "allow": {"types": ["shop.*"]},
            "rate": {"per_second": 2, "burst": 5},
        }
    )


def event_type(maximum: float = 1e22) -> EventType:
    """The number is one that jsonb would spell in another way."""
    schema = {"type": "object", "properties": {"n": {"maximum": maximum, "minimum": -0.0}}}
    return EventType.model_validate(
        {"id": "shop", "type": "shop.*", "versions": [schema], "redact": ["/card/number"]}
    )


def line(part: Entrance, change: Change = Change.PUBLISHED, version: int = 1) -> EntranceLine:
    return EntranceLine(
        part.kind,
        part.id,
        change,
        version,
        paused=change is Change.PAUSED,
        retired=change is Change.RETIRED,
        reason="" if change is Change.PUBLISHED else "because",
    )


async def publish(stores: Stores, *parts: Entrance, version: int = 1) -> int:
    async with stores.registry.edit("ann", lambda: AT) as edit:
        for part in parts:
            await edit.publish_entrance(part, version)
        return await edit.log([], [line(part, version=version) for part in parts])


async def log(stores: Stores, *lines: EntranceLine) -> int:
    async with stores.registry.edit("bob", lambda: AT + SECOND) as edit:
        return await edit.log([], lines)


async def test_an_empty_registry(stores: Stores):
    assert await stores.registry.entrances() == Entrances()


async def test_what_was_published_is_in_force(stores: Stores):
    assert await publish(stores, source(), event_type()) == 1
    found = await stores.registry.entrances()
    assert found == Entrances(
        1,
        {"shop": EntranceEntry(source(), 1, False, False, 1, "", "ann", AT)},
        {"shop": EntranceEntry(event_type(), 1, False, False, 1, "", "ann", AT)},
    )
    assert found.sources["shop"].status == "active"
    assert found.sources["shop"].part.digest == source().digest
    assert found.event_types["shop"].part.digest == event_type().digest


async def test_digests_tell_versions_apart():
    assert source().digest != source("Store").digest
    assert event_type().digest != event_type(3).digest


async def test_the_newest_version_counts(stores: Stores):
    await publish(stores, source(), event_type())
    assert await publish(stores, source("Store"), version=2) == 2
    found = await stores.registry.entrances()
    assert found.revision == 2
    assert found.sources["shop"].part == source("Store")
    assert (found.sources["shop"].version, found.sources["shop"].revision) == (2, 2)
    assert (found.event_types["shop"].version, found.event_types["shop"].revision) == (1, 1)


async def test_pauses_and_retirements_are_changes(stores: Stores):
    await publish(stores, source(), event_type())
    assert await log(stores, line(source(), Change.PAUSED)) == 2
    entry = (await stores.registry.entrances()).sources["shop"]
    assert entry == EntranceEntry(source(), 1, True, False, 2, "because", "bob", AT + SECOND)
    assert await log(stores, line(event_type(), Change.RETIRED)) == 3
    found = await stores.registry.entrances()
    assert found.sources["shop"].status == "paused"
    assert found.event_types["shop"].status == "retired"


async def test_definitions_and_entrances_share_revisions(stores: Stores):
    async with stores.registry.edit("ann", lambda: AT) as edit:
        await edit.publish(definition(), 1)
        await edit.publish_entrance(source(), 1)
        published = LogLine(ID, Change.PUBLISHED, 1, paused=False, retired=False)
        assert await edit.log([published], [line(source())]) == 1
    assert await publish(stores, event_type()) == 2
    snapshot = await stores.registry.snapshot()
    assert (snapshot.revision, snapshot.entries[ID].revision) == (2, 1)
    found = await stores.registry.entrances()
    assert found.revision == await stores.registry.revision() == 2
    assert await stores.publish(definition("other")) == 3
    assert (await stores.registry.entrances()).revision == 3
    assert dict((await stores.registry.snapshot(0)).entries) == {}


async def test_an_editor_sees_what_is_in_force(stores: Stores):
    await publish(stores, source(), event_type())
    async with stores.registry.edit("ann", lambda: AT) as edit:
        assert edit.entrances == await stores.registry.entrances()


async def test_an_exception_changes_nothing(stores: Stores):
    async def fail() -> None:
        async with stores.registry.edit("ann", lambda: AT) as edit:
            await edit.publish_entrance(source(), 1)
            await edit.log([], [line(source())])
            raise BoomError

    with pytest.raises(BoomError):
        await fail()
    assert await stores.registry.entrances() == Entrances()
    await publish(stores, source())


@pytest.mark.parametrize("version", [0, 1])
async def test_a_version_is_published_once_and_counts_from_one(stores: Stores, version: int):
    await publish(stores, source(), event_type())
    for part in (source("Store"), event_type(3)):
        with pytest.raises(RejectedError):
            await publish(stores, part, version=version)
    found = await stores.registry.entrances()
    assert (found.revision, found.sources["shop"].part) == (1, source())


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([line(source(), version=2)], id="never published"),
        pytest.param([line(event_type())], id="of the other kind"),
        pytest.param([line(source()), line(source(), Change.PAUSED)], id="two words about one"),
    ],
)
async def test_wrong_lines_are_rejected(stores: Stores, wrong: list[EntranceLine]):
    await publish(stores, source())
    with pytest.raises(RejectedError):
        await log(stores, *wrong)
    assert await stores.registry.revision() == 1


async def test_types_are_never_paused(stores: Stores):
    await publish(stores, event_type())
    with pytest.raises(RejectedError):
        await log(stores, line(event_type(), Change.PAUSED))


async def test_editors_wait_for_each_other(stores: Stores):
    await publish(stores, source())

    async def publish_next(title: str) -> int:
        async with stores.registry.edit(title, lambda: AT) as edit:
            version = edit.entrances.sources["shop"].version + 1
            await edit.publish_entrance(source(title), version)
            return await edit.log([], [line(source(), version=version)])

    revisions = await asyncio.gather(*(publish_next(title) for title in ("a", "b", "c")))
    assert sorted(revisions) == [2, 3, 4]
    assert (await stores.registry.entrances()).sources["shop"].version == 4


async def test_a_reason_may_hold_anything(stores: Stores):
    await publish(stores, source())
    odd = EntranceLine("source", "shop", Change.PAUSED, 1, True, False, "\ud800 why")
    await log(stores, odd)
    assert (await stores.registry.entrances()).sources["shop"].reason.endswith(" why")
