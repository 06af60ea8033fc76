"""RabbitMQ for tests: Debian's server, as a node of its own with a port mapper of its own.

Both are children of ours, listen on 127.0.0.1 and keep their files below a temporary directory.
It runs as root and as an ordinary user.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from anyio.from_thread import start_blocking_portal
from pamqp.header import ProtocolHeader

from activity_core.core.errors import UnavailableError
from activity_core.embedded.directory import DataDirectory, locked
from activity_core.embedded.ports import LOOPBACK, choose_ports
from activity_core.embedded.process import ChildProcess

SCRIPTS = Path("/usr/lib/rabbitmq/bin")
"""Not those on PATH, which want to be root and then change the user."""
_PORTS = ("amqp", "amqps", "distribution", "epmd")
_READY_WITHIN = 120.0  # seconds


class RabbitmqServer:
    """One node on 127.0.0.1. It may be stopped or killed, and started again on the same data.

    Args:
        tls: lines of `ssl_options` for its second, encrypted port; none without them.
    """

    def __init__(self, directory: DataDirectory, *, tls: Mapping[str, str] | None = None) -> None:
        self._home = directory.path / "rabbitmq"
        self._ports = choose_ports(_PORTS, demanded={}, preferred={})
        self._tls = tls or {}
        self._epmd = ChildProcess("epmd", directory)
        self.process = ChildProcess("RabbitMQ", directory)

    def url(self, user: str = "guest", password: str = "guest") -> str:  # noqa: S107 - its default
        """`amqp://user:password@127.0.0.1:port/`."""
        return self._url("amqp", user, password)

    @property
    def tls_url(self) -> str:
        """The same on the encrypted port."""
        return self._url("amqps", "guest", "guest")

    async def start(self) -> None:
        """Return once it takes messages; raises UnavailableError with its last words."""
        self._configure()
        if self._epmd.pid is None:
            port = str(self._ports["epmd"])
            await self._epmd.start(["epmd", "-port", port, "-address", LOOPBACK])
        await self.process.start([str(SCRIPTS / "rabbitmq-server")], environment=self._environment)
        await self.process.ready(self._answers, within=_READY_WITHIN)

    async def stop(self) -> None:
        """In good order."""
        await self.process.stop(within=60)

    async def kill(self) -> None:
        """With SIGKILL. Messages are as they were; a queue's files would not be found.

        Version 3.10 writes down which files are whose only every three minutes. A queue that is
        younger is lost with the server, so it is made to write that first.
        """
        await self.control("eval", "[dets:sync(Table) || Table <- dets:all()].")
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGKILL)
        with suppress(UnavailableError):
            await self.process.ended()

    async def end(self) -> None:
        """It and its port mapper."""
        await self.stop()
        await self._epmd.stop()

    async def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` answers; it must succeed."""
        command = await asyncio.create_subprocess_exec(
            *(str(SCRIPTS / "rabbitmqctl"), "--quiet", *arguments),
            env={**os.environ, **self._environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await command.communicate())[0].decode()
        assert command.returncode == 0, said
        return said

    @property
    def _environment(self) -> Mapping[str, str]:
        home = self._home
        return {
            "HOME": str(home),  # of the cookie
            "RABBITMQ_NODENAME": f"test-{self._ports['amqp']}@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_DIST_PORT": str(self._ports["distribution"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1"
            ),
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            # Its script then becomes the server, so that the process id is the server's.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _configure(self) -> None:
        self._home.mkdir(mode=0o700, exist_ok=True)
        (self._home / "plugins").write_text("[].\n")
        lines = [
            f"listeners.tcp.1 = {LOOPBACK}:{self._ports['amqp']}",
            "log.file = false",
            "log.console = true",
            "disk_free_limit.absolute = 50MB",
        ]
        if self._tls:
            lines.append(f"listeners.ssl.1 = {LOOPBACK}:{self._ports['amqps']}")
            lines += [f"ssl_options.{name} = {value}" for name, value in self._tls.items()]
        (self._home / "rabbitmq.conf").write_text("\n".join(lines) + "\n")

    def _url(self, scheme: str, user: str, password: str) -> str:
        port = self._ports[scheme]
        return f"{scheme}://{quote(user)}:{quote(password, safe='')}@{LOOPBACK}:{port}/"

    async def _answers(self) -> bool:
        """Whether it answers the words by which every client begins."""
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, self._ports["amqp"])
        except OSError:
            return False
        try:
            writer.write(ProtocolHeader().marshal())
            return await reader.read(1) != b""
        except OSError:
            return False
        finally:
            writer.close()


@asynccontextmanager
async def rabbitmq_server(
    directory: Path, *, tls: Mapping[str, str] | None = None
) -> AsyncIterator[RabbitmqServer]:
    """A server of a test's own, started. Skips the test where there is none to be had."""
    require()
    async with locked(directory) as data:
        server = RabbitmqServer(data, tls=tls)
        try:
            await server.start()
            yield server
        finally:
            await server.end()


def require() -> None:
    """Skip, or fail where `ACTIVITY_CORE_BROKERS=required`, if it is not installed."""
    if (SCRIPTS / "rabbitmq-server").exists() and shutil.which("epmd"):
        return
    reason = "RabbitMQ is not installed: apt-get install rabbitmq-server"
    if os.environ.get("ACTIVITY_CORE_BROKERS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    """A server that all tests share, as they share its users and exchanges."""
    running = rabbitmq_server(tmp_path_factory.mktemp("rabbitmq"))
    # In a loop of its own: fixtures and tests may ask for it from inside of theirs.
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq: RabbitmqServer) -> str:
    """The URL of a server, with a user who may do everything."""
    return rabbitmq.url()
