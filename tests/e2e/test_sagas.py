"""The order saga of the examples as it stands, against a shop that sometimes says no.

Only the address of the shop is another one; each test has its own.
"""

from collections.abc import AsyncIterator

import pytest
from tests.api import Json, cloudevent
from tests.e2e.conftest import Stack
from tests.e2e.stories import by_spec, example, retiring, statuses
from tests.outside import Outside, Reply, outside_world

NAME = "place-order"
DONE = {"create-order": "completed", "process-payment": "completed"}
UNDONE = {
    "create-order": "compensated",
    "process-payment": "compensated",
    "create-order/compensate": "completed",
    "process-payment/compensate": "completed",
}
PLACED, PAID, RESERVED, TOLD = "/orders", "/payments", "/reservations", "/mails"
CANCELLED, REFUNDED = "/orders/o-7", "/payments/p-8/refund"


@pytest.fixture(scope="module", autouse=True)
async def _retired(stack: Stack) -> AsyncIterator[None]:
    async with retiring(stack, NAME):
        yield


@pytest.fixture
async def shop(stack: Stack) -> AsyncIterator[Outside]:
    """It takes every order."""
    with outside_world() as world:
        world.answers(PLACED, Reply(201, {"id": "o-7"}))
        world.answers(PAID, Reply(201, {"id": "p-8"}))
        for path in (RESERVED, TOLD, CANCELLED, REFUNDED):
            world.answers(path, Reply(200))
        await stack.api.apply(example("order-saga.yaml", ("http://127.0.0.1:9100", world.url)))
        yield world


async def ordered(stack: Stack, number: str, status: str) -> Json:
    """The run of one order, once it has this status."""
    order = {"order": number, "lines": [{"article": 1}], "amount": 12.5, "email": "a@example.com"}
    event = cloudevent("order.placed", f"saga-{number}", order)
    await stack.api.send(event)
    found = (await stack.api.routed(event))["runs"]
    [run] = [each for each in found if each["definition_id"] == NAME]
    return await stack.api.run(str(run["run_id"]), status)


def asked(shop: Outside) -> list[str]:
    """What the shop was asked for, in order; of attempts in a row one."""
    paths = shop.order(PLACED, PAID, RESERVED, TOLD, CANCELLED, REFUNDED)
    return [path for index, path in enumerate(paths) if paths[index - 1 : index] != [path]]


async def test_an_order_goes_through_and_outputs_are_inputs(stack: Stack, shop: Outside):
    run = await ordered(stack, "1", "completed")
    assert statuses(run) == DONE | {
        "reserve-inventory": "completed",
        "send-confirmation": "completed",
    }
    assert asked(shop) == [PLACED, PAID, RESERVED, TOLD]
    [payment] = shop.requests(PAID)
    assert payment.body == {"order": "o-7", "amount": 12.5}
    assert by_spec(run)["process-payment"]["outputs"] == {"payment_id": "p-8"}


async def test_a_mail_that_nobody_gets_takes_no_order_back(stack: Stack, shop: Outside):
    shop.answers(TOLD, Reply(500))
    run = await ordered(stack, "2", "completed")
    assert statuses(run) == DONE | {
        "reserve-inventory": "completed",
        "send-confirmation": "failed",
    }
    assert by_spec(run)["send-confirmation"]["error_type"] == "http_500"
    assert len(shop.requests(TOLD)) == 2


async def test_a_payment_that_is_refused_cancels_the_order(stack: Stack, shop: Outside):
    shop.answers(PAID, Reply(402, {"error": "no money"}))
    run = await ordered(stack, "3", "compensated")
    assert asked(shop) == [PLACED, PAID, CANCELLED]
    assert shop.requests(CANCELLED)[0].method == "DELETE"
    assert len(shop.requests(PAID)) == 1
    assert by_spec(run)["process-payment"]["error_type"] == "http_402"
    assert statuses(run) == {
        "create-order": "compensated",
        "process-payment": "failed",
        "reserve-inventory": "cancelled",
        "send-confirmation": "cancelled",
        "create-order/compensate": "completed",
    }


async def test_goods_that_are_not_there_are_refunded_then_cancelled(stack: Stack, shop: Outside):
    shop.answers(RESERVED, Reply(409, {"error": "sold out"}))
    shop.answers(REFUNDED, Reply(503), Reply(200))
    run = await ordered(stack, "4", "compensated")
    assert asked(shop) == [PLACED, PAID, RESERVED, REFUNDED, CANCELLED]
    assert len(shop.requests(REFUNDED)) == 2
    assert statuses(run) == UNDONE | {
        "reserve-inventory": "failed",
        "send-confirmation": "cancelled",
    }
    refund = by_spec(run)["process-payment/compensate"]
    assert (refund["role"], refund["attempts"]) == ("compensation", 2)
    assert refund["about"] == by_spec(run)["process-payment"]["task_id"]
    keys = {request.headers["idempotency-key"] for request in shop.requests(REFUNDED)}
    assert keys == {refund["task_id"]}


async def test_a_refund_that_fails_is_for_a_person(stack: Stack, shop: Outside):
    shop.answers(RESERVED, Reply(409, {"error": "sold out"}))
    shop.answers(REFUNDED, Reply(410, {"error": "too late"}))
    run = await ordered(stack, "5", "failed")
    assert asked(shop) == [PLACED, PAID, RESERVED, REFUNDED, CANCELLED]
    assert run["failure"]["code"] == "compensation_failed"
    found = statuses(run)
    assert (found["create-order"], found["process-payment"]) == ("compensated", "completed")
    assert found["process-payment/compensate"] == "failed"
    person = by_spec(run)["process-payment/compensate/help"]
    assert (person["role"], person["status"], person["groups"]) == ("help", "ready", ["shop"])
    assert "process-payment" in person["title"]
    assert "too late" in person["inputs"]["description"]

    told = (await stack.cli("explain", "run", run["run_id"])).out
    for words in (
        "place-order v",
        "failed: compensation_failed",
        "order/create-order http compensated",
        "order/process-payment http completed",
        "order/process-payment/compensate http failed",
        "order/process-payment/compensate/help human ready",
        "too late",
    ):
        assert words in told, told
    done = await stack.said("tasks", "complete", person["task_id"], "--outcome", "refunded")
    assert done["status"] == "completed"
    assert "refunded" in (await stack.cli("explain", "run", run["run_id"])).out
