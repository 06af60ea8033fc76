"""The follow-up of the examples: a case per order, its timer, its end, and what comes meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from tests.api import Json, cloudevent, eventually
from tests.e2e.conftest import Stack
from tests.e2e.flow_events import moment
from tests.e2e.stories import example, retiring

NAME = "order-follow-up"
EVERY = timedelta(seconds=2)


@pytest.fixture(scope="module", autouse=True)
async def _definition(stack: Stack) -> AsyncIterator[None]:
    """As it stands, but nobody waits three days."""
    await stack.api.apply(example("order-follow-up.yaml", ("P3D", "2s")))
    async with retiring(stack, NAME):
        yield


async def send(stack: Stack, what: str, order: str, number: int = 1) -> Json:
    event = cloudevent(f"order.{what}", f"{order}-{what}-{number}", {"order": order})
    await stack.api.send(event)
    return event


async def cases(stack: Stack, order: str) -> list[Json]:
    """Of one order, oldest first."""
    found = await stack.api.items("/v1/cases", definition_id=NAME, key=order)
    return sorted(found, key=lambda case: int(case["number"]))


async def taken(stack: Stack, event: Json) -> Json:
    """The one run of an event, once its case has taken it."""
    return await stack.api.run_of(event, "completed")


async def test_an_order_is_followed_until_it_is_paid_and_shipped(stack: Stack, temporal: Client):
    placed = await send(stack, "placed", "o-1")
    run = await taken(stack, placed)
    listed = await stack.said("cases", "list", "--definition", NAME, "--key", "o-1")
    [case] = listed["items"]
    assert (case["number"], case["status"], case["waiting_for"]) == (1, "open", "reminder")
    assert run["case_id"] == case["case_id"]
    assert (moment(case["wake_at"]) - moment(case["opened_at"])) % EVERY == timedelta()
    workflow = temporal.get_workflow_handle(case["workflow_id"])
    state = await workflow.query("state")
    assert (state["paid"], state["shipped"]) == (False, False)
    assert str(await workflow.query("waiting_for")).startswith("reminder ")

    async def reminded() -> Json | None:
        tasks = await stack.api.items("/v1/tasks", definition_id=NAME, group="billing")
        return next((task for task in reversed(tasks) if task["status"] == "ready"), None)

    task = await eventually(reminded, "somebody is to ask for the money")
    assert task["title"] == "Ask for the money, reminder 1"
    by_timer = await stack.api.get(f"/v1/runs/{task['run_id']}")
    assert (by_timer["trigger"], by_timer["timer"], by_timer["events"]) == ("timer", "reminder", [])
    told = (await stack.cli("explain", "task", task["task_id"])).out
    assert "reminder" in told, told

    await send(stack, "paid", "o-1")
    state = await workflow.execute_update("settle")
    assert (state["paid"], state["shipped"]) == (True, False)
    shipped = await send(stack, "shipped", "o-1")
    last = await taken(stack, shipped)
    assert "order.followed-up" in [out["type"] for out in last["events_out"]]
    await workflow.result()
    shown = await stack.said("cases", "show", case["case_id"])
    assert (shown["status"], shown["closed_by"], shown["queued"]) == ("closed", "activity-core", [])
    assert shown["state"]["shipped"]
    assert [each["trigger"] for each in shown["runs"]].count("event") == 3
    assert len(shown["runs"]) == shown["taken"]


async def test_what_comes_while_a_case_closes_is_taken_once(stack: Stack):
    first = [await send(stack, what, "o-2") for what in ("placed", "paid")]
    burst = await asyncio.gather(
        *(send(stack, "shipped", "o-2", number) for number in range(3)),
        *(send(stack, "placed", "o-2", number) for number in range(2, 8)),
    )
    runs = [await taken(stack, event) for event in (*first, *burst)]
    found = await cases(stack, "o-2")
    assert [case["number"] for case in found] == list(range(1, len(found) + 1))
    details = [await stack.api.get(f"/v1/cases/{case['case_id']}") for case in found]
    by_events = [
        run["run_id"] for case in details for run in case["runs"] if run["trigger"] == "event"
    ]
    assert sorted(by_events) == sorted(str(run["run_id"]) for run in runs)
    assert found[0]["status"] == "closed"
    assert sum(case["status"] == "open" for case in found) <= 1


async def test_an_operator_closes_a_case_and_the_next_one_begins(stack: Stack, temporal: Client):
    await taken(stack, await send(stack, "placed", "o-3"))
    [case] = await cases(stack, "o-3")
    done = await stack.cli("cases", "close", case["case_id"])
    assert done.out.strip() == f"{case['case_id']}: closed by anonymous"
    assert (await stack.api.post(f"/v1/cases/{case['case_id']}/close"))["status"] == "closed"
    handle = temporal.get_workflow_handle(case["workflow_id"])

    async def over() -> bool:
        return (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED

    await eventually(over, "its workflow ends")
    later = await taken(stack, await send(stack, "paid", "o-3"))
    old, new = await cases(stack, "o-3")
    assert (old["status"], new["status"], new["number"]) == ("closed", "open", 2)
    assert later["case_id"] == new["case_id"]
    assert (await stack.api.get(f"/v1/cases/{new['case_id']}"))["state"]["paid"]
