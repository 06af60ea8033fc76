"""Traces of what the commands' tests do not bring about: slots, requests, nothing yet."""

from typing import Any

from rich.console import Console
from rich.tree import Tree

from activity_core.cli.trace import event_tree, run_tree


def run(**changes: Any) -> dict[str, Any]:
    return {
        "run_id": "run-1",
        "definition_id": "d",
        "version_used": 2,
        "occurrence_key": "m.r1",
        "trigger": "manual",
        "status": "running",
        "attempt": 1,
        "scheduled_for": None,
        "fired_at": "2026-01-01T12:00:00Z",
        "finished_at": None,
        "failure": None,
        "events": [],
        "context_hash": None,
        "input": {"dry": True},
        "context_snapshot": None,
        "rules": None,
        "tasks": [],
        "events_out": [],
        "decisions": [],
    } | changes


def lines(tree: Tree) -> list[str]:
    console = Console(width=200, markup=False)
    with console.capture() as capture:
        console.print(tree)
    return [line.strip(" │├└─") for line in capture.get().splitlines()]


def test_a_manual_run_that_goes_on() -> None:
    assert lines(run_tree(run())) == [
        "run run-1 d v2 running",
        'because of manual m.r1 {"dry": true}',
        "fired 2026-01-01T12:00:00Z",
    ]


def test_a_slot_that_was_retried() -> None:
    shown = lines(
        run_tree(
            run(
                scheduled_for="2026-01-01T12:00:00Z",
                finished_at="2026-01-01T12:00:01.5Z",
                attempt=2,
            )
        )
    )
    assert "because of the slot 2026-01-01T12:00:00Z" in shown
    assert (
        "fired 2026-01-01T12:00:00Z, finished 2026-01-01T12:00:01.5Z after 1.500 s attempt 2"
        in shown
    )


def test_an_event_that_nobody_has_looked_at() -> None:
    event: dict[str, Any] = {
        "source": "/s",
        "id": "[red]1",
        "type": "t",
        "subject": None,
        "received_at": "2026-01-01T12:00:00Z",
        "via": "nats",
        "state": "pending",
        "envelope": {"data": None},
        "routing": None,
        "decisions": [],
    }
    assert lines(event_tree(event)) == [
        "event t  /s [red]1",
        "received 2026-01-01T12:00:00Z via nats",
        "not routed pending",
    ]
    unmatched = event | {
        "state": "unmatched",
        "routing": {"revision": 3, "listened": 0, "counts": {}},
    }
    assert "routed at revision 3: 0 definitions listened" in lines(event_tree(unmatched))
