import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activity_core.core.errors import ConfigurationError, UnavailableError
from activity_core.embedded.directory import DataDirectory, locked
from activity_core.embedded.process import ChildProcess, installed_program


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[DataDirectory]:
    async with locked(tmp_path) as directory:
        yield directory


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def never() -> bool:
    return False


async def test_an_early_end_shows_the_last_words(data: DataDirectory) -> None:
    child = ChildProcess("Parrot", data)
    await child.start(python("print('no more'); raise SystemExit(3)"))
    with pytest.raises(UnavailableError, match=r"(?s)Parrot: ended with status 3.*no more"):
        await child.ready(never, within=10)


async def test_not_ready_in_time(data: DataDirectory) -> None:
    child = ChildProcess("Parrot", data)
    await child.start(python("import time; time.sleep(60)"))
    with pytest.raises(UnavailableError, match=r"was not ready within 0\.05 s"):
        await child.ready(never, within=0.05)
    await child.stop()


async def test_one_that_ignores_the_request_is_killed(data: DataDirectory) -> None:
    child = ChildProcess("Parrot", data)
    await child.start(
        python(
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print('ready', flush=True); time.sleep(60)"
        )
    )

    async def said_so() -> bool:
        return child.log.read_text() == "ready\n"

    await child.ready(said_so, within=10)
    await child.stop(within=0.05)
    with pytest.raises(UnavailableError, match="status -9"):
        await child.ended()


async def test_a_cancelled_stop_kills(data: DataDirectory) -> None:
    child = ChildProcess("Parrot", data)
    await child.start(
        python(
            "import signal, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: print('no', flush=True))\n"
            "print('ready', flush=True)\nwhile True: time.sleep(60)"
        )
    )

    async def said_so() -> bool:
        return child.log.read_text() == "ready\n"

    async def refused() -> bool:
        return "no" in child.log.read_text()

    await child.ready(said_so, within=10)
    stopping = asyncio.create_task(child.stop(within=60))
    await child.ready(refused, within=10)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    with pytest.raises(UnavailableError, match="status -9"):
        await child.ended()


async def test_the_log_of_the_last_start_is_kept(data: DataDirectory) -> None:
    for word in ("one", "two", "three"):
        child = ChildProcess("Parrot", data)
        await child.start(python(f"print({word!r})"))
        await child.succeeded(within=10)
    assert {path.name: path.read_text() for path in child.log.parent.iterdir()} == {
        "parrot.log": "three\n",
        "parrot.previous.log": "two\n",
    }


async def test_a_program_that_does_not_exist(data: DataDirectory) -> None:
    with pytest.raises(ConfigurationError, match="Parrot: /no/parrot cannot be executed"):
        await ChildProcess("Parrot", data).start(["/no/parrot"])
    with pytest.raises(ConfigurationError, match=r"install activity-core\[embedded\]"):
        installed_program("no-such-parrot")


async def test_stopping_twice_or_before_the_start_is_fine(data: DataDirectory) -> None:
    child = ChildProcess("Parrot", data)
    await child.stop()
    await child.start(python("import time; time.sleep(60)"))
    await child.stop()
    await child.stop()
