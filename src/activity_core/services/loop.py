"""Loops: one step again and again, until cancelled.

Every service that works on its own (router, starter, relay, reconciler, run auditor) is a step and
one call of `serve` or `repeat`. A ring makes it look sooner; the timer is what it relies on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
from prometheus_client import Counter

from activity_core.core.errors import UnavailableError
from activity_core.ports.doorbell import Doorbell, Topic

FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 15.0
"""Seconds between tries while something is wrong: doubled from the first to the longest."""

Step = Callable[[], Awaitable[bool]]
Pause = Callable[[float], Awaitable[None]]

Made = TypeVar("Made")

_log = structlog.get_logger(__name__)
_failures = Counter(
    "activity_core_loop_failures_total",
    "Steps of a loop that raised, by loop and by whether it was an outage or a surprise.",
    ["loop", "kind"],
)


async def serve(name: str, step: Step, doorbell: Doorbell, topic: Topic, *, period: float) -> None:
    """Repeat `step` until cancelled; wait for a ring (at most `period` seconds) without work.

    `step` returns whether there may be more work.
    """
    await repeat(name, step, partial(doorbell.wait, topic), period=period)


async def repeat(
    name: str, step: Step, wait: Pause, *, period: float, pause: Pause = asyncio.sleep
) -> None:
    """`serve` with any way to wait. Nothing but cancellation ends it.

    An exception of `step` or `wait` is logged and counted, and the next try comes after a back-off
    that rings do not shorten: during an outage everybody rings.
    """
    backoff = FIRST_BACKOFF
    while True:
        try:
            more = await step()
            backoff = FIRST_BACKOFF
            if not more:
                await wait(period)
        except UnavailableError as error:
            _failures.labels(name, "unavailable").inc()
            _log.warning("loop_unavailable", loop=name, error=str(error), retry_in=backoff)
        except Exception:  # noqa: BLE001 - a loop outlives whatever its step meets
            _failures.labels(name, "unexpected").inc()
            _log.exception("loop_failed", loop=name, retry_in=backoff)
        else:
            continue
        await pause(backoff)
        backoff = min(backoff * 2, LONGEST_BACKOFF)


async def until_available(
    name: str, make: Callable[[], Awaitable[Made]], *, pause: Pause = asyncio.sleep
) -> Made:
    """What `make` returns, as soon as it does not raise UnavailableError any more."""
    backoff = FIRST_BACKOFF
    while True:
        try:
            return await make()
        except UnavailableError as error:
            _log.warning("waiting", for_=name, error=str(error), retry_in=backoff)
        await pause(backoff)
        backoff = min(backoff * 2, LONGEST_BACKOFF)
