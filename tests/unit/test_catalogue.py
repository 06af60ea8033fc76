"""The catalogue's looks at the registry: shared, and never older than the question."""

import asyncio

import pytest
from tests.contract.stores import AT, definition

from activity_core.adapters.memory.registry import MemoryRegistryStore
from activity_core.adapters.memory.state import State
from activity_core.core.definition.calendar import Calendar
from activity_core.core.errors import NotFoundError, UnavailableError
from activity_core.ports.entrances import Change
from activity_core.ports.registry import LogLine, RegistrySnapshot
from activity_core.services.catalogue import Catalogue


class SlowRegistry(MemoryRegistryStore):
    """Answers only when told to; counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__(State())
        self.looks = 0
        self.answer = asyncio.Event()
        self.error: Exception | None = None

    async def revision(self) -> int:
        self.looks += 1
        await self.answer.wait()
        if self.error:
            raise self.error
        return self.looks

    async def changed_since(self, revision: int) -> RegistrySnapshot:
        return RegistrySnapshot(revision, {}, {})


async def _published(*definition_ids: str) -> MemoryRegistryStore:
    registry = MemoryRegistryStore(State())
    async with registry.edit("ann", lambda: AT) as edit:
        for definition_id in definition_ids:
            await edit.publish(definition(definition_id), 1)
        lines = [
            LogLine(definition_id, Change.PUBLISHED, 1, paused=False, retired=False)
            for definition_id in definition_ids
        ]
        await edit.log(lines)
    return registry


async def _begun(registry: SlowRegistry, looks: int) -> None:
    async with asyncio.timeout(5):
        while registry.looks < looks:  # noqa: ASYNC110 - one turn of the loop, not a wait
            await asyncio.sleep(0)


async def test_who_asks_during_a_look_shares_the_next():
    registry = SlowRegistry()
    catalogue = Catalogue(registry)
    first = asyncio.create_task(catalogue.refresh())
    await _begun(registry, 1)
    later = asyncio.gather(*(catalogue.refresh() for _ in range(10)))
    registry.answer.set()
    await asyncio.gather(first, later)
    assert registry.looks == 2


async def test_a_failed_look_is_told_to_all_and_done_again_by_the_next():
    registry = SlowRegistry()
    registry.error = UnavailableError("away")
    registry.answer.set()
    catalogue = Catalogue(registry)
    for asking in [asyncio.create_task(catalogue.refresh()) for _ in range(3)]:
        with pytest.raises(UnavailableError):
            await asking
    registry.error = None
    await catalogue.refresh()
    assert registry.looks == 2


async def test_one_who_gives_up_does_not_stop_the_others():
    registry = SlowRegistry()
    catalogue = Catalogue(registry)
    impatient = asyncio.create_task(catalogue.refresh())
    patient = asyncio.create_task(catalogue.refresh())
    await _begun(registry, 1)
    impatient.cancel()
    registry.answer.set()
    await patient
    assert impatient.cancelled()
    assert registry.looks == 1


async def test_versions_are_learnt_at_once_and_a_missing_one_is_named():
    catalogue = Catalogue(await _published("first", "second"))
    both = [("first", 1), ("second", 1)]
    assert catalogue.unknown(both) == both
    await catalogue.learn([*both, *both])
    assert catalogue.unknown(both) == []
    assert catalogue.get(("second", 1)).id == "second"
    with pytest.raises(NotFoundError, match="no such version") as caught:
        await catalogue.learn([("first", 1), ("first", 7)])
    assert caught.value.subject == "definition first v7"


async def test_calendars_are_the_same_object_until_the_registry_changes():
    registry = await _published("first")
    catalogue = Catalogue(registry)
    await catalogue.refresh()
    before = catalogue.calendars
    await catalogue.refresh()
    assert catalogue.calendars is before
    holidays = Calendar.model_validate({"id": "holidays", "days": ["2026-12-24"]})
    async with registry.edit("ann", lambda: AT) as edit:
        await edit.put_calendar(holidays)
        await edit.log([])
    assert catalogue.calendars is before
    await catalogue.refresh()
    assert catalogue.calendars == {"holidays": holidays}
