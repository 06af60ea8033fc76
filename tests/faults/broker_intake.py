"""Intakes that know all brokers: processes to be killed, or inside of the test, to be broken."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from tests.faults.broker_lines import Line
from tests.faults.installation import Installation

from activity_core.bootstrap import agents
from activity_core.bootstrap.system import System, open_system
from activity_core.settings import Settings

ONE, OTHER = "intake-one", "intake-other"
PREFIX = "ACTIVITY_CORE_"
NEEDED = tuple(PREFIX + name for name in ("DATABASE", "NATS", "KAFKA", "RABBITMQ", "UNLISTED"))


async def start(running: Installation, lines: Iterable[Line], name: str) -> None:
    await running.start("intake", called=name, settings=_settings(lines))


async def kill(running: Installation, name: str) -> None:
    await running.kill(name)
    running.programs.pop(name)


@asynccontextmanager
async def intake(running: Installation, lines: Iterable[Line], *names: str) -> AsyncIterator[None]:
    """Processes that run while inside, unless somebody kills them; the others end in good order."""
    for name in names:
        await start(running, lines, name)
    try:
        yield
    finally:
        for name in names:
            if name in running.programs:
                program = running.programs.pop(name)
                program.assert_alive()
                os.kill(program.pid, signal.SIGCONT)
                await program.stop()
                assert '"level": "error"' not in program.output, program.last_words


@asynccontextmanager
async def intake_inside(
    running: Installation, lines: Iterable[Line], change: Callable[[System], None] | None = None
) -> AsyncIterator[System]:
    """It consumes while inside; `change` breaks the system before it begins."""
    async with open_system(settings(running, lines)) as system:
        if change is not None:
            change(system)
        consuming = asyncio.create_task(agents.intake(system))
        try:
            yield system
        finally:
            consuming.cancel()
            await asyncio.wait([consuming])


def settings(running: Installation, lines: Iterable[Line], **more: str) -> Settings:
    """As a process of the installation has them that knows these brokers."""
    variables = {**running.env, **_settings(lines)}
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(NEEDED)
    }
    return Settings.model_validate(given | more)


def _settings(lines: Iterable[Line]) -> Mapping[str, str]:
    return {key: value for line in lines for key, value in line.settings.items()}
