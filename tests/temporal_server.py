"""A real Temporal server for tests: the dev server of the wheel, on a free port of 127.0.0.1."""

import asyncio
import shutil
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activity_core.workflows.worker import SETTLING

SUGGESTED = 200
"""Events after which `short_histories` suggest to continue as new; by default it is 4,096."""


@asynccontextmanager
async def temporal_client(*, short_histories: bool = False) -> AsyncIterator[Client]:
    suggest = f"limit.historyCount.suggestContinueAsNew={SUGGESTED}"
    path = shutil.which("temporal") or f"{sysconfig.get_path('scripts')}/temporal"
    async with await WorkflowEnvironment.start_local(
        ip="127.0.0.1",
        dev_server_existing_path=path,
        dev_server_log_level="error",
        dev_server_extra_args=["--dynamic-config-value", suggest] if short_histories else [],
    ) as environment:
        yield environment.client
    await asyncio.sleep(SETTLING)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait for something on a server, which sets no event of ours."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.03)
