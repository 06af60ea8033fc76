"""The catalogue's looks at the registry: shared, and never older than the question."""

import asyncio

import pytest

from activity_core.adapters.memory.registry import MemoryRegistryStore
from activity_core.adapters.memory.state import State
from activity_core.core.errors import UnavailableError
from activity_core.ports.registry import RegistrySnapshot
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

    async def snapshot(self, revision: int | None = None) -> RegistrySnapshot:
        return RegistrySnapshot(revision or 0, {}, {})


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
