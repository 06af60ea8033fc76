"""Webhooks as others sign them: accepted once and mapped; forged, there is no trace of an event."""

from typing import Any

import httpx
import psycopg
import pytest
from tests.e2e.conftest import Stack
from tests.senders.webhooks import SENDERS
from tests.unit import proofs

from activity_core.adapters.system_clock import SystemClock

ENTRANCES = """
kind: source
id: standard
webhook:
  verify: {standard_webhooks: {secrets: [env:WEBHOOK_SECRET]}}
  map:
    id: headers["webhook-id"]
    type: '"shop." + body.type'
    subject: body.data.order
    time: body.timestamp
    data: body.data
allow: {types: [shop.*]}
---
kind: source
id: svix
webhook: {verify: {standard_webhooks: {secrets: [env:WEBHOOK_SECRET]}}}
allow: {types: [invoice.*], sources: [/invoices*]}
---
kind: source
id: github
webhook: {verify: {github: {secrets: [env:WEBHOOK_SECRET]}}, preset: github}
---
kind: source
id: stripe
webhook: {verify: {stripe: {secrets: [env:WEBHOOK_SECRET]}}, preset: stripe}
---
kind: source
id: slack
webhook: {verify: {slack: {secrets: [env:WEBHOOK_SECRET]}}, preset: slack}
---
kind: source
id: alertmanager
webhook: {verify: {bearer: {secrets: [env:WEBHOOK_SECRET]}}, preset: alertmanager}
---
id: from-webhooks
trigger:
  event: {types: [shop.*, invoice.*, github.*, stripe.*, slack.*, alertmanager.*]}
rules:
  - id: all
    tasks: [{id: look, human: {title: "${event.type}: ${event.subject}"}}]
"""
each_sender = pytest.mark.parametrize("name", SENDERS)


@pytest.fixture(scope="module", autouse=True)
async def _entrances(stack: Stack) -> None:
    await stack.api.apply(ENTRANCES)


async def post(
    stack: Stack,
    name: str,
    *,
    body: bytes | None = None,
    secret: str = proofs.SECRET,
    age: int = 0,
) -> httpx.Response:
    """A request signed so many seconds ago; `body` is put in place of what was signed."""
    sender = SENDERS[name]
    at = int(SystemClock().now().timestamp()) - age
    return await stack.api.http.post(
        f"/v1/hooks/{name}",
        content=sender.body if body is None else body,
        headers={
            "content-type": "application/json",
            **sender.headers,
            **sender.sign(sender.body, secret, at),
        },
    )


@each_sender
async def test_a_message_is_accepted_once_and_starts_a_run(stack: Stack, name: str) -> None:
    statuses, items = [], []
    for age in (0, 1):  # senders try again, with a new signature
        answer = await post(stack, name, age=age)
        statuses.append(answer.status_code)
        items.append(answer.json()["items"])
    assert statuses == [202, 200], items
    assert {item["status"] for item in items[1]} == {"duplicate"}
    for item, expected in zip(items[0], SENDERS[name].events, strict=True):
        run = await stack.api.run_of(item, "completed")
        [task] = run["tasks"]
        assert task["title"] == f"{expected['type']}: {expected['subject']}"
        envelope = (await stack.api.explain(item))["envelope"]
        assert {key: envelope[key] for key in expected} == expected
        assert envelope["source"] == expected.get("source", f"/sources/{name}")


@each_sender
async def test_a_forged_message_leaves_a_refusal_and_no_event(
    stack: Stack, sql: psycopg.AsyncConnection[dict[str, Any]], name: str
) -> None:
    async def events() -> list[dict[str, Any]]:
        rows = await sql.execute("select event_key from events where via = 'webhook'")
        return await rows.fetchall()

    says, body = SENDERS[name].says, SENDERS[name].body
    before = await events()
    forged = [await post(stack, name, secret=proofs.OTHER)]
    if "body" in says:
        forged.append(await post(stack, name, body=body.replace(b"2026", b"2025", 1) + b" "))
        forged.append(await post(stack, name, body=b""))
    if "time" in says:
        forged.append(await post(stack, name, age=600))
        forged.append(await post(stack, name, age=-600))
    assert {answer.status_code for answer in forged} == {401}
    assert len({answer.content for answer in forged}) == 1  # nothing to learn from

    refusals = await stack.api.items("/v1/refusals", sender=name)
    assert [refusal["code"] for refusal in refusals] == ["unverified"] * len(forged)
    assert {refusal["event_id"] for refusal in refusals} == {None}
    assert await events() == before
