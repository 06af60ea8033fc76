"""Serving: some agents of a system, and perhaps the API, until a signal ends it."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from activity_core.adapters.postgres.migrate import check_migrated
from activity_core.bootstrap.agents import AGENTS, ALONE
from activity_core.bootstrap.system import System, open_system
from activity_core.services.loop import until_available
from activity_core.settings import Settings

if TYPE_CHECKING:
    from activity_core.api.server import ApiServer

Result = TypeVar("Result")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def serve_system(settings: Settings, agents: Sequence[str], *, with_api: bool) -> None:
    """Run until cancelled.

    Raises:
        ConfigurationError: settings are missing, or the database has another schema.
    """
    async with open_system(settings) as system:
        await until_available("postgres", lambda: check_migrated(system.pool))
        async with running(system, agents, with_api=with_api):
            await asyncio.Event().wait()


@asynccontextmanager
async def running(
    system: System,
    agents: Sequence[str],
    *,
    with_api: bool,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> AsyncIterator["ApiServer | None"]:
    """Agents, API and what else runs `beside`, while inside; yields once the API listens.

    Should one of them fail (they do not, for outages), everything inside is cancelled.
    """
    async with _ungrouped(), asyncio.TaskGroup() as group:
        tasks = [group.create_task({**AGENTS, **ALONE}[name](system), name=name) for name in agents]
        if beside is not None:
            tasks.append(group.create_task(beside()))
        server = _api_of(system, everything=len(agents) > 1) if with_api else None
        if server is not None:
            await server.start()
        # What was loaded stays: collecting it again took a tenth of the API's CPU under batches.
        gc.collect()
        gc.freeze()
        try:
            yield server
        finally:
            if server is not None:
                await server.stop()
            for task in tasks:
                task.cancel()


def _api_of(system: System, *, everything: bool) -> "ApiServer":
    # Loaded for who serves it alone: it is a third of what an agent takes to start.
    from activity_core.api.server import ApiServer  # noqa: PLC0415 - see above

    return ApiServer(system, everything=everything)


async def until_told_to_stop(work: Coroutine[Any, Any, Result]) -> Result | None:
    """What `work` returns; None if SIGINT or SIGTERM came before.

    A signal cancels it, from its first moment on, and whatever it opened is closed on the way out.
    A second signal kills as usual.
    """
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    told = False

    def stop() -> None:
        nonlocal told
        told = True
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if not told:
            raise
        return None


@asynccontextmanager
async def _ungrouped() -> AsyncIterator[None]:
    """The first error of a task group by itself: there is one cause to be told about."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
