"""`dev` from start to stop and again: what it says, what it keeps, and what it does not start."""

import json
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import psycopg
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError
from tests.api import Api, api_at, cloudevent, eventually
from tests.e2e.conftest import Servers, Stack, free_port
from tests.program import MARK, Program, environment, marked, run

DEFINITIONS = """
id: kept
trigger:
  event: {type: kept.*}
  interval: {every: 12h}
rules:
  - id: all
    tasks:
      - {id: held, human: {title: Hold the run, wait: true}}
      - {id: open, human: {title: Live on}}
"""


@asynccontextmanager
async def started(
    home: Path, *arguments: str, port: int, **settings: str
) -> AsyncIterator[tuple[Program, Api]]:
    """`dev`; it is killed if a test does not stop it."""
    program = await Program.start(
        *("dev", "--data-dir", str(home / "data"), "--port", str(port), *arguments),
        log=home / "dev.log",
        env=environment(TMPDIR=str(home), **settings),
        cwd=home,
    )
    try:
        async with api_at(f"http://127.0.0.1:{port}") as api:
            await program.says("activity-core is ready", api.url)
            await api.until_ready(within=2)
            yield program, api
    finally:
        await program.kill()


async def test_a_second_start_finds_what_the_first_one_left(tmp_path: Path) -> None:
    mark, port = secrets.token_hex(8), free_port()
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "kept.yaml").write_text(DEFINITIONS)
    event = cloudevent("kept.first", "k-1")
    given = ("--definitions", str(tmp_path / "definitions"))
    async with started(tmp_path, *given, port=port, **{MARK: mark}) as (program, api):
        await api.send(event)
        run_ = await api.held_by(event)
        tasks = {task["spec_id"]: task["task_id"] for task in run_["tasks"]}
        for line in ("API", "Temporal UI", "Temporal ", "NATS", "PostgreSQL", "data"):
            assert line in program.output
        password = (tmp_path / "data" / "postgres" / "password").read_text()
        assert password not in program.output

        began = time.monotonic()
        assert await program.stop(signal.SIGINT) == 0, program.last_words
        assert time.monotonic() - began < 20
    assert marked(mark) == []
    assert "Traceback" not in program.output, program.output

    program.log.unlink()
    async with started(tmp_path, port=port, **{MARK: mark}) as (program, api):
        [definition] = await api.items("/v1/definitions")
        assert (definition["definition_id"], definition["status"]) == ("kept", "active")
        temporal = await Client.connect(Servers(tmp_path / "data").temporal)
        schedule = await temporal.get_schedule_handle("activity-schedule-kept").describe()
        assert not schedule.schedule.state.paused
        workflow = await temporal.get_workflow_handle(run_["workflow_id"]).describe()
        assert workflow.status is not None
        assert workflow.status.name == "RUNNING"
        found = await api.items("/v1/tasks", status="ready")
        assert {task["task_id"] for task in found} == set(tasks.values())
        assert (await api.send(event, status=200))["status"] == "duplicate"

        for task_id in tasks.values():
            await api.post(f"/v1/tasks/{task_id}/complete", {"outcome": "done"})
        await api.run(run_["run_id"], "completed")
        await api.announced(run_["run_id"])
        assert await program.stop(signal.SIGTERM) == 0, program.last_words
    assert marked(mark) == []


async def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = await run(
            *("dev", "--data-dir", str(tmp_path / "data"), "--port", port),
            env=environment(TMPDIR=str(tmp_path)),
        )
    assert done.code == 1
    assert f"API: port {port} is in use by" in done.err
    assert not (tmp_path / "data").exists()
    assert "Traceback" not in done.err


async def test_a_data_directory_in_use(stack: Stack) -> None:
    done = await run("dev", "--data-dir", str(stack.servers.data), "--port", str(free_port()))
    assert done.code == 1
    assert f"in use by another process (pid {stack.program.pid})" in done.err


async def test_definitions_that_are_wrong_end_the_start(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("id: wrong\ntrigger: {}\n")
    done = await run(
        *("dev", "--data-dir", str(tmp_path / "data"), "--port", str(free_port())),
        *("--definitions", str(tmp_path / "wrong.yaml")),
        env=environment(TMPDIR=str(tmp_path)),
    )
    assert done.code == 1
    assert f"{tmp_path}/wrong.yaml:" in done.err
    assert not (tmp_path / "data").exists()


async def test_what_is_named_by_url_is_not_started(stack: Stack, tmp_path: Path) -> None:
    """A database, a namespace and a broker that are somebody else's."""
    async with await psycopg.AsyncConnection.connect(
        stack.servers.postgres, autocommit=True
    ) as connection:
        await connection.execute("create database elsewhere")
    await _namespace(stack.servers.temporal, "elsewhere")
    settings = {
        "ACTIVITY_CORE_DATABASE_URL": stack.servers.postgres.rpartition("/")[0] + "/elsewhere",
        "ACTIVITY_CORE_TEMPORAL_ADDRESS": stack.servers.temporal,
        "ACTIVITY_CORE_TEMPORAL_NAMESPACE": "elsewhere",
        "ACTIVITY_CORE_NATS_URL": stack.servers.nats,
    }
    async with started(tmp_path, port=free_port(), **settings) as (program, api):
        assert psutil.Process(program.pid).children(recursive=True) == []
        assert json.loads((tmp_path / "data" / "ports.json").read_text()) == {}
        await api.apply(DEFINITIONS)
        event = cloudevent("kept.elsewhere", "k-2")
        await api.send(event)
        run_ = await api.held_by(event)
        temporal = await Client.connect(stack.servers.temporal, namespace="elsewhere")
        assert await temporal.get_workflow_handle(run_["workflow_id"]).describe()
        assert await program.stop() == 0, program.last_words
    assert (await stack.api.http.get("/v1/definitions/kept")).status_code == 404


async def test_anything_but_loopback_without_keys_is_refused(tmp_path: Path) -> None:
    done = await run(
        *("dev", "--data-dir", str(tmp_path / "data")),
        env=environment(TMPDIR=str(tmp_path), ACTIVITY_CORE_HOST="0.0.0.0"),  # noqa: S104 - refused
    )
    assert done.code == 1
    assert "refusing to listen on 0.0.0.0 without API keys" in done.err


async def _namespace(address: str, name: str) -> None:
    temporal = await Client.connect(address)
    await temporal.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=name, workflow_execution_retention_period=Duration(seconds=86_400)
        )
    )
    there = await Client.connect(address, namespace=name)

    async def look() -> bool:
        try:
            await there.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=name)
            )
            await there.count_workflows()
        except RPCError:
            return False
        return True

    await eventually(look, f"namespace {name}")
