"""Back-pressure: full is full, and looking is rare."""

from datetime import timedelta

import pytest

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.inbox import MemoryInbox
from activity_core.adapters.memory.state import State
from activity_core.core.errors import OverloadedError, UnavailableError
from activity_core.services.back_pressure import PERIOD, BackPressure


class Inbox(MemoryInbox):
    """An inbox as deep as a test says."""

    def __init__(self) -> None:
        super().__init__(State())
        self.waiting = 0
        self.looks = 0
        self.away = False

    async def depth(self) -> int:
        self.looks += 1
        if self.away:
            raise UnavailableError("away")
        return self.waiting


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def pressure(inbox: Inbox, clock: ManualClock) -> BackPressure:
    return BackPressure(inbox, clock, most=3)


async def test_the_last_place_is_given_away_and_no_more(
    pressure: BackPressure, inbox: Inbox, clock: ManualClock
) -> None:
    inbox.waiting = 2
    await pressure.admit()
    inbox.waiting = 3
    clock.advance(PERIOD)
    with pytest.raises(OverloadedError, match="the limit is 3") as error:
        await pressure.admit()
    assert error.value.retry_after > 0
    inbox.waiting = 2
    clock.advance(PERIOD)
    await pressure.admit()


async def test_one_look_serves_a_while(
    pressure: BackPressure, inbox: Inbox, clock: ManualClock
) -> None:
    await pressure.admit()
    inbox.waiting = 100
    clock.advance(PERIOD - timedelta(microseconds=1))
    await pressure.admit()
    assert inbox.looks == 1
    clock.advance(timedelta(microseconds=1))
    for _ in range(3):
        with pytest.raises(OverloadedError):
            await pressure.admit()
    assert inbox.looks == 2


async def test_an_inbox_that_cannot_be_read_is_no_reason_to_look_all_the_time(
    pressure: BackPressure, inbox: Inbox
) -> None:
    inbox.away = True
    with pytest.raises(UnavailableError):
        await pressure.admit()
    await pressure.admit()
    assert inbox.looks == 1
