"""One server as a child process: started, watched until it answers, stopped, never left behind.

In: a command. Out: its output in a log file, whose last lines go into every error. The child has
a session of its own, so that Ctrl-C reaches only us and we decide when it stops; if we are killed,
the kernel ends it (Linux only, see `_end_with_parent`).
"""

import asyncio
import ctypes
import os
import shutil
import signal
import sys
import sysconfig
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from activity_core.core.errors import ConfigurationError, UnavailableError
from activity_core.embedded.directory import DataDirectory

_POLL = 0.03  # seconds between two questions whether a server is ready
_TAIL = 15  # lines of the log in an error
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here: a forked child must not import anything


def installed_program(name: str) -> str:
    """The path of the program `name` from its wheel, else from PATH.

    Raises:
        ConfigurationError: there is none.
    """
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        raise ConfigurationError(
            "the program is not installed", subject=name, hint="install activity-core[embedded]"
        )
    return found


class ChildProcess:
    """A process that ends with us.

    Args:
        name: for messages, and in lower case for its log file.
        directory: where the log goes; its lock is held by the child too.
        stop_signal: asks it to stop in good order.
        death_signal: sent by the kernel when the thread that started it ends, so `start` belongs
            in a thread that lives as long as the child, as that of the event loop does.
    """

    def __init__(
        self,
        name: str,
        directory: DataDirectory,
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.log = directory.log(name.lower())
        self._lock = directory.lock
        self._stop_signal = stop_signal
        self._death_signal = death_signal
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """None before `start`."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Run `command`, with `environment` added to ours.

        Raises:
            ConfigurationError: it cannot be executed.
        """
        parent = os.getpid()
        _rotate(self.log)
        try:
            with self.log.open("wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=asyncio.subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    start_new_session=True,
                    pass_fds=(self._lock,),
                    preexec_fn=lambda: _end_with_parent(parent, self._death_signal),
                )
        except OSError as error:
            raise ConfigurationError(
                f"{command[0]} cannot be executed: {error.strerror}", subject=self.name
            ) from error

    async def ready(self, probe: Callable[[], Awaitable[bool]], *, within: float) -> None:
        """Return once `probe` says so, at most `within` seconds.

        Raises:
            UnavailableError: the process ended, or the time was over.
        """
        process = self._started()
        try:
            async with asyncio.timeout(within):
                while process.returncode is None and not await probe():  # noqa: ASYNC110 - no event
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise self._failed(f"was not ready within {within:g} s") from None
        if process.returncode is not None:
            raise self._failed(f"ended with status {process.returncode} instead of getting ready")

    async def succeeded(self, *, within: float) -> None:
        """Wait at most `within` seconds for its end with status 0.

        Raises:
            UnavailableError: another status, or the time was over.
        """
        try:
            async with asyncio.timeout(within):
                status = await self._started().wait()
        except TimeoutError:
            raise self._failed(f"was not done within {within:g} s") from None
        if status != 0:
            raise self._failed(f"ended with status {status}")

    async def ended(self) -> NoReturn:
        """Wait for its end, which nobody asked for.

        Raises:
            UnavailableError: always.
        """
        status = await self._started().wait()
        raise self._failed(f"ended unexpectedly with status {status}")

    async def stop(self, *, within: float = 15.0) -> None:
        """Ask it to stop; after `within` seconds, or when this is cancelled, kill it."""
        process = self._process
        if process is None or not self.running:
            return
        try:
            with suppress(TimeoutError, ProcessLookupError):
                process.send_signal(self._stop_signal)
                async with asyncio.timeout(within):
                    await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # it leads the group of its session
        await process.wait()

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    def _failed(self, what: str) -> UnavailableError:
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL:]
        return UnavailableError(
            "\n    ".join([f"{what}; its last words:", *(lines or ["(none)"])]),
            subject=self.name,
            hint=f"the whole log is {self.log}",
        )


def _rotate(log: Path) -> None:
    """Keep the log of the last start beside the new one, and no more."""
    with suppress(FileNotFoundError):
        log.replace(log.with_suffix(".previous.log"))


def _end_with_parent(parent: int, death_signal: signal.Signals) -> None:
    """Runs in the child before its program: have the kernel signal it when its parent dies.

    Survives `unshare --user`, but not a change of user. Other systems have nothing like it: there
    a killed parent leaves its servers, and the next start says so (see `directory`).
    """
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)
