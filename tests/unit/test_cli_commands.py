"""Commands against a real API over the in-memory twins: what they print, and how they end."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from tests.unit.memory_system import DEFINITIONS, MemorySystem
from tests.unit.test_api_operations import bury
from typer.testing import CliRunner, Result

from activity_core.cli.client import Client
from activity_core.cli.main import app


class InProcess(httpx.BaseTransport):
    """Requests of a synchronous client go to an application in another thread's loop."""

    def __init__(self, system: MemorySystem, portal: BlockingPortal) -> None:
        self._app = httpx.ASGITransport(app=system.app())
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._portal.call(self._handle, request)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        answer = await self._app.handle_async_request(request)
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=await answer.aread()
        )


class Shell:
    """A person at a terminal, next to a system that works when told to."""

    def __init__(self, system: MemorySystem, portal: BlockingPortal) -> None:
        self.system = system
        self.portal = portal
        self._client = Client(http=httpx.Client(transport=InProcess(system, portal)))

    def run(self, *args: str, ok: bool = True, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(app, args, obj=self._client, input=stdin)
        assert (result.exit_code == 0) == ok, result.output
        return result

    def json(self, *args: str) -> Any:
        return json.loads(self.run(*args, "--json").stdout)

    def work(self) -> None:
        self.portal.call(self.system.work)


@pytest.fixture
def shell() -> Iterator[Shell]:
    with start_blocking_portal() as portal:
        yield Shell(MemorySystem(), portal)


@pytest.fixture
def busy(shell: Shell, tmp_path: Path) -> Shell:
    """Definitions applied, one event routed: a run with a task, and a run that failed."""
    file = tmp_path / "definitions.yaml"
    file.write_text(DEFINITIONS)
    shell.run("apply", str(file))
    shell.run("emit", "order.created", "--data", '{"amount": 120}', "--source", "/s", "--id", "e1")
    shell.work()
    return shell


def test_apply_says_what_changed(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(DEFINITIONS)
    assert shell.run("apply", str(tmp_path)).stdout.splitlines() == [
        "created   broken v1",
        "created   triage v1",
    ]
    file.write_text(DEFINITIONS.replace("a large", "any"))
    report = shell.json("apply", str(file))
    assert [each["change"] for each in report["definitions"]] == ["unchanged", "updated"]


def test_apply_is_all_or_nothing_and_says_where(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(DEFINITIONS)
    (tmp_path / "bad.yaml").write_text("id: bad\ntrigger: {manual: }\nrule: []\n")
    failed = shell.run("apply", str(tmp_path), ok=False)
    assert failed.exit_code == 1
    assert f"{tmp_path}/bad.yaml:3:1: rule: unknown key `rule`" in failed.stderr
    assert not failed.stdout
    assert shell.json("definitions", "list")["items"] == []


def test_apply_shows_what_only_the_server_knows(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    text = DEFINITIONS.replace("limit: {static: 5}", "limit: {http: {connection: no, url: /}}")
    file.write_text(text)
    shell.run("validate", str(file))
    failed = shell.run("apply", str(file), ok=False)
    assert "no connection no" in failed.stderr
    assert "nothing applied" in failed.stderr


def test_definitions_are_listed_shown_and_changed(busy: Shell) -> None:
    table = busy.run("definitions", "list").stdout
    assert "triage" in table
    assert "event, manual" in table
    assert "Triage a large order" in busy.run("definitions", "show", "triage").stdout
    shown = busy.json("definitions", "show", "triage", "--version", "1")
    assert shown["shown_version"] == 1
    assert busy.run("pause", "triage", "--reason", "moving").stdout == "triage v1: paused\n"
    assert busy.run("resume", "triage").stdout == "triage v1: active\n"
    assert busy.run("definitions", "retire", "triage").stdout == "triage v1: retired\n"
    assert busy.run("definitions", "show", "none", ok=False).exit_code == 1


def test_emit_takes_data_from_everywhere(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"from": "file"}')
    shell.run("emit", "t", "--file", str(file), "--id", "1", "--subject", "s")
    shell.run("emit", "t", "--file", "-", "--id", "2", stdin=b'{"from": "pipe"}')
    shell.run("emit", "t", "--id", "3")
    items = {each["id"]: each for each in shell.json("events", "list", "--type", "t")["items"]}
    assert items["1"]["subject"] == "s"
    data = [shell.json("events", "show", id_)["envelope"].get("data") for id_ in "123"]
    assert data == [{"from": "file"}, {"from": "pipe"}, None]
    fresh = [shell.json("emit", "t")["id"] for _ in range(2)]
    assert fresh[0] != fresh[1]


def test_emit_twice_is_a_duplicate_and_another_body_a_conflict(shell: Shell) -> None:
    once = ("emit", "t", "--source", "/s", "--id", "1", "--data")
    assert shell.run(*once, "1").stdout == "accepted: /s 1\n"
    assert shell.run(*once, "1").stdout == "duplicate: /s 1\n"
    conflict = shell.run(*once, "2", ok=False)
    assert conflict.exit_code == 1
    assert conflict.stderr.startswith("error: event /s 1: ")
    assert "new id" in conflict.stderr


def test_trigger_prints_the_run(busy: Shell) -> None:
    first = busy.run("trigger", "triage", "--input", '{"dry": true}', "--request-id", "r1")
    again = busy.run("trigger", "triage", "--input", '{"dry": true}', "--request-id", "r1")
    assert first.stdout == again.stdout
    assert first.stdout.startswith("run-")
    assert "duplicate" in again.stderr
    assert busy.json("trigger", "triage")["status"] == "accepted"
    assert busy.run("trigger", "broken", ok=False).exit_code == 1


def test_runs_are_listed_shown_retried(busy: Shell) -> None:
    assert "triage v1" in busy.run("runs", "list", "--source", "/s", "--event", "e1").stdout
    [failed] = busy.json("runs", "list", "--status", "failed")["items"]
    [other] = busy.json("runs", "list", "--definition", "triage")["items"]
    shown = busy.run("runs", "show", failed["run_id"]).stdout
    assert "failed: " in shown
    assert busy.json("runs", "show", failed["run_id"])["failure"]
    retried = busy.run("runs", "retry", failed["run_id"])
    assert retried.stdout == f"{failed['run_id']}: attempt 2, pending\n"
    assert busy.run("runs", "retry", other["run_id"], ok=False).exit_code == 1


def test_a_task_is_found_and_completed(busy: Shell) -> None:
    assert "fraud" in busy.run("tasks", "list", "--group", "fraud").stdout
    [task] = busy.json("tasks", "list", "--status", "ready")["items"]
    assert "Look at it" in busy.run("tasks", "show", task["task_id"]).stdout
    complete = ("tasks", "complete", task["task_id"], "--outcome", "done")
    unfit = busy.run(*complete, ok=False)
    assert unfit.exit_code == 1
    assert "does not fit the task's form" in unfit.stderr
    done = busy.run(*complete, "--data", '{"ok": true}', "--comment", "c")
    assert done.stdout == f"{task['task_id']}: completed, done\n"
    assert busy.json("tasks", "show", task["task_id"])["comment"] == "c"


def test_people_hand_their_tasks_around(busy: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "fraud" in busy.run("tasks", "inbox", "--group", "fraud").stdout
    [task] = busy.json("tasks", "inbox")["items"]
    id_ = task["task_id"]
    unnamed = busy.run("tasks", "inbox", "--mine", ok=False)
    assert "ACTIVITY_CORE_USER" in unnamed.stderr
    assert busy.run("tasks", "claim", id_, "--by", "ann").stdout == f"{id_}: claimed by ann\n"
    taken = busy.run("tasks", "claim", id_, "--by", "bob", ok=False)
    assert "ann has claimed it" in taken.stderr
    monkeypatch.setenv("ACTIVITY_CORE_USER", "ann")
    assert "ann" in busy.run("tasks", "inbox", "--mine").stdout
    for args, said in (
        (("delegate", id_, "--to", "bob", "--comment", "c"), "ready, for bob"),
        (("return", id_, "--comment", "no time", "--by", "bob"), "ready, for fraud"),
        (("delegate", id_, "--group", "a", "--group", "b"), "ready, for a, b"),
        (("claim", id_, "--revision", "4"), "claimed by ann"),
        (("unclaim", id_), "ready, for a, b"),
        (("comment", id_, "nobody answers"), "ready, for a, b"),
    ):
        assert busy.run("tasks", *args).stdout == f"{id_}: {said}\n"
    stale = busy.run("tasks", "reject", id_, "--comment", "why", "--revision", "6", ok=False)
    assert "at revision 7, not 6: commented by ann at" in stale.stderr
    assert busy.run("tasks", "reject", id_, "--comment", "why").stdout == (
        f"{id_}: failed, rejected\n"
    )
    log = busy.json("tasks", "log", id_)["items"]
    assert [each["action"] for each in log][:3] == ["claimed", "delegated", "returned"]
    assert {(each["by"], each["via"]) for each in log} == {
        ("ann", "anonymous"),
        ("bob", "anonymous"),
    }
    assert "nobody answers" in busy.run("tasks", "log", id_).stdout
    assert busy.json("tasks", "inbox")["items"] == []


def test_explain_tells_the_whole_story(busy: Shell) -> None:
    busy.run("emit", "order.created", "--data", '{"amount": 1}', "--source", "/s", "--id", "e2")
    busy.work()
    story = busy.run("explain", "event", "e1", "--source", "/s").stdout
    for part in (
        "order.created",
        "triage v1 fired",
        "context",
        "limit 5",
        "all/look",
        "Look at it",
        "activity-core.task.created.v1",
        "broken v1 fired",
        "failed: ",
    ):
        assert part in story
    other = busy.run("explain", "event", "e2").stdout
    assert "triage v1 filtered event.data.amount > 100: 1 > 100 is false" in other
    answer = busy.json("explain", "event", "e1")
    assert len(answer["verdicts"]) == 2
    run_id = answer["runs"][0]["run_id"]
    assert run_id in busy.run("explain", "run", run_id).stdout
    assert busy.json("explain", "run", run_id)["run_id"] == run_id


def test_dead_letters_and_outbox(shell: Shell) -> None:

    for id_, body in (
        ("good", b'{"id":"1","source":"/s","type":"t","specversion":"1.0"}'),
        ("bad", b"[]"),
    ):
        shell.portal.call(bury, shell.system, id_, body)
    assert "event_invalid" in shell.run("dead-letters", "list").stdout
    assert len(shell.json("dead-letters", "list", "--via", "nats")["items"]) == 2
    assert "no event" in shell.run("dead-letters", "show", "bad").stdout
    assert shell.run("dead-letters", "replay", "good").stdout == "replayed: good /s 1\n"
    assert shell.run("dead-letters", "replay", "bad", ok=False).exit_code == 1
    assert shell.run("dead-letters", "discard", "bad").stdout == "discarded: bad\n"
    assert shell.json("outbox", "stuck") == {"items": [], "next": None}
    assert shell.run("outbox", "stuck").stderr == "nothing\n"


def test_lists_say_how_to_go_on(shell: Shell) -> None:
    for number in range(3):
        shell.run("emit", "t", "--id", str(number))
    first = shell.run("events", "list", "--limit", "2")
    assert len(first.stdout.splitlines()) == 3
    cursor = first.stderr.strip().removeprefix("there are more: --cursor ")
    rest = shell.run("events", "list", "--limit", "2", "--cursor", cursor)
    assert len(rest.stdout.splitlines()) == 2


def test_what_comes_from_outside_cannot_drive_the_terminal(shell: Shell) -> None:
    shell.run("emit", "t", "--id", "1", "--data", json.dumps({"x": "\x1b[2J[bold red]\x07"}))
    shown = shell.run("events", "show", "1").stdout
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold red]" in shown


@pytest.mark.parametrize(
    "args",
    [
        ("emit",),
        ("emit", "t", "--data", "{"),
        ("emit", "t", "--data", "1", "--file", "x"),
        ("emit", "t", "--file", "/nowhere"),
        ("trigger", "x", "--input", "[]"),
        ("tasks", "complete", "x"),
        ("runs", "list", "--limit", "0"),
        ("validate", "/nowhere"),
        ("nonsense",),
        ("emit", "t", "--nonsense"),
    ],
)
def test_wrong_usage_ends_with_2(shell: Shell, args: tuple[str, ...]) -> None:
    assert shell.run(*args, ok=False).exit_code == 2


def refusing(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def something_else(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="<html>")


@pytest.mark.parametrize("handler", [refusing, something_else])
def test_an_api_that_is_not_there_ends_with_3(
    handler: Callable[[httpx.Request], httpx.Response],
) -> None:
    client = Client(http=httpx.Client(transport=httpx.MockTransport(handler)))
    result = CliRunner().invoke(app, ["runs", "list"], obj=client)
    assert result.exit_code == 3
    assert "ACTIVITY_CORE_URL" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_environment_names_the_api_and_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_CORE_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("ACTIVITY_CORE_API_KEY", "k")
    assert CliRunner().invoke(app, ["runs", "list"]).exit_code == 3
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"items": [], "next": None})

    client = Client.from_environment()
    client._http = httpx.Client(transport=httpx.MockTransport(answer))
    client.get("runs", "a/b c", limit=1, cursor=None)
    assert str(seen[0].url) == "http://127.0.0.1:1/v1/runs/a%2Fb%20c?limit=1"
    assert seen[0].headers["authorization"] == "Bearer k"


def test_schemas_are_printed(shell: Shell) -> None:
    for noun, name in (("definition", "activity-definition"), ("event", "event-envelope")):
        assert name in json.loads(shell.run("schema", noun).stdout)["$id"]
