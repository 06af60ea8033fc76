"""Commands that change what runs do, and which version of a definition they get."""

from pathlib import Path

import pytest
from tests.unit.test_cli_commands import Shell, busy, shell

__all__ = ["busy", "shell"]

ONE = """
id: greet
title: One
trigger: {manual: {}}
rules: [{id: r, tasks: [{id: t, human: {title: Greet}}]}]
"""


def run_of(busy: Shell, definition_id: str) -> str:
    [run] = busy.json("runs", "list", "--definition", definition_id)["items"]
    return str(run["run_id"])


def test_an_open_run_is_cancelled(busy: Shell) -> None:
    [run_id] = busy.run("trigger", "triage").stdout.split()
    cancelled = busy.run("runs", "cancel", run_id, "--reason", "sent twice")
    assert cancelled.stdout == f"{run_id}: attempt 1, cancelled\n"
    shown = busy.run("runs", "show", run_id).stdout
    assert "cancelled by anonymous: sent twice" in shown
    refused = busy.run("runs", "cancel", run_id, "--compensate", ok=False)
    assert "it is cancelled" in refused.stderr
    [other] = busy.run("trigger", "triage").stdout.split()
    assert "cancelled" in busy.run("runs", "terminate", other).stdout


def test_a_run_is_run_again(busy: Shell) -> None:
    run_id = run_of(busy, "triage")
    again = busy.run("runs", "rerun", run_id, "--request-id", "r1", "--reason", "look")
    assert again.stdout.startswith("run-")
    assert "accepted" in again.stderr
    repeated = busy.run("runs", "rerun", run_id, "--request-id", "r1")
    assert (repeated.stdout, "duplicate" in repeated.stderr) == (again.stdout, True)
    busy.work()
    explained = busy.run("explain", "run", again.stdout.strip()).stdout
    assert f"run again of {run_id}" in " ".join(explained.split())
    log = busy.run("runs", "show", run_id).stdout
    assert "rerun" in log
    assert busy.run("runs", "rerun", run_id, "--context", "other", ok=False).exit_code == 1


def test_a_task_is_skipped(busy: Shell) -> None:
    [task] = busy.json("tasks", "list", "--status", "ready")["items"]
    skipped = busy.run("tasks", "skip", task["task_id"], "--reason", "no")
    assert skipped.stdout == f"{task['task_id']}: skipped, not_wanted\n"


@pytest.fixture
def greeting(shell: Shell, tmp_path: Path) -> Shell:
    one = tmp_path / "one.yaml"
    one.write_text(ONE)
    shell.run("apply", str(one))
    (tmp_path / "two.yaml").write_text(ONE.replace("One", "Two"))
    return shell


def test_a_version_is_rolled_out_promoted_and_taken_back(greeting: Shell, tmp_path: Path) -> None:
    two = str(tmp_path / "two.yaml")
    rolled = greeting.run("definitions", "rollout", "greet", two, "--percent", "10")
    assert rolled.stdout == "greet v1: active\ncandidate v2 for 10 %\n"
    assert "candidate" not in greeting.run("definitions", "promote", "greet").stdout
    back = greeting.run("definitions", "rollback", "greet", "--reason", "slow")
    assert back.stdout == "greet v3: active\n"
    shown = greeting.json("definitions", "show", "greet")
    assert shown["reason"] == "rolled back to version 1: slow"
    greeting.run("definitions", "rollout", "greet", two, "--percent", "50")
    stopped = greeting.run("definitions", "rollback", "greet").stdout
    assert stopped == "greet v3: active\ncandidate v4 stopped: by anonymous\n"


def test_a_file_without_the_definition_is_refused(greeting: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(ONE.replace("greet", "other"))
    args = ("definitions", "rollout", "greet", str(other), "--percent", "10")
    assert "has no definition greet" in greeting.run(*args, ok=False).output
