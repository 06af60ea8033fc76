"""Automated tasks and people's: order, retries, failures, plug-ins, events, and runs that wait."""

from collections.abc import Sequence
from typing import Any

import pytest
from nats.aio.client import Client as NatsClient
from tests.api import cloudevent
from tests.e2e.conftest import Stack
from tests.outside import Outside, Reply

DEFINITIONS = """
kind: connection
id: shop-api
http: {{base_url: {url}}}
---
id: sell
trigger: {{event: {{type: sale.agreed}}}}
rules:
  - id: all
    tasks:
      - id: pay
        http: {{connection: shop-api, url: "/pay/${{event.data.no}}", json: {{amount: "${{event.data.amount}}"}}}}
        retry: {{max_attempts: 4, backoff: 100ms..200ms}}
      - id: ship
        needs: [pay]
        http: {{connection: shop-api, method: PUT, url: "/ship/${{event.data.no}}"}}
      - id: tell
        needs: [pay, ship]
        emit: {{type: sale.done, subject: "${{event.data.no}}", data: {{no: "${{event.data.no}}"}}}}
---
id: convert
trigger: {{event: {{type: money.booked}}}}
context:
  exchange: {{python: {{plugin: exchange-rate, args: {{base: 21}}}}}}
rules:
  - id: all
    tasks:
      - id: book
        python: {{plugin: book, args: {{amount: "${{context.exchange.rate * event.data.sign}}"}}}}
        retry: {{max_attempts: 2, backoff: 100ms}}
---
id: approve
trigger: {{event: {{type: budget.asked}}}}
rules:
  - id: all
    tasks:
      - id: decide
        human:
          title: Decide about it
          wait: true
          assign: {{group: leads}}
          form: {{type: object, required: [ok], properties: {{ok: {{type: boolean}}}}}}
      - id: inform
        needs: [decide]
        human: {{title: Tell them}}
"""  # noqa: E501 - readable as YAML


@pytest.fixture(scope="module", autouse=True)
async def _definitions(stack: Stack, outside: Outside) -> None:
    await stack.api.apply(DEFINITIONS.format(url=outside.url))


def by_spec(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {task["spec_id"]: task for task in run["tasks"]}


def short(types: Sequence[str]) -> list[str]:
    return [type_.removeprefix("activity-core.").removesuffix(".v1") for type_ in types]


async def test_tasks_in_the_order_of_their_needs_with_one_idempotency_key_each(
    stack: Stack, outside: Outside, broker: NatsClient
) -> None:
    outside.answers("/pay/1", Reply(503), Reply(429), Reply(201, {"paid": True}))
    outside.answers("/ship/1", Reply(200, {"box": 7}))
    emitted = await broker.jetstream().subscribe("emitted.sale.done", ordered_consumer=True)
    event = cloudevent("sale.agreed", "s-1", {"no": "1", "amount": 5})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "completed")

    tasks = by_spec(run)
    assert {task["status"] for task in tasks.values()} == {"completed"}
    assert tasks["pay"]["outputs"] == {"status": 201, "body": {"paid": True}}
    assert tasks["pay"]["attempts"] == 3
    assert outside.order("/pay/1", "/ship/1") == ["/pay/1"] * 3 + ["/ship/1"]
    keys = {request.headers["idempotency-key"] for request in outside.requests("/pay/1")}
    assert keys == {tasks["pay"]["task_id"]}
    assert outside.requests("/pay/1")[0].body == {"amount": 5}
    [shipping] = outside.requests("/ship/1")
    assert (shipping.method, shipping.headers["idempotency-key"]) == (
        "PUT",
        tasks["ship"]["task_id"],
    )

    types = short(await stack.api.announced(run["run_id"]))
    assert types == [
        *("run.started", "task.created", "task.created", "task.created"),
        *("task.completed", "task.completed", "sale.done", "task.completed", "run.completed"),
    ]
    message = await emitted.next_msg(timeout=10)
    assert b'"sale.done"' in message.data
    await emitted.unsubscribe()


async def test_what_is_refused_fails_at_once_and_what_needs_it_is_skipped(
    stack: Stack, outside: Outside
) -> None:
    outside.answers("/pay/2", Reply(400, {"error": "no such card"}))
    event = cloudevent("sale.agreed", "s-2", {"no": "2", "amount": 5})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "failed")
    tasks = by_spec(run)
    assert {name: task["status"] for name, task in tasks.items()} == {
        "pay": "failed",
        "ship": "skipped",
        "tell": "skipped",
    }
    assert len(outside.requests("/pay/2")) == 1
    assert "it answered 400" in tasks["pay"]["error"]
    assert "no such card" in tasks["pay"]["error"]
    assert run["failure"]["code"] == "task_failed"
    assert tasks["pay"]["task_id"] in run["failure"]["message"]
    types = short(await stack.api.announced(run["run_id"]))
    assert types[-1] == "run.failed"
    assert types.count("task.failed") == 1
    assert types.count("task.cancelled") == 2

    outside.answers("/pay/2", Reply(201))
    outside.answers("/ship/2", Reply(200))
    await stack.api.post(f"/v1/runs/{run['run_id']}/retry", status=202)
    again = await stack.api.run(run["run_id"], "completed", attempt=2)
    assert {task["status"] for task in again["tasks"]} == {"completed"}
    assert {task["task_id"] for task in again["tasks"]} == {t["task_id"] for t in tasks.values()}


async def test_attempts_end(stack: Stack, outside: Outside) -> None:
    outside.answers("/pay/3", Reply(503))
    event = cloudevent("sale.agreed", "s-3", {"no": "3", "amount": 5})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "failed")
    assert len(outside.requests("/pay/3")) == 4
    assert by_spec(run)["pay"]["attempts"] == 4


async def test_plug_ins_of_a_team(stack: Stack) -> None:
    event = cloudevent("money.booked", "m-1", {"currency": "EUR", "sign": 1})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "completed")
    assert run["context_snapshot"]["context"]["exchange"] == {"rate": 42, "for": "EUR"}
    [task] = run["tasks"]
    assert task["outputs"] == {"booked": 42, "under": task["task_id"]}


async def test_a_plug_in_that_raises(stack: Stack) -> None:
    event = cloudevent("money.booked", "m-2", {"currency": "EUR", "sign": -1})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "failed")
    [task] = run["tasks"]
    assert "ValueError: no negative amounts" in task["error"]
    assert task["attempts"] == 2


async def test_a_run_waits_for_a_person(stack: Stack) -> None:
    event = cloudevent("budget.asked", "b-1")
    await stack.api.send(event)
    run = await stack.api.held_by(event)
    tasks = by_spec(run)
    assert (tasks["decide"]["status"], tasks["inform"]["status"]) == ("ready", "pending")
    early = await stack.cli("tasks", "complete", tasks["inform"]["task_id"], "--outcome", "done")
    assert early.code == 1
    assert "it still waits for other tasks" in early.err

    decide = tasks["decide"]["task_id"]
    wrong = {"outcome": "done", "data": {"ok": "perhaps"}}
    problem = await stack.api.post(f"/v1/tasks/{decide}/complete", wrong, status=422)
    assert "ok" in problem["detail"]
    done = await stack.said(
        *("tasks", "complete", decide, "--outcome", "approved", "--data", '{"ok": true}')
    )
    assert (done["status"], done["outcome"], done["outputs"]) == (
        "completed",
        "approved",
        {"ok": True},
    )
    completed = await stack.api.run(run["run_id"], "completed")
    tasks = by_spec(completed)
    assert tasks["inform"]["status"] == "ready"  # nobody waits for it, and it can be done

    again = {"outcome": "approved", "data": {"ok": True}}
    same = await stack.api.post(f"/v1/tasks/{decide}/complete", again, status=200)
    assert same["status"] == "completed"
    other = await stack.api.post(
        f"/v1/tasks/{decide}/complete", {"outcome": "refused", "data": {"ok": True}}, status=409
    )
    assert other["code"] == "conflict"
    inform = tasks["inform"]["task_id"]
    await stack.api.post(f"/v1/tasks/{inform}/complete", {"outcome": "done"}, status=200)
    types = short(await stack.api.announced(run["run_id"]))
    assert types[-2:] == ["run.completed", "task.completed"]
