"""The data directory of a stack: who may use it, and which ports it had last time.

One stack at a time: an advisory lock (flock) on `lock`, whose descriptor every server inherits.
So the lock outlives a killed parent exactly as long as its servers do, and whoever holds it knows
that no server of a former stack still writes here.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from activity_core.core.errors import ConfigurationError

_LAST_SERVERS_END_WITHIN = 15.0  # seconds, once their parent was killed
_POLL = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A directory that is locked for us; `lock` is the descriptor that servers must inherit."""

    path: Path
    lock: int

    def log(self, name: str) -> Path:
        """Where the server `name` writes what it has to say."""
        return self.path / "logs" / f"{name}.log"

    def last_ports(self) -> dict[str, int]:
        """The ports of the last start by name; empty if there was none or its note is damaged."""
        try:
            noted = json.loads((self.path / "ports.json").read_text())
            return {str(name): int(port) for name, port in noted.items()}
        except (FileNotFoundError, ValueError, AttributeError, TypeError):
            return {}

    def note_ports(self, ports: Mapping[str, int]) -> None:
        """Keep `ports` for `last_ports`."""
        (self.path / "ports.json").write_text(json.dumps(dict(ports), indent=2) + "\n")


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[DataDirectory]:
    """Make `path` if it does not exist, and lock it until the end of the block.

    Raises:
        ConfigurationError: it is in use by another stack, or may not be written.
    """
    lock = _open(path)
    try:
        await _acquire(lock, path)
        os.truncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield DataDirectory(path, lock)
    finally:
        os.close(lock)


def _open(path: Path) -> int:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "logs").mkdir(exist_ok=True)
        return os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be used as data directory: {error.strerror}",
            subject=str(path),
            hint="make it writable for this user, or choose another",
        ) from error


async def _acquire(lock: int, path: Path) -> None:
    try:
        async with asyncio.timeout(_LAST_SERVERS_END_WITHIN):
            while not _try_lock(lock):
                holder = _holder(lock)
                if holder is not None:
                    raise _in_use(path, f"by another process (pid {holder})")
                await asyncio.sleep(_POLL)
    except TimeoutError:
        raise _in_use(path, "by servers that a killed process left behind") from None


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> int | None:
    """The pid of the stack that holds the lock; None if it is gone and only servers are left."""
    try:
        pid = int(os.pread(lock, 32, 0))
        os.kill(pid, 0)
    except (ValueError, ProcessLookupError):
        return None
    except PermissionError:
        pass  # it lives, and is somebody else's
    return pid


def _in_use(path: Path, user: str) -> ConfigurationError:
    return ConfigurationError(
        f"the data directory is in use {user}",
        subject=str(path),
        hint="stop it, or choose another data directory",
    )
