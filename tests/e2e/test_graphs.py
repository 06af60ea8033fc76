"""Graphs of tasks: joins, outputs as inputs, many at once but never too many, and windows."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from temporalio.client import Client
from tests.api import cloudevent
from tests.e2e.conftest import Stack
from tests.e2e.stories import by_spec, statuses
from tests.outside import Outside, Reply, outside_world

MANY = 1_500
"""More than one history is to hold: Temporal suggests a new one at some 1,240 of these."""
MOST_EVENTS = 6_000
"""Of one history: far below the 50,000 that Temporal lets a workflow have."""

DEFINITIONS = """
kind: connection
id: graph-shop
http: {{base_url: {url}}}
---
id: graph-joins
trigger: {{event: {{type: graph.joins}}}}
rules:
  - id: all
    tasks:
      - id: good
        http: {{connection: graph-shop, url: /good, outputs: "{{'n': response.body.n}}"}}
      - id: bad
        http: {{connection: graph-shop, url: /bad}}
      - id: tolerated
        on_failure: continue
        http: {{connection: graph-shop, url: /bad}}
      - id: both
        needs: [good, bad]
        emit: {{type: graph.never}}
      - id: one-of
        needs: [good, bad]
        join: any_succeeded
        http: {{connection: graph-shop, url: "/n/${{string(tasks.good.outputs.n)}}"}}
      - id: after-all
        needs: [good, bad, both]
        join: all_done
        http:
          connection: graph-shop
          url: /after
          json: {{bad: "${{tasks.bad.status}}", both: "${{tasks.both.outcome}}"}}
      - id: in-trouble
        needs: [good, bad]
        join: any_failed
        http: {{connection: graph-shop, url: /trouble, json: {{why: "${{tasks.bad.error}}"}}}}
      - id: no-trouble
        needs: [good, one-of]
        join: any_failed
        emit: {{type: graph.never}}
      - id: goes-on
        needs: [tolerated]
        emit: {{type: graph.on}}
---
id: graph-items
trigger: {{event: {{type: graph.items}}}}
rules:
  - id: all
    for_each: event.data.items
    as: item
    parallel: 3
    tasks:
      - id: visit
        http: {{connection: graph-shop, url: /visit, json: {{item: "${{item}}"}}, outputs: response.body}}
      - id: leave
        needs: [visit]
        http: {{connection: graph-shop, url: /leave, json: {{got: "${{tasks.visit.outputs}}"}}}}
---
id: graph-many
trigger: {{event: {{type: graph.many}}}}
limits: {{tasks: {most}}}
rules:
  - id: all
    for_each: event.data.items
    as: item
    parallel: 100
    tasks: [{{id: book, python: {{plugin: book, args: {{amount: "${{item}}"}}}}}}]
"""  # noqa: E501 - readable as YAML


@pytest.fixture(scope="module")
def shop() -> Iterator[Outside]:
    with outside_world() as world:
        yield world


@pytest.fixture(scope="module", autouse=True)
async def _definitions(stack: Stack, shop: Outside) -> None:
    await stack.api.apply(DEFINITIONS.format(url=shop.url, most=MANY))


async def test_joins_say_when_a_task_starts(stack: Stack, shop: Outside):
    shop.answers("/good", Reply(200, {"n": 7}))
    shop.answers("/bad", Reply(404))
    for path in ("/n/7", "/after", "/trouble"):
        shop.answers(path, Reply(200))
    event = cloudevent("graph.joins", "joins")
    await stack.api.send(event)
    run = await stack.api.run_of(event, "failed")
    assert statuses(run) == {
        "good": "completed",
        "bad": "failed",
        "tolerated": "failed",
        "both": "skipped",
        "one-of": "completed",
        "after-all": "completed",
        "in-trouble": "completed",
        "no-trouble": "skipped",
        "goes-on": "completed",
    }
    assert by_spec(run)["bad"]["task_id"] in run["failure"]["message"]
    [after] = shop.requests("/after")
    assert after.body == {"bad": "failed", "both": "skipped"}
    [trouble] = shop.requests("/trouble")
    assert "404" in trouble.body["why"]
    assert "graph.never" not in [out["type"] for out in run["events_out"]]


async def test_items_go_their_own_ways_and_never_too_many_at_once(stack: Stack, shop: Outside):
    shop.answers("/visit", Reply(200, "seen", pause=0.1))
    shop.answers("/leave", Reply(200, pause=0.05))
    event = cloudevent("graph.items", "items", {"items": [f"i{n}" for n in range(12)]})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "completed")
    assert len(run["tasks"]) == 24
    assert sorted(request.body["item"] for request in shop.requests("/visit")) == sorted(
        f"i{n}" for n in range(12)
    )
    assert [request.body for request in shop.requests("/leave")] == [{"got": "seen"}] * 12
    assert shop.most_at_once == 3


async def test_very_many_tasks_go_through_in_windows(
    stack: Stack, temporal: Client, sql: psycopg.AsyncConnection[dict[str, Any]]
):
    event = cloudevent("graph.many", "many", {"items": list(range(MANY))})
    await stack.api.send(event)
    await stack.api.routed(event)
    [run] = await stack.api.runs_of(event)
    # Not by looking at it again and again: it is large.
    await temporal.get_workflow_handle(str(run["workflow_id"])).result()
    count = "select status, count(*) as n from tasks where run_id = %s group by status"
    done = await (await sql.execute(count, [run["run_id"]])).fetchall()
    assert done == [{"status": "completed", "n": MANY}]
    query = f"WorkflowId = '{run['workflow_id']}'"
    lengths = [each.history_length async for each in temporal.list_workflows(query)]
    assert len(lengths) > 1
    assert max(lengths) < MOST_EVENTS, lengths


async def test_too_many_tasks_are_none(stack: Stack, sql: psycopg.AsyncConnection[dict[str, Any]]):
    event = cloudevent("graph.many", "too-many", {"items": list(range(MANY + 1))})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "failed")
    assert run["failure"]["code"] == "limit_exceeded"
    assert f"{MANY + 1} tasks" in run["failure"]["message"]
    assert f"over the limit of {MANY}" in run["failure"]["message"]
    assert run["tasks"] == []
    count = "select count(*) as n from tasks where run_id = %s"
    assert await (await sql.execute(count, [run["run_id"]])).fetchone() == {"n": 0}
