"""The real command as a child process: started, watched by its output, asked to stop or killed."""

import asyncio
import ctypes
import os
import signal
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

COMMAND = str(Path(sysconfig.get_path("scripts")) / "activity-core")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here: a forked child must not import anything
INHERITED = ("PATH", "HOME", "LANG", "USER")
MARK = "ACTIVITY_CORE_TEST_MARK"
"""A variable that every process below one of ours has, so that what is left behind is found."""


def environment(**settings: str) -> dict[str, str]:
    """What a command of ours sees: nothing of the settings of whoever runs the tests."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {"PYTHONWARNINGS": "default", "NO_COLOR": "1"} | settings


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


async def run(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    within: float = 120,  # on a busy machine starting takes its time
) -> Finished:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        env=dict(environment() if env is None else env),
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


class Program:
    """A command that runs until it is told to stop; what it says is in `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    @classmethod
    async def start(
        cls,
        *arguments: str,
        log: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        command: Sequence[str] = (COMMAND,),
    ) -> "Program":
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *command,
                *arguments,
                env=dict(env),
                cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_us,
            )
        return cls(process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def last_words(self) -> str:
        return "\n".join(self.output.splitlines()[-40:])

    def assert_alive(self) -> None:
        code = self._process.returncode
        assert code is None, f"it ended with status {code}:\n{self.last_words}"

    async def says(self, *words: str, within: float = 60) -> None:
        """Wait until all of the words are in its output."""

        def said() -> bool:
            self.assert_alive()
            return all(word in self.output for word in words)

        try:
            await until(said, within=within)
        except TimeoutError:
            raise AssertionError(f"it never said {words}:\n{self.last_words}") from None

    async def ended(self, within: float = 30) -> int:
        """Its exit status, once it has ended by itself."""
        async with asyncio.timeout(within):
            return await self._process.wait()

    async def stop(self, number: signal.Signals = signal.SIGINT, within: float = 30) -> int:
        """Ask it to stop; its exit status."""
        if self._process.returncode is None:
            self._process.send_signal(number)
        try:
            return await self.ended(within)
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"it does not stop:\n{self.last_words}") from None

    async def kill(self) -> None:
        """SIGKILL; nothing of it can end in good order."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def _end_with_us() -> None:
    """In the child: the kernel kills it if the test run is killed, which cleans nothing up."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def marked(mark: str) -> list[str]:
    """Processes that descend from one that was started with this mark, gone parents included."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


async def until(condition: Callable[[], bool], *, within: float = 30) -> None:
    """Wait for something that sets no event of ours.

    Raises:
        TimeoutError: it did not come true.
    """
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.05)
