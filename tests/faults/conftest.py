"""One installation for all of these tests: each leaves it whole, or says what is broken."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, suppress

import pytest
from tests.brokers.kafka import running_kafka
from tests.brokers.rabbitmq import rabbitmq_server
from tests.faults.broker_lines import KafkaLine, Line, NatsLine, RabbitmqLine
from tests.faults.broker_outlets import open_outlet
from tests.faults.installation import Installation, installation
from tests.faults.plugins import install_plugins
from tests.outside import Outside, Reply, outside_world

RECOVERY_RATE = 4
"""Runs a second that make up for missed slots; few, so that it shows."""

DEFINITIONS = """
kind: connection
id: world
http: {{base_url: {url}}}
---
id: quick
trigger: {{event: {{type: load.*, filter: event.data.n % 10 != 0}}}}
rules:
  - id: all
    tasks:
      - {{id: look, human: {{title: Look}}}}
      - {{id: say, emit: {{type: load.said, data: {{n: "${{event.data.n}}"}}}}}}
---
id: once-per-group
trigger: {{event: {{type: load.*, dedupe_key: event.data.n / 5}}}}
rules:
  - id: all
    tasks: [{{id: look, human: {{title: Look at the group}}}}]
---
id: slow
trigger: {{event: {{type: load.*, filter: event.data.n % 6 == 0}}}}
context:
  fact: {{http: {{connection: world, url: /fact}}, retry: {{max_attempts: 50, backoff: 100ms..1s}}, timeout: 5s}}
rules:
  - id: all
    tasks:
      - {{id: first, http: {{connection: world, url: /do}}, retry: {{max_attempts: 50, backoff: 100ms..1s}}, timeout: 5s}}
      - {{id: second, needs: [first], emit: {{type: load.done}}}}
"""  # noqa: E501 - readable as YAML


@pytest.fixture(scope="session")
def world() -> Iterator[Outside]:
    with outside_world() as world:
        world.answers("/fact", Reply(200, {"is": "so"}))
        world.answers("/do", Reply(201))
        yield world


@pytest.fixture(scope="session")
async def running(
    tmp_path_factory: pytest.TempPathFactory, world: Outside
) -> AsyncIterator[Installation]:
    home = tmp_path_factory.mktemp("faults")
    async with installation(
        home,
        PYTHONPATH=str(install_plugins(home / "plugins")),
        CALLBACK_KEY="a-key-of-32-characters-for-tests",
        ACTIVITY_CORE_CALLBACK_KEY="env:CALLBACK_KEY",
        ACTIVITY_CORE_EXTERNAL_TASK_QUEUES='["faults-own"]',
        ACTIVITY_CORE_RECOVERY_RATE=str(RECOVERY_RATE),
    ) as found:
        await found.api.apply(DEFINITIONS.format(url=world.url))
        yield found


@pytest.fixture(scope="session")
async def lines(
    running: Installation, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sequence[Line]]:
    """Every broker that can be had here, with a server that may be killed."""
    home = tmp_path_factory.mktemp("lines")
    async with AsyncExitStack() as servers:
        found: list[Line] = [NatsLine(running)]
        with suppress(pytest.skip.Exception):
            kafka = await servers.enter_async_context(running_kafka(home / "kafka"))
            found.append(KafkaLine(kafka))
        with suppress(pytest.skip.Exception):
            rabbitmq = await servers.enter_async_context(rabbitmq_server(home / "rabbitmq"))
            found.append(RabbitmqLine(rabbitmq, home))
        for line in found:
            await open_outlet(line)
        yield found


@pytest.fixture(scope="module")
async def no_intake(running: Installation) -> AsyncIterator[None]:
    """The installation's own intake knows but one broker: it stays away meanwhile."""
    await running.kill("intake")
    running.programs.pop("intake")
    yield
    await running.start("intake")
