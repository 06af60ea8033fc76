"""`simulate event`, `explain task`: what they print."""

import json
from pathlib import Path

from tests.unit.memory_system import event
from tests.unit.test_cli_commands import Shell, busy, shell

__all__ = ["busy", "shell"]

DRAFT = """
id: triage
trigger: {event: {type: order.*, filter: event.data.amount > 1000}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
---
id: slow
trigger: {event: {type: order.created, batch: {max_wait: 10s}}}
context: {stock: {http: {url: "http://127.0.0.1:1/stock"}}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
"""


def lines(stdout: str) -> list[str]:
    return [line.strip(" │├└─") for line in stdout.splitlines()]


def test_a_simulation_reads_as_a_tree(busy: Shell, tmp_path: Path) -> None:
    file, draft = tmp_path / "event.json", tmp_path / "draft.yaml"
    file.write_text(json.dumps(event("e2")))
    shown = lines(busy.run("simulate", "event", str(file)).stdout)
    assert shown[0] == "event order.created  /shop e2"
    assert "would come in" in shown
    assert "would be routed at revision 1: 2 definitions would listen" in shown
    assert "triage v1 fired" in shown
    assert "task all/look human Look at it for fraud" in shown
    assert any(line.startswith("would fail: expression_failed") for line in shown)

    draft.write_text(DRAFT)
    shown = lines(busy.run("simulate", "event", str(file), "-f", str(draft)).stdout)
    told = "triage v2 draft filtered event.data.amount > 1000: 120 > 1000 is false"
    assert told in shown
    assert any(line.startswith("slow v1 draft held") for line in shown)
    assert "held by collect until 2026-01-01T12:00:10Z" in shown


def test_the_event_may_come_through_a_pipe_and_be_turned_away(busy: Shell) -> None:
    given = json.dumps(event(type="ordr.created")).encode()
    shown = lines(busy.run("simulate", "event", "-", stdin=given).stdout)
    assert "near miss broken listens to order.created: one edit away" in shown
    nobody = busy.run("simulate", "event", "-", "--sender", "none", stdin=given, ok=False)
    assert "no such source" in nobody.stderr
    busy.system.gate._unlisted = False
    shown = lines(busy.run("simulate", "event", "-", stdin=given).stdout)
    assert shown[1].startswith("would be refused forbidden no source lists it")


def test_a_draft_that_is_wrong_says_where(busy: Shell, tmp_path: Path) -> None:
    file, draft = tmp_path / "event.json", tmp_path / "draft.yaml"
    file.write_text(json.dumps(event()))
    draft.write_text(DRAFT.replace("event.data.amount", "evnt.data.amount"))
    told = busy.run("simulate", "event", str(file), "-f", str(draft), ok=False).stderr
    assert f"{draft}:3:" in told
    assert "evnt" in told


def test_explain_task_leads_back_to_the_event(busy: Shell) -> None:
    [task] = busy.json("tasks", "list")["items"]
    shown = lines(busy.run("explain", "task", task["task_id"]).stdout)
    assert shown[0] == f"task {task['task_id']}  Look at it"
    assert "task all/look human Look at it" in shown
    assert "rule all held 1 of 1, 1 task" in shown
    assert any(line.startswith(f"run {task['run_id']} triage v1 event") for line in shown)
    assert "because of event /s e1 order.created" in shown
    assert "decision fired" in shown
    assert busy.json("explain", "task", task["task_id"])["lineage"]["run_id"] == task["run_id"]
