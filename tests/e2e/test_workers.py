"""Tasks that others do: workers in Go, of one queue, of plug-ins; systems that answer later."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api import cloudevent, eventually
from tests.e2e.conftest import Stack
from tests.e2e.plugins import install_plugins
from tests.outside import Outside, Reply, Request
from tests.program import Program, environment
from tests.senders.installation import installation
from tests.senders.programs import Language, installed

GO = Language(
    Path(__file__).parents[2] / "examples" / "workers" / "go",
    ["go"],
    ["go", "build", "-buildvcs=false", "-o", "quotes"],
    ["./quotes"],
)
DEFINITIONS = """
kind: connection
id: outside
http: {{base_url: {url}}}
---
id: quote
trigger: {{event: {{type: quote.asked}}}}
rules:
  - id: all
    tasks:
      - id: quote
        queue: quotes
        activity: {{type: Quote, args: [{{amount: "${{event.data.amount}}", currency: EUR}}]}}
        timeout: {{start_to_close: 20s, heartbeat: 10s}}
        retry: {{max_attempts: 3, backoff: 100ms, non_retryable: [NegativeAmount]}}
      - id: settle
        queue: quotes
        needs: [quote]
        workflow: {{type: Settle, args: ["${{tasks.quote.outputs}}"]}}
---
id: nobody
trigger: {{event: {{type: nobody.asked}}}}
rules:
  - id: all
    tasks:
      - id: lost
        queue: abandoned
        activity: {{type: Quote}}
        timeout: {{schedule_to_start: 1s}}
---
id: read
trigger: {{event: {{type: pages.asked}}}}
rules:
  - id: all
    tasks:
      - id: pages
        python: {{plugin: read-pages, args: {{pages: 5}}}}
        timeout: {{start_to_close: 60s, heartbeat: 30s}}
        retry: {{max_attempts: 2, backoff: 100ms}}
---
id: near
trigger: {{event: {{type: near.asked}}}}
rules:
  - id: all
    tasks:
      - {{id: there, queue: ours, http: {{connection: outside, url: /near}}}}
---
id: export
trigger: {{event: {{type: export.asked}}}}
rules:
  - id: all
    tasks:
      - id: export
        http:
          connection: outside
          url: /exports
          json: {{tell: "${{callback_url}}"}}
          callback: {{within: 1h}}
      - id: check
        needs: [export]
        http: {{connection: outside, url: "/rows/${{string(tasks.export.outputs.rows)}}"}}
"""


@dataclass
class Scene:
    stack: Stack
    home: Path

    async def run(self, type_: str, status: str, data: Any = None) -> dict[str, dict[str, Any]]:
        """The tasks by id, once the run of the event has this status."""
        event = cloudevent(type_, type_, data or {})
        await self.stack.api.send(event)
        run = await self.stack.api.run_of(event, status)
        return {task["spec_id"]: task for task in run["tasks"]}


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory, outside: Outside) -> AsyncIterator[Scene]:
    home = tmp_path_factory.mktemp("workers")
    queues = '["quotes", "abandoned", "ours"]'
    plugins = str(install_plugins(home / "plugins"))
    async with installation(
        home, ACTIVITY_CORE_EXTERNAL_TASK_QUEUES=queues, PYTHONPATH=plugins
    ) as stack:
        await stack.api.apply(DEFINITIONS.format(url=outside.url))
        yield Scene(stack, home)


@pytest.fixture(scope="module")
async def _go(scene: Scene) -> AsyncIterator[None]:
    program = await Program.start(
        command=[str(await installed(GO) / "quotes")],
        log=scene.home / "go.log",
        env=environment(TEMPORAL_ADDRESS=scene.stack.servers.temporal, TASK_QUEUE="quotes"),
    )
    await program.says("Started Worker")
    yield
    assert await program.stop() == 0, program.last_words


@pytest.mark.usefixtures("_go")
async def test_a_worker_in_another_language(scene: Scene):
    tasks = await scene.run("quote.asked", "completed", {"amount": 120})
    assert tasks["quote"]["outputs"] == {"total": 150, "currency": "EUR", "attempt": 1}
    assert tasks["settle"]["outputs"] == {"settled": 187.5, "by": "Settle"}


@pytest.mark.usefixtures("_go")
async def test_a_failure_has_the_type_that_the_other_language_gave_it(scene: Scene):
    event = cloudevent("quote.asked", "too-little", {"amount": -1})
    await scene.stack.api.send(event)
    run = await scene.stack.api.run_of(event, "failed")
    tasks = {task["spec_id"]: task for task in run["tasks"]}
    assert {name: task["status"] for name, task in tasks.items()} == {
        "quote": "failed",
        "settle": "skipped",
    }
    assert "no negative amounts" in tasks["quote"]["error"]
    assert tasks["quote"]["error_type"] == "NegativeAmount"


async def test_a_queue_without_a_worker_is_named(scene: Scene):
    task = (await scene.run("nobody.asked", "failed"))["lost"]
    assert task["error_type"] == "schedule_to_start"
    assert "abandoned" in task["error"]


async def test_a_plug_in_goes_on_where_its_last_attempt_ended(scene: Scene):
    task = (await scene.run("pages.asked", "completed"))["pages"]
    assert task["outputs"] == {"began_after": 3, "attempt": 2}


async def test_a_worker_for_a_queue_of_ones_own(scene: Scene, outside: Outside):
    outside.answers("/near", Reply(200, "done"))
    program = await Program.start(
        *("worker", "--task-queue", "ours", "--rate", "20"),
        log=scene.home / "ours.log",
        env=environment(
            ACTIVITY_CORE_DATABASE_URL=scene.stack.servers.postgres,
            ACTIVITY_CORE_TEMPORAL_ADDRESS=scene.stack.servers.temporal,
            ACTIVITY_CORE_HTTP_ALLOW='["127.0.0.1"]',
        ),
    )
    try:
        task = (await scene.run("near.asked", "completed"))["there"]
    finally:
        assert await program.stop() == 0, program.last_words
    assert task["outputs"] == {"status": 200, "body": "done"}
    assert len(outside.requests("/near")) == 1


async def test_another_system_answers_later(scene: Scene, outside: Outside):
    outside.answers("/exports", Reply(202, {"job": 1}))
    outside.answers("/rows/7", Reply(200))
    event = cloudevent("export.asked", "export", {})
    await scene.stack.api.send(event)

    async def asked() -> Request | None:
        return next(iter(outside.requests("/exports")), None)

    address = (await eventually(asked, "the export is asked for")).body["tell"]
    async with httpx.AsyncClient(trust_env=False) as client:
        forged = await client.post(address[:-1] + "x", json={"status": "completed"})
        assert forged.status_code == 404
        told = {"status": "completed", "outputs": {"rows": 7}}
        first = await client.post(address, json=told)
        assert first.status_code == 200, first.text
        run = await scene.stack.api.run_of(event, "completed")
        assert (await client.post(address, json=told)).content == first.content
        other = await client.post(address, json={"status": "failed", "error": "no"})
        assert other.status_code == 409
    tasks = {task["spec_id"]: task for task in run["tasks"]}
    assert tasks["export"]["outputs"] == {"rows": 7}
    assert len(outside.requests("/exports")) == 1
    assert len(outside.requests("/rows/7")) == 1
