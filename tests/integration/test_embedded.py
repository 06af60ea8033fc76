"""The embedded servers for real: they answer, keep their state, and leave nothing behind."""

import asyncio
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import nats
import psutil
import psycopg
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus

from activity_core.core.errors import ConfigurationError, UnavailableError
from activity_core.embedded import privilege, temporal
from activity_core.embedded.directory import locked
from activity_core.embedded.process import installed_program
from activity_core.embedded.stack import Addresses, EmbeddedStack, Ports

Begin = Callable[..., EmbeddedStack]


@pytest.fixture
def stack(tmp_path: Path) -> Begin:
    """A stack on the same directory each time; nothing is worth waiting for the disk."""

    def begin(**options: object) -> EmbeddedStack:
        return EmbeddedStack(tmp_path / "data", **{"durable": False, **options})  # type: ignore[arg-type]

    return begin


async def store(addresses: Addresses) -> None:
    """Leave a row, an open workflow and a message."""
    assert addresses.postgres
    assert addresses.temporal
    assert addresses.nats
    async with await psycopg.AsyncConnection.connect(addresses.postgres) as connection:
        await connection.execute("create table greeting (text text)")
        await connection.execute("insert into greeting values ('grüße 🌍')")
    temporal = await Client.connect(addresses.temporal)
    await temporal.start_workflow("Nobody", id="left-open", task_queue="nobody")
    broker = await nats.connect(addresses.nats)
    await broker.jetstream().add_stream(name="GREETINGS", subjects=["greetings.>"])
    await broker.jetstream().publish("greetings.one", b"hello")
    await broker.close()


async def recall(addresses: Addresses) -> None:
    """Find what `store` left."""
    assert addresses.postgres
    assert addresses.temporal
    assert addresses.nats
    async with await psycopg.AsyncConnection.connect(addresses.postgres) as connection:
        found = await connection.execute("select text, current_database() from greeting")
        assert await found.fetchall() == [("grüße 🌍", "activity_core")]
    temporal = await Client.connect(addresses.temporal)
    namespace = await temporal.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="default")
    )
    assert namespace.namespace_info.name == "default"
    left_open = await temporal.get_workflow_handle("left-open").describe()
    assert left_open.status is WorkflowExecutionStatus.RUNNING
    broker = await nats.connect(addresses.nats)
    subscription = await broker.jetstream().pull_subscribe("greetings.>", durable="reader")
    (message,) = await subscription.fetch(1, timeout=5)
    assert message.data == b"hello"
    await broker.close()


async def test_state_and_addresses_survive_a_restart(stack: Begin) -> None:
    told: list[str] = []
    async with stack(durable=True, ui=True, on_progress=told.append) as first:
        addresses = first.addresses
        await store(addresses)
    async with stack(durable=True, ui=True) as second:
        assert second.addresses == addresses
        await recall(second.addresses)
    assert {"starting PostgreSQL", "starting Temporal", "starting NATS"} <= set(told)
    assert told[-1] == "stopping the servers"


async def test_only_what_is_asked_for_is_started(stack: Begin) -> None:
    async with stack(postgres=False, temporal=False) as only_nats:
        addresses = only_nats.addresses
        assert addresses.nats
        assert addresses == Addresses(nats=addresses.nats, nats_monitor=addresses.nats_monitor)


async def test_the_password_is_needed_and_private(stack: Begin, tmp_path: Path) -> None:
    async with stack(temporal=False, nats=False) as only_postgres:
        url = only_postgres.addresses.postgres
        assert url
        password = (tmp_path / "data/postgres/password").read_text()
        assert password in url
        assert (tmp_path / "data/postgres/password").stat().st_mode & 0o777 == 0o600
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await psycopg.AsyncConnection.connect(url.replace(password, "guess"))


async def test_a_demanded_port_in_use_is_an_error_that_names_its_user(stack: Begin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        named = rf"nats: port {port} is in use by .+ \(pid \d+\)"
        with pytest.raises(ConfigurationError, match=named):
            await stack(ports=Ports(nats=port)).__aenter__()


async def test_a_preferred_port_in_use_is_replaced(stack: Begin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with stack(postgres=False, temporal=False, prefer=Ports(nats=port)) as other:
            assert other.addresses.nats not in {None, f"nats://127.0.0.1:{port}"}


async def test_a_second_stack_on_the_same_directory_is_refused(stack: Begin) -> None:
    async with stack(postgres=False, temporal=False) as first:
        with pytest.raises(ConfigurationError, match=r"in use by another process \(pid \d+\)"):
            await stack(postgres=False, temporal=False).__aenter__()
        assert first.addresses.nats
        await (await nats.connect(first.addresses.nats)).close()


async def test_one_server_that_cannot_start_takes_the_others_down(
    stack: Begin, tmp_path: Path
) -> None:
    (tmp_path / "data/temporal/temporal.db").mkdir(parents=True)  # not a file
    with pytest.raises(UnavailableError, match=r"Temporal: ended with status \d+ instead") as error:
        await stack().__aenter__()
    assert "unable to open database file" in str(error.value)
    assert not _servers_of(tmp_path)
    async with locked(tmp_path / "data"):
        pass


async def test_temporal_that_loses_a_port_is_started_again(
    stack: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, real = tmp_path / "lost", installed_program("temporal")
    unlucky = tmp_path / "unlucky"
    unlucky.write_text(f'#!/bin/sh\n[ -e {lost} ] && exec {real} "$@"\n: > {lost}\nexit 2\n')
    unlucky.chmod(0o700)
    monkeypatch.setattr(temporal, "installed_program", lambda _: str(unlucky))
    async with stack(postgres=False, nats=False) as second_try:
        assert lost.exists()
        assert second_try.addresses.temporal


async def test_cancelled_while_starting_nothing_is_left(stack: Begin, tmp_path: Path) -> None:
    starting = asyncio.Event()
    task = asyncio.create_task(
        stack(on_progress=lambda line: starting.set() if "NATS" in line else None).__aenter__()
    )
    await starting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _servers_of(tmp_path)


async def test_watch_reports_a_server_that_dies(stack: Begin, tmp_path: Path) -> None:
    async with stack(postgres=False, temporal=False) as watched:
        (server,) = _servers_of(tmp_path)
        server.kill()
        with pytest.raises(UnavailableError, match="NATS: ended unexpectedly with status -9"):
            await watched.watch()


_STACK_FOREVER = """
import asyncio, sys
from pathlib import Path
from activity_core.embedded import privilege
from activity_core.embedded.stack import EmbeddedStack

privilege._NAMESPACE = sys.argv[2]

async def main():
    async with EmbeddedStack(Path(sys.argv[1]), durable=False):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a dead parent")
@pytest.mark.parametrize(
    "namespace",
    [
        "unshare",
        pytest.param(
            "no-such-program",
            marks=pytest.mark.skipif("os.geteuid() != 0", reason="only root needs the fallback"),
        ),
    ],
)
async def test_killed_with_its_parent_and_started_again(
    stack: Begin, tmp_path: Path, namespace: str
) -> None:
    async with stack() as first:
        addresses = first.addresses
        await store(addresses)
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _STACK_FOREVER, str(tmp_path / "data"), namespace),
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout
    try:
        assert await parent.stdout.readline() == b"ready\n"
        names = {server.name() for server in _servers_of(tmp_path)}
        assert names == {"postgres", "temporal", "nats-server"}
    finally:
        parent.kill()
        await parent.wait()
    async with locked(tmp_path / "data"):  # held by every server until its end
        assert not _servers_of(tmp_path)
    # As if another process had got the number of the one that was killed.
    pid_file = tmp_path / "data/postgres/cluster/postmaster.pid"
    pid_file.write_text(f"1\n{pid_file.parent}\n")
    async with stack() as second:
        assert second.addresses == addresses
        await recall(second.addresses)


@pytest.mark.skipif("os.geteuid() != 0", reason="only root can become another user")
async def test_as_root_without_user_namespaces(
    stack: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stack(temporal=False, nats=False):
        pass  # the files belong to root now
    monkeypatch.setattr(privilege, "_NAMESPACE", "no-such-program")
    async with stack(temporal=False, nats=False) as fallback:
        assert fallback.addresses.postgres
        owners = {server.username() for server in _servers_of(tmp_path)}
        assert owners == {"nobody"}
    monkeypatch.undo()
    async with stack(temporal=False, nats=False):
        pass  # and back


def _servers_of(tmp_path: Path) -> list[psutil.Process]:
    """Every living process that works on a directory below `tmp_path`."""
    found = []
    for process in psutil.process_iter(["cmdline", "name", "status"]):
        is_ours = any(str(tmp_path) in word for word in process.info["cmdline"] or [])
        is_server = is_ours and not process.info["name"].startswith(("python", "pytest"))
        if is_server and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
