"""Event replays at the command line: asked for, waited for, stopped."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.test_cli_commands import Shell, shell

__all__ = ["shell"]

DEFINITION = """
id: late
trigger: {event: {type: refund.*}}
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""
ASKED = ("events", "replay", "--definition", "late", "--since", "2026-01-01T12:00:00Z")


@pytest.fixture
def applied(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A definition newer than its events; while the command waits, the system works."""
    for id_ in ("a", "b", "c"):
        shell.run("emit", "refund.made", "--id", id_)
    shell.work()
    file = tmp_path / "definitions.yaml"
    file.write_text(DEFINITION)
    shell.run("apply", str(file))

    def work(_: float) -> None:
        shell.portal.call(shell.system.event_replayer.step)
        shell.system.clock.advance(timedelta(seconds=1))

    monkeypatch.setattr("activity_core.cli.event_replays.time.sleep", work)
    return shell


def test_it_waits_and_tells_how_far_it_is(applied: Shell) -> None:
    done = applied.run(*ASKED, "--rate", "2", "--request-id", "first", "--reason", "new")
    assert done.stdout == "first: completed, 3 looked at, 3 matched, 0 existing, 3 fired\n"
    assert done.stderr.splitlines() == [
        "event replay first: it goes on without this command",
        "2026-01-01T12:00:00Z  0 looked at, 0 matched, 0 existing, 0 fired",
        "2026-01-01T12:00:00Z  2 looked at, 2 matched, 0 existing, 2 fired",
    ]
    assert len(applied.json("runs", "list", "--definition", "late")["items"]) == 3
    again = applied.json(*ASKED)
    assert (again["status"], again["existing"], again["matched"]) == ("completed", 3, 0)


def test_a_dry_run_says_how_many(applied: Shell) -> None:
    dry = applied.run(*ASKED, "--dry-run")
    assert dry.stdout == "3 of 3 events would be let through; 0 have a run already\n"
    assert dry.stderr == ""
    assert applied.json(*ASKED, "--dry-run")["matched"] == 3
    assert applied.json("events", "replays", "list")["items"] == []


def test_a_dry_run_that_did_not_see_all_says_so(
    applied: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activity_core.services.event_replay_desk.PAGE", 1)
    monkeypatch.setattr("activity_core.services.event_replay_desk.MOST_PLANNED", 2)
    dry = applied.run(*ASKED, "--dry-run")
    assert dry.stdout.startswith("2 of 2 events")
    assert "only what was received up to 2026-01-01T12:00:00Z" in dry.stderr


def test_without_waiting_only_the_id_is_printed(applied: Shell) -> None:
    asked = applied.run(*ASKED, "--no-wait", "--request-id", "first")
    assert asked.stdout == "first\n"
    listed = applied.run("events", "replays", "list", "--definition", "late").stdout
    assert "first" in listed
    assert "running" in listed
    stopped = applied.run("events", "replays", "stop", "first")
    assert stopped.stdout == "first: stopped, 0 looked at, 0 matched, 0 existing, 0 fired\n"
    assert applied.json("events", "replays", "show", "first")["status"] == "stopped"
    assert "late" in applied.run("events", "replays", "show", "first").stdout
    assert applied.run("events", "replays", "show", "none", ok=False).exit_code == 1
    assert applied.json(*ASKED, "--no-wait")["status"] == "running"


def test_one_that_is_stopped_meanwhile_is_an_exit_code(
    applied: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: float) -> None:
        applied.portal.call(applied.system.event_replay_desk.stop, "first")

    monkeypatch.setattr("activity_core.cli.event_replays.time.sleep", stop)
    stopped = applied.run(*ASKED, "--request-id", "first", ok=False)
    assert stopped.exit_code == 1
    assert stopped.stdout.startswith("first: stopped, ")


def test_what_is_missing_or_bad_is_named(applied: Shell) -> None:
    assert applied.run("events", "replay", "--definition", "late", ok=False).exit_code == 2
    refused = applied.run(*ASKED[:-1], "x", ok=False)
    assert refused.exit_code == 1
    assert "neither an instant nor a duration" in refused.stderr
