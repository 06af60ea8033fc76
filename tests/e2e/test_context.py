"""Context from outside: asked again as configured, then the run fails visibly, to be retried."""

import pytest
from tests.api import cloudevent
from tests.e2e.conftest import Stack
from tests.outside import Outside, Reply

DEFINITION = """
kind: connection
id: weather
http:
  base_url: {url}
  headers: {{authorization: "env:OUTSIDE_TOKEN"}}
---
id: read-weather
trigger: {{event: {{type: weather.wanted}}}}
context:
  weather:
    http: {{connection: weather, url: "/weather/${{event.data.city}}"}}
    retry: {{max_attempts: 3, backoff: 100ms..200ms}}
    timeout: 5s
rules:
  - id: warm
    when: context.weather.degrees > 20.0
    tasks: [{{id: tell, human: {{title: "It is warm in ${{event.data.city}}"}}}}]
"""


@pytest.fixture(scope="module", autouse=True)
async def _definition(stack: Stack, outside: Outside) -> None:
    await stack.api.apply(DEFINITION.format(url=outside.url))


async def test_a_source_that_fails_twice_is_asked_three_times(
    stack: Stack, outside: Outside
) -> None:
    outside.answers("/weather/rome", Reply(503), Reply(500), Reply(200, {"degrees": 30}))
    event = cloudevent("weather.wanted", "w-1", {"city": "rome"})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "completed")
    assert run["context_snapshot"]["context"]["weather"] == {"degrees": 30}
    assert [task["title"] for task in run["tasks"]] == ["It is warm in rome"]
    asked = outside.requests("/weather/rome")
    assert len(asked) == 3
    assert {request.headers["authorization"] for request in asked} == {"a-secret-of-the-outside"}


async def test_a_source_that_stays_down_fails_the_run_which_can_be_retried(
    stack: Stack, outside: Outside
) -> None:
    outside.answers("/weather/oslo", Reply(503))
    event = cloudevent("weather.wanted", "w-2", {"city": "oslo"})
    await stack.api.send(event)
    failed = await stack.api.run_of(event, "failed")
    assert failed["failure"]["code"] == "context_unavailable"
    assert "it answered 503" in failed["failure"]["message"]
    assert failed["tasks"] == []
    assert len(outside.requests("/weather/oslo")) == 3
    assert (await stack.api.announced(failed["run_id"]))[-1] == "activity-core.run.failed.v1"

    outside.answers("/weather/oslo", Reply(200, {"degrees": 21}))
    done = await stack.cli("runs", "retry", failed["run_id"])
    assert (done.code, done.out) == (0, f"{failed['run_id']}: attempt 2, pending\n")
    completed = await stack.api.run(failed["run_id"], "completed", attempt=2)
    assert completed["workflow_id"] == failed["workflow_id"] + "-r1"
    assert completed["failure"] is None
    assert [task["title"] for task in completed["tasks"]] == ["It is warm in oslo"]
    types = await stack.api.announced(failed["run_id"])
    assert types[-1] == "activity-core.run.completed.v1"
    assert types.count("activity-core.run.failed.v1") == 1


async def test_a_run_that_did_not_fail_cannot_be_retried(stack: Stack, outside: Outside) -> None:
    outside.answers("/weather/bern", Reply(200, {"degrees": 5}))
    event = cloudevent("weather.wanted", "w-3", {"city": "bern"})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "completed")
    assert run["tasks"] == []
    done = await stack.cli("runs", "retry", run["run_id"])
    assert done.code == 1
    assert "it is completed" in done.err
