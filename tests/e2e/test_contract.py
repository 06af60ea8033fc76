"""What scripts rely on: paths, statuses, fields and exit codes, over HTTP and the command line."""

import json
import secrets

import pytest
from tests.api import BATCH, cloudevent
from tests.e2e.conftest import Stack, free_port
from tests.program import environment, run

DEFINITION = """
id: contract
title: The contract
owner: tests
trigger:
  event: {type: contract.*}
  manual: {input: {type: object, properties: {n: {type: integer}}, additionalProperties: false}}
rules:
  - id: all
    tasks:
      - id: look
        human: {title: Look, assign: {group: testers}, due: P2D}
"""
RUN_FIELDS = {
    *("run_id", "definition_id", "version_used", "occurrence_key", "scheduled_for", "fired_at"),
    *("started_at", "finished_at", "status", "events", "context_hash", "tasks_spawned"),
    *("workflow_id", "trigger"),
}
TASK_FIELDS = {
    *("task_id", "run_id", "definition_id", "rule", "spec_id", "kind", "title", "status"),
    *("assignee", "groups", "due_at", "outcome", "outputs"),
}


@pytest.fixture(scope="module", autouse=True)
async def _definition(stack: Stack) -> None:
    await stack.api.apply(DEFINITION)


def unique() -> str:
    return "c-" + secrets.token_hex(4)


async def test_an_event_in_each_way_of_writing_it(stack: Stack) -> None:
    structured = cloudevent("contract.one", unique(), {"n": 1})
    answer = await stack.api.send(structured)
    assert answer == {"source": "/tests", "id": structured["id"], "status": "accepted"}

    binary = unique()
    headers = {
        "ce-specversion": "1.0",
        "ce-id": binary,
        "ce-source": "/tests",
        "ce-type": "contract.two",
        "content-type": "application/json",
    }
    answer = (await stack.api.http.post("/v1/events", content=b'{"n":2}', headers=headers)).json()
    assert answer == {"source": "/tests", "id": binary, "status": "accepted"}

    batch = [cloudevent("contract.three", unique()) for _ in range(3)]
    sent = await stack.api.http.post("/v1/events", json=[*batch, batch[0]], headers=BATCH)
    assert sent.status_code == 202
    statuses = [item["status"] for item in sent.json()["items"]]
    assert statuses == ["accepted", "accepted", "accepted", "duplicate"]

    plain = {"event_id": unique(), "type": "contract.four", "source": "/tests", "payload": {"n": 4}}
    answer = await stack.api.post("/v1/events", plain, status=202)
    assert answer["id"] == plain["event_id"]
    for event in (structured, {"source": "/tests", "id": binary}, *batch):
        await stack.api.run_of(event, "completed")


async def test_the_same_event_again(stack: Stack) -> None:
    event = cloudevent("contract.one", unique(), {"n": 1})
    await stack.api.send(event)
    run_ = await stack.api.run_of(event, "completed")
    again = await stack.api.send(event, status=200)
    assert again["status"] == "duplicate"
    assert (again["state"], again["runs"]) == ("routed", [run_["run_id"]])
    other = await stack.api.send(event | {"data": {"n": 2}}, status=409)
    assert other["code"] == "event_conflict"
    assert len(await stack.api.runs_of(event)) == 1


async def test_runs_and_tasks_have_the_published_fields(stack: Stack) -> None:
    event = cloudevent("contract.one", unique())
    await stack.api.send(event)
    run_ = await stack.api.run_of(event, "completed")
    [listed] = await stack.api.runs_of(event)
    assert listed.keys() >= RUN_FIELDS
    assert run_.keys() >= RUN_FIELDS | {"context_snapshot", "tasks", "decisions", "events_out"}
    [task] = await stack.api.items("/v1/tasks", run_id=run_["run_id"])
    assert task.keys() >= TASK_FIELDS
    assert task["task_id"] in listed["tasks_spawned"]
    assert (task["status"], task["groups"]) == ("ready", ["testers"])
    by_definition = await stack.api.items(
        "/v1/tasks", definition_id="contract", status="ready", limit=1000
    )
    assert task["task_id"] in {item["task_id"] for item in by_definition}


async def test_lists_page_to_their_end(stack: Stack) -> None:
    events = [cloudevent("contract.page", unique(), source="/pages") for _ in range(5)]
    for event in events:
        await stack.api.send(event)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await stack.api.get("/v1/events", source="/pages", limit=2, **cursor)
        assert page.keys() == {"items", "next"}
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [event["id"] for event in reversed(events)]


async def test_health(stack: Stack) -> None:
    assert (await stack.api.get("/healthz"))["status"] == "alive"
    ready = await stack.api.get("/readyz")
    assert ready["checks"] == {"postgres": "ok", "temporal": "ok", "nats": "ok"}
    metrics = (await stack.api.http.get("/metrics")).text
    for name in ("activity_core_events_in_total", 'activity_core_queue_depth{queue="inbox"}'):
        assert name in metrics
    assert (await stack.api.get("/openapi.json"))["openapi"].startswith("3.")


async def test_the_way_of_an_event_on_the_command_line(stack: Stack) -> None:
    id_ = unique()
    emitted = await stack.said(
        *("emit", "contract.cli", "--data", '{"n": 1}', "--source", "/cli", "--id", id_)
    )
    assert emitted == {"source": "/cli", "id": id_, "status": "accepted"}
    run_ = await stack.api.run_of({"source": "/cli", "id": id_}, "completed")

    assert (await stack.said("events", "list", "--source", "/cli", "--id", id_))["items"][0][
        "type"
    ] == "contract.cli"
    shown = await stack.said("events", "show", id_, "--source", "/cli")
    assert shown["envelope"]["data"] == {"n": 1}
    listed = await stack.said("runs", "list", "--definition", "contract", "--event", id_)
    assert [item["run_id"] for item in listed["items"]] == [run_["run_id"]]
    assert (await stack.said("runs", "show", run_["run_id"]))["status"] == "completed"
    [task] = (await stack.said("tasks", "list", "--run", run_["run_id"]))["items"]
    assert (await stack.said("tasks", "show", task["task_id"]))["status"] == "ready"
    done = await stack.said("tasks", "complete", task["task_id"], "--outcome", "done")
    assert done["status"] == "completed"
    assert (await stack.said("outbox", "stuck"))["items"] == []


async def test_a_manual_trigger_runs_once_per_request(stack: Stack) -> None:
    request = unique()
    command = ("trigger", "contract", "--request-id", request, "--input", '{"n": 3}')
    first = await stack.said(*command)
    again = await stack.said(*command)
    assert (first["status"], again["status"]) == ("accepted", "duplicate")
    assert first["run_id"] == again["run_id"]
    run_ = await stack.api.run(first["run_id"], "completed")
    assert (run_["input"], run_["occurrence_key"]) == ({"n": 3}, f"m.{request}")
    assert run_["workflow_id"] == f"activity-contract-m.{request}"
    refused = await stack.cli("trigger", "contract", "--input", '{"n": "three"}')
    assert refused.code == 1
    assert "does not fit the trigger's schema" in refused.err


async def test_definitions_on_the_command_line(stack: Stack, tmp_path: object) -> None:
    listed = await stack.said("definitions", "list", "--limit", "1000")
    [item] = [item for item in listed["items"] if item["definition_id"] == "contract"]
    assert (item["status"], item["triggers"]) == ("active", ["event", "manual"])
    shown = await stack.said("definitions", "show", "contract", "--version", "1")
    assert shown["definition"]["title"] == "The contract"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("runs", "show", "none"), 1),
        (("definitions", "show", "none"), 1),
        (("trigger", "none"), 1),
        (("emit", "x.y", "--data", "{no json"), 2),
        (("runs", "list", "--limit", "0"), 2),
        (("nonsense",), 2),
        (("validate", "/no/such/path"), 2),
    ],
)
async def test_exit_codes(stack: Stack, arguments: tuple[str, ...], code: int) -> None:
    done = await stack.cli(*arguments)
    assert done.code == code, done.err
    assert done.out == ""
    assert done.err
    assert "Traceback" not in done.err


async def test_no_api_is_exit_code_3() -> None:
    env = environment(ACTIVITY_CORE_URL=f"http://127.0.0.1:{free_port()}")
    done = await run("runs", "list", "--json", env=env)
    assert (done.code, done.out) == (3, "")
    assert "no API answers at" in done.err


async def test_a_process_without_its_settings_says_which() -> None:
    done = await run("router", env=environment())
    assert done.code == 1
    assert "ACTIVITY_CORE_DATABASE_URL is not set" in done.err


async def test_json_and_yaml_are_accepted_alike(stack: Stack) -> None:
    """The document as it is shown can be applied again, and changes nothing."""
    shown = (await stack.api.get("/v1/definitions/contract"))["definition"]
    answer = await stack.api.http.put(
        "/v1/definitions",
        content=json.dumps([shown]),
        headers={"content-type": "application/json"},
    )
    assert [item["change"] for item in answer.json()["definitions"]] == ["unchanged"]
