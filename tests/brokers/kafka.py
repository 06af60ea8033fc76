"""A real Kafka for the tests: one node in KRaft mode, from Maven's jars (`make brokers`).

It listens on 127.0.0.1 and forgets everything with its directory. It can be stopped, killed and
started again on the same data; `run` runs the commands that come with Kafka.
"""

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from tests.brokers.kafka_security import Security

from activity_core.embedded.directory import DataDirectory, locked
from activity_core.embedded.ports import LOOPBACK, choose_ports
from activity_core.embedded.process import ChildProcess

JARS = Path(__file__).parents[2] / ".brokers" / "kafka"
READY_WITHIN = 90.0
COMMAND_WITHIN = 60.0
# A JVM that starts quickly and stays small.
FAST = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xss512k"]
LOG4J = """\
status = error
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1} %m%n
"""


@dataclass
class KafkaServer:
    """One server; its ports and its data stay the same over restarts."""

    directory: DataDirectory
    security: Security | None = None
    ports: Mapping[str, int] = field(init=False)
    process: ChildProcess = field(init=False)

    def __post_init__(self) -> None:
        names = ["open", "controller", "secured", "encrypted"]
        self.ports = choose_ports(names, demanded={}, preferred={})
        self.process = ChildProcess("Kafka", self.directory)

    @property
    def address(self) -> str:
        """Where nobody is asked who he is."""
        return self._at("open")

    @property
    def secured(self) -> str:
        """Where SASL is asked."""
        return self._at("secured")

    @property
    def encrypted(self) -> str:
        """Where SASL is asked, over TLS."""
        return self._at("encrypted")

    async def format(self) -> None:
        """Make the data directory; once, before the first `start`."""
        self._home.mkdir()
        (self._home / "log4j2.properties").write_text(LOG4J)
        lines = (f"{name}={value}\n" for name, value in self._properties().items())
        self._file.write_text("".join(lines))
        scram = self.security.scram() if self.security else []
        users = [word for user in scram for word in ("--add-scram", user)]
        await self.run(
            "kafka.tools.StorageTool",
            ["format", "-t", "0000000000000000000001", "-c", str(self._file), *users],
        )

    async def start(self) -> None:
        """Return once clients can connect."""
        await self.process.start(self._java("kafka.Kafka", [str(self._file)], heap="256m"))
        await self.process.ready(self._listens, within=READY_WITHIN)

    async def stop(self) -> None:
        """In good order."""
        await self.process.stop()

    async def kill(self) -> None:
        """As by kill -9."""
        if self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
        await self.process.stop()

    async def run(self, tool: str, arguments: Sequence[str], *, given: bytes = b"") -> str:
        """The output of one of Kafka's own commands (a main class); AssertionError if it fails."""
        process = await asyncio.create_subprocess_exec(
            *self._java(tool, arguments, heap="128m"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(COMMAND_WITHIN):
                output, _ = await process.communicate(given)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, output.decode(errors="replace")
        return output.decode(errors="replace")

    def command(self, tool: str) -> str:
        """The same as words of a shell."""
        return shlex.join(self._java(tool, [], heap="128m"))

    async def console_producer(self, topic: str, lines: Sequence[str], *options: str) -> None:
        """Send each line with Kafka's own producer: `name:value,name:value<TAB>key<TAB>body`."""
        parsing = ("parse.key=true", "parse.headers=true")
        reading = [word for line in parsing for word in ("--property", line)]
        await self.run(
            "org.apache.kafka.tools.ConsoleProducer",
            ["--bootstrap-server", self.address, "--topic", topic, *reading, *options],
            given="".join(f"{line}\n" for line in lines).encode(),
        )

    @property
    def _home(self) -> Path:
        return self.directory.path / "kafka"

    @property
    def _file(self) -> Path:
        return self._home / "server.properties"

    def _at(self, listener: str) -> str:
        return f"{LOOPBACK}:{self.ports[listener]}"

    def _java(self, main: str, arguments: Sequence[str], *, heap: str) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={self._home / 'log4j2.properties'}"
        classes = ["-cp", f"{JARS}/*", f"-Xmx{heap}", *FAST, log4j]
        return [shutil.which("java") or "java", *classes, main, *arguments]

    def _properties(self) -> dict[str, str]:
        kinds = {"open": "PLAINTEXT", "controller": "PLAINTEXT"}
        if self.security:
            kinds |= {"secured": "SASL_PLAINTEXT", "encrypted": "SASL_SSL"}
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{self._at('controller')}",
            "listeners": ",".join(f"{name.upper()}://{self._at(name)}" for name in kinds),
            "listener.security.protocol.map": ",".join(
                f"{name.upper()}:{protocol}" for name, protocol in kinds.items()
            ),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "OPEN",
            "log.dirs": str(self._home / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            # Until a killed server that starts again is believed to be the new one.
            "broker.session.timeout.ms": "1000",
            "broker.heartbeat.interval.ms": "200",
            **(self.security.properties() if self.security else {}),
        }

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.ports["open"])
        except OSError:
            return False
        writer.close()
        return True


def cannot_be_had() -> str:
    """Why there is no Kafka on this machine; empty if there is one."""
    if shutil.which("java") is None:
        return "Kafka needs Java"
    if not (JARS / ".fetched").exists():
        return "Kafka's jars are missing: make brokers"
    return ""


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where all brokers must be there."""
    if os.environ.get("ACTIVITY_CORE_BROKERS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def running_kafka(path: Path, security: Security | None = None) -> AsyncIterator[KafkaServer]:
    """A running server, in a directory of its own."""
    if reason := cannot_be_had():
        missing(reason)
    async with locked(path) as directory:
        server = KafkaServer(directory, security)
        await server.format()
        await server.start()
        try:
            yield server
        finally:
            await server.kill()


@pytest.fixture(scope="session")
async def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaServer]:
    """A server that asks nobody who he is; leave it running."""
    async with running_kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
async def kafka_address(kafka_server: KafkaServer) -> str:
    """`host:port` of a running server."""
    return kafka_server.address
