"""What every scheduler keeps, kept by Temporal: the suite of `test_scheduler` on a real server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import pytest
from temporalio.client import Client
from tests.contract.test_scheduler import (  # noqa: F401 - the suite
    test_nothing_is_there_at_first,
    test_what_is_there_can_be_changed,
    test_what_was_deleted_is_gone_and_may_come_back,
    test_what_was_put_is_there,
)
from tests.temporal_server import eventually, temporal_client

from activity_core.adapters.temporal.scheduler import TemporalScheduler
from activity_core.ports.scheduler import ExistingSchedule, WantedSchedule


class Settled:
    """The scheduler, looked at when Temporal's list, which lags, has caught up (or never does)."""

    def __init__(self, inner: TemporalScheduler) -> None:
        self.inner = inner
        self.expected: dict[str, ExistingSchedule] = {}

    async def existing(self) -> Mapping[str, ExistingSchedule]:
        async def caught_up() -> bool:
            return await self.inner.existing() == self.expected

        with suppress(TimeoutError):
            await eventually(caught_up, seconds=10)
        return await self.inner.existing()

    async def put(self, wanted: WantedSchedule) -> None:
        await self.inner.put(wanted)
        self.expected[wanted.definition_id] = ExistingSchedule(
            wanted.definition_id, wanted.spec.fingerprint, wanted.paused
        )

    async def delete(self, definition_id: str) -> None:
        await self.inner.delete(definition_id)
        self.expected.pop(definition_id, None)


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


@pytest.fixture
async def scheduler(client: Client) -> AsyncIterator[Settled]:
    settled = Settled(TemporalScheduler(client, "nobody"))
    yield settled
    for definition_id in list(settled.expected):
        await settled.delete(definition_id)
    await settled.existing()
