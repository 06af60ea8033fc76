"""Loops go on: whatever a step does, the next one comes."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from activity_core.core.errors import UnavailableError
from activity_core.ports.doorbell import Topic
from activity_core.services.loop import FIRST_BACKOFF, LONGEST_BACKOFF, repeat, serve

Script = Sequence[bool | Exception]


class Recorder:
    """Plays a script of steps, then cancels itself; keeps what the loop waited for."""

    def __init__(self, script: Script) -> None:
        self._script = iter(script)
        self.waits: list[float] = []
        self.pauses: list[float] = []

    async def step(self) -> bool:
        try:
            outcome = next(self._script)
        except StopIteration:
            raise asyncio.CancelledError from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def play(self) -> None:
        with pytest.raises(asyncio.CancelledError):
            await repeat("test", self.step, self.wait, period=7, pause=self.pause)


async def test_it_goes_on_at_once_while_there_is_work() -> None:
    recorder = Recorder([True, True, False])
    await recorder.play()
    assert recorder.waits == [7]


@pytest.mark.parametrize("error", [UnavailableError("away"), ValueError("a surprise")])
async def test_errors_back_off_further_each_time_up_to_a_bound(error: Exception) -> None:
    recorder = Recorder([error] * 10)
    await recorder.play()
    assert recorder.pauses[:3] == [FIRST_BACKOFF, FIRST_BACKOFF * 2, FIRST_BACKOFF * 4]
    assert recorder.pauses[-1] == LONGEST_BACKOFF
    assert recorder.waits == []


@pytest.mark.parametrize("error", [UnavailableError("away"), ValueError("a surprise")])
async def test_waiting_may_fail_as_well(error: Exception) -> None:
    """Whoever looks until when to wait asks a store, too."""
    recorder = Recorder([False, False])
    waits = iter([error])

    async def wait(seconds: float) -> None:
        await recorder.wait(seconds)
        for failure in waits:
            raise failure

    with pytest.raises(asyncio.CancelledError):
        await repeat("test", recorder.step, wait, period=7, pause=recorder.pause)
    assert recorder.waits == [7, 7]
    assert recorder.pauses == [FIRST_BACKOFF]


async def test_success_resets_the_back_off() -> None:
    recorder = Recorder([UnavailableError("away"), UnavailableError("away"), True, ValueError()])
    await recorder.play()
    assert recorder.pauses == [FIRST_BACKOFF, FIRST_BACKOFF * 2, FIRST_BACKOFF]


async def test_a_ring_ends_the_wait() -> None:
    class Bell:
        waited: Sequence[tuple[Topic, float]] = ()

        def ring(self, topic: Topic) -> None: ...

        async def wait(self, topic: Topic, timeout: float) -> None:  # noqa: ASYNC109 - the port's
            self.waited = (*self.waited, (topic, timeout))

    bell = Bell()
    steps: Callable[[], object] = iter([False, False]).__next__

    async def step() -> bool:
        try:
            return bool(steps())
        except StopIteration:
            raise asyncio.CancelledError from None

    with pytest.raises(asyncio.CancelledError):
        await serve("test", step, bell, Topic.RELAY, period=2)
    assert bell.waited == ((Topic.RELAY, 2), (Topic.RELAY, 2))
