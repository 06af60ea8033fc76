"""The embedded servers together: one data directory in, addresses out.

lock the directory → choose ports (those of last time where free) → start all at once → addresses;
and the way back on exit, failure or cancellation: stop all at once → unlock. The servers do not
know each other, so there is no order among them.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from activity_core.embedded.directory import DataDirectory, locked
from activity_core.embedded.nats import EmbeddedNats
from activity_core.embedded.ports import choose_ports
from activity_core.embedded.postgres import EmbeddedPostgres
from activity_core.embedded.process import ChildProcess
from activity_core.embedded.temporal import EmbeddedTemporal


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on 127.0.0.1; None where it does not matter."""

    postgres: int | None = None
    temporal: int | None = None
    temporal_ui: int | None = None
    nats: int | None = None
    nats_monitor: int | None = None

    def given(self) -> dict[str, int]:
        """Those that are not None, by field name."""
        return {name: port for name, port in asdict(self).items() if port is not None}


_ANY = Ports()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are; None for what was not asked for.

    Attributes:
        postgres: `postgresql://…`, with user, password and database.
        temporal: `host:port`.
        temporal_ui: `http://…`.
        nats: `nats://…`.
        nats_monitor: `http://…`, where NATS tells how it is set up.
    """

    postgres: str | None = None
    temporal: str | None = None
    temporal_ui: str | None = None
    nats: str | None = None
    nats_monitor: str | None = None


class _Server(Protocol):
    process: ChildProcess

    async def start(self) -> None: ...


class EmbeddedStack:
    """An async context manager around the servers; their state is in `data_dir`.

    Args:
        ui: serve Temporal's web pages.
        durable: whether writes are on disk before they are acknowledged; False only for tests.
        ports: ports that must be used.
        prefer: ports to use the first time if they are free; later those of the last time.
        on_progress: told in short lines of text what happens.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        postgres: bool = True,
        temporal: bool = True,
        nats: bool = True,
        ui: bool = False,
        durable: bool = True,
        ports: Ports = _ANY,
        prefer: Ports = _ANY,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        wanted = {
            "postgres": postgres,
            "temporal": temporal,
            "temporal_ui": temporal and ui,
            "nats": nats,
            "nats_monitor": nats,
        }
        self._parts = [part for part, is_wanted in wanted.items() if is_wanted]
        self._data_dir = data_dir.absolute()
        self._durable = durable
        self._demanded = ports.given()
        self._preferred = prefer.given()
        self._on_progress = on_progress or (lambda _: None)
        self._postgres: EmbeddedPostgres | None = None
        self._temporal: EmbeddedTemporal | None = None
        self._nats: EmbeddedNats | None = None
        self._exits = AsyncExitStack()

    @property
    def addresses(self) -> Addresses:
        """Of the servers that run; known once entered."""
        return Addresses(
            postgres=self._postgres.url if self._postgres else None,
            temporal=self._temporal.address if self._temporal else None,
            temporal_ui=self._temporal.ui_url if self._temporal else None,
            nats=self._nats.url if self._nats else None,
            nats_monitor=self._nats.monitor_url if self._nats else None,
        )

    async def __aenter__(self) -> Self:
        """Return once all servers are ready.

        Raises:
            ConfigurationError: directory or port in use, or the machine cannot run a server.
            UnavailableError: a server ended, or was not ready in time.
        """
        async with AsyncExitStack() as exits:
            directory = await exits.enter_async_context(locked(self._data_dir))
            self._assemble(directory)
            exits.push_async_callback(self._stop)
            await _together(self._start(server) for server in self._servers())
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    async def watch(self) -> None:
        """Wait until a server ends that should not; without any server, for ever.

        Raises:
            UnavailableError: one did; says which, and its last words.
        """
        await _together(server.process.ended() for server in self._servers())
        await asyncio.Event().wait()

    def _assemble(self, directory: DataDirectory) -> None:
        ports = choose_ports(
            self._parts,
            demanded=self._demanded,
            preferred={**self._preferred, **directory.last_ports()},
        )
        directory.note_ports(ports)
        durable = self._durable
        if "postgres" in ports:
            self._postgres = EmbeddedPostgres(directory, ports["postgres"], durable=durable)
        if "temporal" in ports:
            self._temporal = EmbeddedTemporal(
                directory, ports["temporal"], ui_port=ports.get("temporal_ui"), durable=durable
            )
        if "nats" in ports:
            self._nats = EmbeddedNats(
                directory, ports["nats"], monitor_port=ports["nats_monitor"], durable=durable
            )

    def _servers(self) -> list[_Server]:
        servers: tuple[_Server | None, ...] = (self._postgres, self._temporal, self._nats)
        return [server for server in servers if server is not None]

    async def _start(self, server: _Server) -> None:
        self._on_progress(f"starting {server.process.name}")
        began = time.perf_counter()
        await server.start()
        self._on_progress(f"{server.process.name} is ready ({time.perf_counter() - began:.1f} s)")

    async def _stop(self) -> None:
        self._on_progress("stopping the servers")
        await _together(server.process.stop() for server in self._servers())


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at once; the first failure cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
