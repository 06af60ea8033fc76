"""People and their tasks: the approval of the examples, and one that nobody looks after.

Mail goes to a real mail server, web hooks to a real web server.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.api import Json, cloudevent, eventually
from tests.e2e.conftest import Stack
from tests.e2e.stories import by_spec, example, retiring, statuses
from tests.integration.test_smtp_performer import Mailbox, mailbox
from tests.outside import Outside, Reply

OFFICE = (
    'smtp: {host: mail.example.com, user: "env:MAIL_USER", password: "env:MAIL_PASSWORD", '
    "sender: tasks@example.com}"
)
NEGLECTED = """
kind: connection
id: desk-hook
http: {{base_url: {url}}}
---
id: neglected
trigger: {{event: {{type: desk.asked}}}}
rules:
  - id: desk
    tasks:
      - id: decide
        human:
          title: "Decide about ${{event.data.what}}"
          assign: {{group: desk}}
          outcomes: ["yes", "no"]
          remind: 1s
          reassign: {{after: 2s, to: {{user: bob}}}}
          escalate: {{after: 3s, to: {{group: chiefs}}}}
          expire: {{after: 4s, outcome: "no"}}
          wait: true
          notify:
            - on: [created, reminded, reassigned, escalated, expired]
              http:
                connection: desk-hook
                url: /desk
                json:
                  notice: "${{notice}}"
                  groups: "${{task.groups}}"
      - id: refuse
        needs: [decide]
        when: tasks.decide.outcome == "no"
        http: {{connection: desk-hook, url: /refused, json: {{so: "${{tasks.decide.status}}"}}}}
"""


@pytest.fixture(scope="module")
async def mails(stack: Stack, outside: Outside) -> AsyncIterator[Mailbox]:
    outside.answers("/desk", Reply(503), Reply(200))
    outside.answers("/refused", Reply(200))
    async with mailbox() as box:
        here = f"smtp: {{host: 127.0.0.1, port: {box.port}, tls: none, sender: t@example.com}}"
        await stack.api.apply(example("approval.yaml", (OFFICE, here)))
        await stack.api.apply(NEGLECTED.format(url=outside.url))
        async with retiring(stack, "approve-purchase", "neglected"):
            yield box


async def ready(stack: Stack, event: Json, spec_id: str) -> Json:
    """A task for people, once they can do it."""

    async def look() -> Json | None:
        await stack.api.routed(event)
        [run] = await stack.api.runs_of(event)
        task = by_spec(await stack.api.get(f"/v1/runs/{run['run_id']}")).get(spec_id)
        return task if task and task["status"] == "ready" else None

    return await eventually(look, f"{spec_id} can be done")


async def asked(stack: Stack, number: int) -> tuple[Json, str]:
    """A purchase that somebody wants; the id of its first task."""
    data = {"what": f"chair {number}", "amount": 900, "team": "office-team"}
    event = cloudevent("purchase.requested", f"purchase-{number}", data, subject=f"p-{number}")
    await stack.api.send(event)
    return event, str((await ready(stack, event, "check"))["task_id"])


async def test_two_people_approve_a_purchase(stack: Stack, mails: Mailbox):
    event, check = await asked(stack, 1)
    cheap = await stack.api.http.post(f"/v1/tasks/{check}/complete", json={"outcome": "cheap"})
    assert (cheap.status_code, cheap.json()["code"]) == (400, "bad_input")
    assert "one of fine, too-expensive" in cheap.json()["hint"]
    checked = await stack.said(
        *("tasks", "complete", check, "--outcome", "fine", "--by", "ann"),
        *("--data", '{"note": "we need it"}'),
    )
    assert checked["completed_by"] == "ann"
    task = await ready(stack, event, "approve")
    approve = f"/v1/tasks/{task['task_id']}"
    assert (task["inputs"]["description"], task["groups"]) == ("we need it", ["finance"])

    same = await stack.api.post(f"{approve}/claim", {"by": "ann"}, status=409)
    assert same["code"] == "four_eyes"
    rivals = [stack.api.http.post(f"{approve}/claim", json={"by": by}) for by in ("bob", "cid")]
    answers = sorted(await asyncio.gather(*rivals), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200, 409]
    winner = answers[0].json()["claimed_by"]
    assert answers[1].json()["detail"] == f"{winner} has claimed it"
    loser = {"bob": "cid", "cid": "bob"}[winner]

    wrong = {"by": winner, "outcome": "approved", "data": {"cost_center": 7}}
    unfit = await stack.api.post(f"{approve}/complete", wrong, status=422)
    assert (unfit["code"], unfit["pointers"]) == ("schema_mismatch", ["/cost_center"])
    stale = {"by": winner, "outcome": "approved", "data": {"cost_center": "7"}, "revision": 0}
    assert (await stack.api.post(f"{approve}/complete", stale, status=409))["code"] == "stale"
    now = await stack.api.get(approve)
    assert (now["status"], now["claimed_by"], now["revision"]) == ("claimed", winner, 1)

    await stack.api.post(f"{approve}/return", {"by": winner, "comment": "no time"})
    await stack.api.post(f"{approve}/delegate", {"user": loser})
    done = {"by": loser, "outcome": "approved", "data": {"cost_center": "7"}, "comment": "ok"}
    first = await stack.api.post(f"{approve}/complete", done, status=200)
    assert await stack.api.post(f"{approve}/complete", done, status=200) == first
    other = await stack.api.post(f"{approve}/complete", done | {"outcome": "rejected"}, status=409)
    assert other["code"] == "conflict"

    run = await stack.api.run_of(event, "completed")
    assert statuses(run)["order"] == "completed"
    assert "purchase.approved" in [out["type"] for out in run["events_out"]]
    log = (await stack.said("tasks", "log", str(task["task_id"])))["items"]
    assert [(line["action"], line["by"]) for line in log] == [
        ("claimed", winner),
        ("returned", winner),
        ("delegated", "anonymous"),
        ("completed", loser),
    ]

    async def told() -> str | None:
        return next((mail["subject"] for mail in mails.messages), None)

    assert await eventually(told, "finance gets a mail") == "Approve chair 1 for 900 EUR"
    [mail] = mails.messages
    assert (mail["to"], mail["from"]) == ("finance@example.com", "t@example.com")
    assert mail.get_content().startswith(f"created: due {task['due_at']}")


async def test_what_nobody_wants_ends_the_run(stack: Stack, mails: Mailbox):
    event, check = await asked(stack, 2)
    await stack.api.post(f"/v1/tasks/{check}/complete", {"outcome": "too-expensive"})
    run = await stack.api.run_of(event, "completed")
    assert statuses(run) == {"check": "completed", "approve": "skipped", "order": "skipped"}
    assert len(mails.messages) <= 1, "nobody is told of a task that never was"


async def test_a_cancelled_run_needs_nobody_any_more(stack: Stack, mails: Mailbox):
    event, check = await asked(stack, 3)
    inbox = await stack.said("tasks", "inbox", "--group", "office-team")
    assert check in [task["task_id"] for task in inbox["items"]]
    [run] = await stack.api.runs_of(event)
    done = await stack.cli("runs", "cancel", run["run_id"], "--reason", "bought already")
    assert "cancelled" in done.out
    task = await stack.api.get(f"/v1/tasks/{check}")
    assert task["status"] == "cancelled"
    late = await stack.api.post(f"/v1/tasks/{check}/complete", {"outcome": "fine"}, status=409)
    assert "cancelled" in late["detail"]
    inbox = await stack.said("tasks", "inbox", "--group", "office-team")
    assert check not in [task["task_id"] for task in inbox["items"]]
    explained = await stack.said("explain", "run", run["run_id"])
    [line] = explained["log"]
    assert (line["action"], line["reason"]) == ("cancelled", "bought already")


@pytest.mark.usefixtures("mails")
async def test_nobody_decides(stack: Stack, outside: Outside):
    event = cloudevent("desk.asked", "desk-1", {"what": "the heating"})
    await stack.api.send(event)
    run = await stack.api.run_of(event, "completed")
    decide = by_spec(run)["decide"]
    assert (decide["status"], decide["outcome"], decide["groups"]) == ("expired", "no", ["chiefs"])
    assert [request.body for request in outside.requests("/refused")] == [{"so": "expired"}]
    log = await stack.api.items(f"/v1/tasks/{decide['task_id']}/log")
    notices = ["reminded", "reassigned", "escalated", "expired"]
    assert [(line["action"], line["by"]) for line in log] == [
        (each, "activity-core") for each in notices
    ]
    types = await stack.api.announced(str(run["run_id"]))
    assert "activity-core.task.escalated.v1" in types

    async def told() -> list[Json] | None:
        bodies = [request.body for request in outside.requests("/desk")]
        return bodies if len(bodies) > len(notices) + 1 else None

    bodies = await eventually(told, "the desk is told of all, one is refused and sent again")
    assert sorted({body["notice"] for body in bodies}) == sorted(["created", *notices])
    assert {str(body["groups"]) for body in bodies if body["notice"] == "expired"} == {"['chiefs']"}
