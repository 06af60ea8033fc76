"""What operators do to runs by command: end, undo, mend, repeat; and how Temporal finds them."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from tests.api import Json, cloudevent, eventually
from tests.e2e.conftest import Stack
from tests.e2e.stories import by_spec, statuses
from tests.outside import Outside, Reply, outside_world

DEFINITION = """
kind: connection
id: control-desk
http: {{base_url: {url}}}
---
id: control
owner: billing
trigger: {{event: {{type: control.asked}}}}
context:
  rate: {{http: {{connection: control-desk, url: /rate}}, retry: {{max_attempts: 1}}}}
rules:
  - id: all
    tasks:
      - id: book
        http: {{connection: control-desk, url: /book, json: {{rate: "${{context.rate.n}}"}}}}
        compensate:
          http: {{connection: control-desk, url: /unbook}}
      - id: look
        needs: [book]
        human: {{title: Look at it, wait: true, assign: {{group: billing}}}}
      - id: check
        needs: [look]
        on_failure: fail
        http: {{connection: control-desk, url: /check}}
      - id: tell
        needs: [check]
        http: {{connection: control-desk, url: /tell}}
"""


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Outside]:
    """All is well with it."""
    with outside_world() as world:
        world.answers("/rate", Reply(200, {"n": 1}), Reply(200, {"n": 2}))
        for path in ("/book", "/unbook", "/check", "/tell"):
            world.answers(path, Reply(200))
        await stack.api.apply(DEFINITION.format(url=world.url))
        yield world


async def waiting(stack: Stack, name: str) -> Json:
    """A run that waits for a person."""
    event = cloudevent("control.asked", f"control-{name}")
    await stack.api.send(event)
    return await stack.api.held_by(event)


async def looked(stack: Stack, run: Json, status: str) -> Json:
    """The run once somebody did look."""
    task_id = by_spec(run)["look"]["task_id"]
    await stack.api.post(f"/v1/tasks/{task_id}/complete", {"outcome": "done"})
    return await stack.api.run(str(run["run_id"]), status)


async def ends(temporal: Client, run: Json) -> WorkflowExecutionStatus:
    """How the workflow of a run ended."""
    handle = temporal.get_workflow_handle(str(run["workflow_id"]))

    async def look() -> WorkflowExecutionStatus | None:
        status = (await handle.describe()).status
        return None if status is WorkflowExecutionStatus.RUNNING else status

    return await eventually(look, "its workflow ends")


async def test_runs_are_cancelled_and_terminated(stack: Stack, desk: Outside, temporal: Client):
    for command, how in (
        ("cancel", WorkflowExecutionStatus.CANCELED),
        ("terminate", WorkflowExecutionStatus.TERMINATED),
    ):
        run = await waiting(stack, command)
        done = await stack.cli("runs", command, run["run_id"], "--reason", "sent twice")
        assert (done.code, done.out.strip()) == (0, f"{run['run_id']}: attempt 1, cancelled")
        over = await stack.api.run(str(run["run_id"]), "cancelled")
        assert statuses(over) == {
            "book": "completed",
            "look": "cancelled",
            "check": "cancelled",
            "tell": "cancelled",
        }
        assert await ends(temporal, over) is how
        again = await stack.cli("runs", "retry", run["run_id"])
        assert (again.code, "only failed runs" in again.err) == (1, True), again.err
    assert desk.requests("/unbook") == []


async def test_a_cancelled_run_undoes_what_it_did(stack: Stack, desk: Outside):
    run = await waiting(stack, "undone")
    done = await stack.cli("runs", "cancel", run["run_id"], "--compensate", "--reason", "wrong")
    assert "asked to compensate" in done.out
    over = await stack.api.run(str(run["run_id"]), "compensated")
    assert statuses(over) == {
        "book": "compensated",
        "look": "cancelled",
        "check": "cancelled",
        "tell": "cancelled",
        "book/compensate": "completed",
    }
    assert len(desk.requests("/unbook")) == 1
    [line] = over["log"]
    assert (line["action"], line["reason"]) == ("compensating", "wrong")
    done = await stack.cli("runs", "cancel", run["run_id"])
    assert (done.code, "it is compensated" in done.err) == (1, True), done.err


async def test_a_failed_task_is_skipped_and_the_run_goes_on(
    stack: Stack, desk: Outside, temporal: Client
):
    desk.answers("/check", Reply(404))
    failed = await looked(stack, await waiting(stack, "skip"), "failed")
    assert statuses(failed)["tell"] == "skipped"
    check = by_spec(failed)["check"]["task_id"]
    skipped = await stack.cli("tasks", "skip", check, "--reason", "checked by hand")
    assert skipped.out.strip() == f"{check}: skipped, not_wanted"
    retried = await stack.cli("runs", "retry", failed["run_id"])
    assert retried.code == 0, retried.err
    again = await stack.api.run(str(failed["run_id"]), "completed", attempt=2)
    assert statuses(again) == {
        "book": "completed",
        "look": "completed",
        "check": "skipped",
        "tell": "completed",
    }
    assert len(desk.requests("/book")) == 1
    assert [line["action"] for line in again["log"]] == ["task_skipped", "retried"]
    late = await stack.cli("tasks", "skip", by_spec(again)["tell"]["task_id"])
    assert (late.code, "it is completed" in late.err) == (1, True), late.err

    asked = " and ".join(
        [
            'ActivityDefinition = "control"',
            f'ActivityVersion = "control@{again["version_used"]}"',
            'ActivityOwner = "billing"',
            f'ActivityOccurrence = "{again["occurrence_key"]}"',
        ]
    )

    async def found() -> dict[str, str] | None:
        ended = {
            "failed": 'ActivityOutcome = "failed"',
            "completed": 'ExecutionStatus = "Completed" and ActivityOutcome is null',
        }
        outcomes = {
            outcome: [each.id async for each in temporal.list_workflows(f"{asked} and {query}")]
            for outcome, query in ended.items()
        }
        return {name: ids[0] for name, ids in outcomes.items()} if all(outcomes.values()) else None

    workflows = await eventually(found, "Temporal finds both attempts by how they ended")
    assert workflows["completed"] == again["workflow_id"]
    assert workflows["failed"] == failed["workflow_id"]


async def test_a_run_is_run_again_with_the_answers_of_then_or_anew(stack: Stack, desk: Outside):
    first = await looked(stack, await waiting(stack, "rerun"), "completed")
    rates = []
    for context in ("same", "fresh"):
        asked = await stack.cli(
            *("runs", "rerun", first["run_id"], "--context", context, "--reason", "once more"),
            *("--request-id", f"rerun-{context}"),
        )
        held = await stack.api.held(asked.out.strip())
        run = await looked(stack, held, "completed")
        assert run["rerun_of"] == first["run_id"]
        assert run["events"] == first["events"]
        rates.append(run["context_snapshot"]["context"]["rate"]["n"])
    assert rates == [1, 2]
    assert [request.body for request in desk.requests("/book")] == [
        {"rate": 1},
        {"rate": 1},
        {"rate": 2},
    ]
    twice = await stack.cli(*("runs", "rerun", first["run_id"], "--request-id", "rerun-same"))
    assert "duplicate" in twice.err
