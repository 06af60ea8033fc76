"""NATS with JetStream from its wheel, its streams under the data directory.

It listens on 127.0.0.1 only and asks for no password, so that any NATS client of this machine can
publish events.
"""

import asyncio
import json
import secrets

from activity_core.embedded.directory import DataDirectory
from activity_core.embedded.ports import LOOPBACK
from activity_core.embedded.process import ChildProcess, installed_program

_READY_WITHIN = 60.0  # seconds
_LARGEST_MESSAGE = 8 * 1024 * 1024  # bytes; above our own limit, so that we can say what is wrong


class EmbeddedNats:
    """A NATS server on 127.0.0.1:`port`.

    Args:
        monitor_port: where it tells how it is set up, over HTTP; None: nowhere.
        durable: whether a message is on disk before it is acknowledged; False only for tests.
    """

    def __init__(
        self,
        directory: DataDirectory,
        port: int,
        *,
        monitor_port: int | None = None,
        durable: bool = True,
    ) -> None:
        self._home = directory.path / "nats"
        self._port = port
        self._monitor_port = monitor_port
        self._durable = durable
        self._server_name = f"activity-core-{secrets.token_hex(8)}"
        self.process = ChildProcess("NATS", directory)

    @property
    def url(self) -> str:
        """`nats://127.0.0.1:port`."""
        return f"nats://{LOOPBACK}:{self._port}"

    @property
    def monitor_url(self) -> str | None:
        """`http://127.0.0.1:port`, if it has one."""
        return f"http://{LOOPBACK}:{self._monitor_port}" if self._monitor_port else None

    async def start(self) -> None:
        """Return once JetStream is ready.

        Raises:
            ConfigurationError: the program is not installed.
            UnavailableError: it ended, or was not ready in time.
        """
        await self.process.start([installed_program("nats-server"), "-c", self._configure()])
        await self.process.ready(self._has_jetstream, within=_READY_WITHIN)

    def _configure(self) -> str:
        self._home.mkdir(mode=0o700, exist_ok=True)
        path = self._home / "nats.conf"
        monitor = f'http: "{LOOPBACK}:{self._monitor_port}"\n' if self._monitor_port else ""
        path.write_text(
            f"server_name: {self._server_name}\n"
            f'listen: "{LOOPBACK}:{self._port}"\n'
            f"{monitor}"
            f"max_payload: {_LARGEST_MESSAGE}\n"
            "jetstream {\n"
            f"  store_dir: {json.dumps(str(self._home))}\n"
            f"  sync_interval: {'always' if self._durable else json.dumps('2m')}\n"
            "}\n"
        )
        return str(path)

    async def _has_jetstream(self) -> bool:
        """Whether the server that greets us is ours: another may have been faster on this port."""
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        except OSError:
            return False
        try:
            greeting = await reader.readline()
            info = json.loads(greeting.removeprefix(b"INFO "))
        except (OSError, ValueError):
            return False
        finally:
            writer.close()
        return info.get("server_name") == self._server_name and bool(info.get("jetstream"))
