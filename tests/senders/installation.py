"""An installation beside brokers that are there already: `activity-core dev` with settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.api import api_at
from tests.e2e.conftest import Servers, Stack, free_port
from tests.program import Program, environment


@asynccontextmanager
async def installation(home: Path, **settings: str) -> AsyncIterator[Stack]:
    """Everything that the settings do not name is its own; it must stop in good order."""
    port = free_port()
    program = await Program.start(
        *("dev", "--data-dir", str(home / "data"), "--port", str(port)),
        log=home / "dev.log",
        env=environment(TMPDIR=str(home), **settings),
    )
    try:
        async with api_at(f"http://127.0.0.1:{port}") as api:
            await program.says("activity-core is ready", api.url)
            yield Stack(program, api, Servers(home / "data"))
    finally:
        assert await program.stop() == 0, program.last_words
    assert "Traceback" not in program.output, program.output
