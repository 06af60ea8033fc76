"""What RunActivity does when time passes: on a server that skips it."""

import asyncio
import shutil
import sysconfig
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from tests.scripted_steps import ScriptedSteps, auto, human, perform
from tests.workflow_stage import Stage

from activity_core.core.run.progress import TaskEnd
from activity_core.workflows.outside import LOOK_AGAIN
from activity_core.workflows.worker import SETTLING


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    scripts = sysconfig.get_path("scripts")
    path = shutil.which("temporal-test-server") or f"{scripts}/temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=path
    ) as environment:
        yield environment.client
    await asyncio.sleep(SETTLING)


async def test_who_is_done_without_a_signal_is_found_within_the_hour(client: Client) -> None:
    steps = ScriptedSteps([perform(human("h"), auto("b", "h"))])
    looked = 0
    original = steps._note

    def note(call: str, *keys: str) -> None:
        nonlocal looked
        looked += call == "states h"
        if looked == 3:
            steps.final["h"] = "completed/done"
        original(call, *keys)

    steps._note = note  # type: ignore[method-assign]
    handle = await Stage(client, steps).play()
    assert "perform b" in steps.calls
    found = await handle.describe()
    assert found.close_time is not None
    assert 2 * LOOK_AGAIN <= found.close_time - found.start_time < 3 * LOOK_AGAIN


async def test_a_callback_has_the_time_that_it_was_given(client: Client) -> None:
    within = timedelta(days=2)
    waits = TaskEnd("running", wait_seconds=within.total_seconds())
    steps = ScriptedSteps([perform(auto("a"))], ends={"a": waits})
    handle = await Stage(client, steps).play()
    failure = "fail_task a: callback_timeout: nothing came back within the time of its `callback`"
    assert failure in steps.calls
    found = await handle.describe()
    assert found.close_time is not None
    assert found.close_time - found.start_time >= within
