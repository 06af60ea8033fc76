"""Backfills at the command line: asked for, waited for, stopped; and catching up after a pause."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.test_cli_commands import Shell, shell

from activity_core.cli import backfills

__all__ = ["shell"]

TASK = "{id: t, human: {title: T}}"
DEFINITIONS = f"""
id: hourly
trigger: {{interval: {{every: 1h}}}}
rules: [{{id: r, tasks: [{TASK}]}}]
---
id: broken
trigger: {{interval: {{every: 1h}}}}
rules: [{{id: r, when: int(slot) == 1, tasks: [{TASK}]}}]
---
id: busy
trigger: {{interval: {{every: 1s}}}}
rules: [{{id: r, tasks: [{TASK}]}}]
"""
RANGE = ("--from", "2026-01-01T09:00:00Z", "--to", "2026-01-01T11:00:00Z")


@pytest.fixture
def applied(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Definitions with a schedule; while the command waits, the system works."""
    file = tmp_path / "definitions.yaml"
    file.write_text(DEFINITIONS)
    shell.run("apply", str(file))

    def work(_: float) -> None:
        shell.portal.call(shell.system.backfiller.step)
        shell.work()

    monkeypatch.setattr("activity_core.cli.backfills.time.sleep", work)
    return shell


def test_it_waits_and_tells_how_far_it_is(applied: Shell) -> None:
    done = applied.run("backfill", "hourly", *RANGE, "--request-id", "late", "--reason", "r")
    assert done.stdout == "late: completed, 3 completed\n"
    assert done.stderr.splitlines() == [
        "backfill late: it goes on without this command",
        "0/3  3 waiting",
        "1/3  1 completed, 2 waiting",
        "2/3  2 completed, 1 waiting",
        "3/3  3 completed",
    ]
    again = applied.json("backfill", "hourly", *RANGE)
    assert (again["status"], again["counts"]) == ("completed", {"existing": 3})


def test_a_range_without_slots_is_done_at_once(applied: Shell) -> None:
    between = ("--from", "2026-01-01T09:01:00Z", "--to", "2026-01-01T09:59:00Z")
    done = applied.run("backfill", "hourly", *between, "--request-id", "none")
    assert done.stdout == "none: completed, no slots\n"


def test_a_run_that_failed_is_an_exit_code(applied: Shell) -> None:
    failed = applied.run("backfill", "broken", *RANGE, "--max-concurrent", "3", ok=False)
    assert failed.exit_code == 1
    assert "completed, 3 failed" in failed.stdout


def test_one_that_is_stopped_meanwhile_is_an_exit_code(
    applied: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: float) -> None:
        applied.portal.call(applied.system.backfiller.stop, "late")

    monkeypatch.setattr("activity_core.cli.backfills.time.sleep", stop)
    stopped = applied.run("backfill", "hourly", *RANGE, "--request-id", "late", ok=False)
    assert stopped.exit_code == 1
    assert stopped.stdout == "late: stopped, 3 waiting\n"


def test_a_terminal_has_a_bar(applied: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfills, "_on_a_terminal", lambda: True)
    done = applied.run("backfill", "hourly", *RANGE, "--request-id", "late")
    assert "3/3  3 completed" in done.stderr
    assert done.stdout == "late: completed, 3 completed\n"


def test_without_waiting_only_the_id_is_printed(applied: Shell) -> None:
    asked = applied.run("backfill", "hourly", *RANGE, "--no-wait", "--request-id", "late")
    assert asked.stdout == "late\n"
    assert applied.json("backfill", "hourly", *RANGE, "--no-wait")["status"] == "running"
    assert "3 waiting" in applied.run("backfills", "list", "--definition", "hourly").stdout
    assert len(applied.json("backfills", "list")["items"]) == 2
    assert "late" in applied.run("backfills", "show", "late").stdout
    assert applied.run("backfills", "stop", "late").stdout == "late: stopped, 3 waiting\n"
    assert applied.json("backfills", "show", "late")["status"] == "stopped"
    assert applied.run("backfills", "show", "none", ok=False).exit_code == 1


def test_a_dry_run_prints_the_slots(applied: Shell) -> None:
    dry = applied.run("backfill", "hourly", *RANGE, "--dry-run", "--order", "newest")
    assert dry.stdout.splitlines() == [f"2026-01-01T{at}:00:00Z" for at in ("11", "10", "09")]
    assert dry.stderr == "would run 3 slots; 0 have a run already\n"
    many = applied.run("backfill", "busy", *RANGE, "--dry-run")
    assert "would run 7201 slots (1000 of them are listed)" in many.stderr
    assert applied.json("backfill", "hourly", *RANGE, "--dry-run")["counts"]["waiting"] == 3
    assert applied.json("backfills", "list")["items"] == []


def test_many_slots_need_yes(applied: Shell) -> None:
    refused = applied.run("backfill", "busy", *RANGE, "--no-wait", ok=False)
    assert refused.exit_code == 1
    assert "7,201 slots" in refused.stderr
    assert "--yes" in refused.stderr
    applied.run("backfill", "busy", *RANGE, "--no-wait", "--yes")


def test_bad_times_are_named(applied: Shell) -> None:
    refused = applied.run("backfill", "hourly", "--from", "x", "--to", "y", ok=False)
    assert refused.exit_code == 1
    assert "from: write an instant" in refused.stderr
    assert applied.run("backfill", "hourly", ok=False).exit_code == 2


def test_resuming_makes_up_for_a_pause_only_if_asked(applied: Shell) -> None:
    applied.run("pause", "hourly")
    applied.system.clock.advance(timedelta(hours=2, minutes=30))
    assert applied.run("resume", "hourly").stdout == "hourly v1: active\n"
    assert applied.json("backfills", "list")["items"] == []
    applied.run("pause", "hourly")
    applied.system.clock.advance(timedelta(hours=2))
    caught_up = applied.run("resume", "hourly", "--catch-up")
    assert "running, 2 waiting" in caught_up.stdout
    [item] = applied.json("backfills", "list")["items"]
    assert (item["from"], item["to"]) == ("2026-01-01T14:30:00Z", "2026-01-01T16:30:00Z")
    assert item["reason"] == "catching up after a pause"
    idle = applied.run("resume", "hourly", "--catch-up")
    assert "nothing to catch up" in idle.stderr


def test_a_pause_too_long_to_catch_up_says_how(applied: Shell) -> None:
    applied.run("pause", "busy")
    applied.system.clock.advance(timedelta(hours=1))
    refused = applied.run("resume", "busy", "--catch-up", ok=False)
    assert refused.stdout == "busy v1: active\n"
    by_hand = "backfill busy --from 2026-01-01T12:00:00Z --to 2026-01-01T13:00:00Z"
    assert by_hand in refused.stderr
    assert "--yes" in refused.stderr
