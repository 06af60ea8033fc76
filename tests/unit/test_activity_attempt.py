"""The attempt that performers are told of, over a Temporal activity."""

import asyncio
import threading
from contextlib import suppress
from dataclasses import replace

from temporalio import activity
from temporalio.testing import ActivityEnvironment

from activity_core.workflows.attempt import ActivityAttempt


@activity.defn
async def told() -> tuple[int, object]:
    attempt = ActivityAttempt()
    return attempt.number, attempt.last_heartbeat


async def test_it_knows_its_number_and_what_the_one_before_told_last() -> None:
    environment = ActivityEnvironment()
    assert await environment.run(told) == (1, None)
    environment.info = replace(environment.info, attempt=3, heartbeat_details=[{"row": 7}])
    assert await environment.run(told) == (3, {"row": 7})


@activity.defn
async def beats_from_a_thread() -> None:
    attempt = ActivityAttempt()
    attempt.heartbeat("here")
    thread = threading.Thread(target=lambda: attempt.heartbeat({"from": "a thread"}))
    thread.start()
    await asyncio.to_thread(thread.join)


async def test_heartbeats_may_come_from_any_thread() -> None:
    environment = ActivityEnvironment()
    beats: list[object] = []
    environment.on_heartbeat = lambda *details: beats.extend(details)
    await environment.run(beats_from_a_thread)
    assert beats == ["here", {"from": "a thread"}]


seen: list[bool] = []
begun = asyncio.Event()


@activity.defn
async def sees_that_it_is_cancelled() -> None:
    attempt = ActivityAttempt()
    seen.append(attempt.cancelled)
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        thread = threading.Thread(target=lambda: seen.append(attempt.cancelled))
        thread.start()
        thread.join()


async def test_it_sees_that_nobody_wants_the_result() -> None:
    environment = ActivityEnvironment()
    running = asyncio.ensure_future(environment.run(sees_that_it_is_cancelled))
    await begun.wait()
    environment.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert seen == [False, True]
