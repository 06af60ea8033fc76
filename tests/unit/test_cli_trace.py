"""Traces of what the commands' tests do not bring about: slots, requests, nothing yet."""

from typing import Any

from rich.console import Console
from rich.tree import Tree

from activity_core.cli.trace import event_tree, run_tree, slot_tree


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
        "lag_seconds": None,
        "gap": None,
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
        "log": [],
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
                lag_seconds=0.25,
                finished_at="2026-01-01T12:00:01.5Z",
                attempt=2,
            )
        )
    )
    assert "because of the slot 2026-01-01T12:00:00Z" in shown
    assert (
        "fired 2026-01-01T12:00:00Z, finished 2026-01-01T12:00:01.5Z after 1.500 s"
        " started 0.2 s after its slot attempt 2"
    ) in shown


def test_what_a_run_of_slots_is_because_of() -> None:
    slot = {"scheduled_for": "2026-01-01T12:00:00Z"}
    gap = {"start": "2026-01-01T10:00:00Z", "end": "2026-01-01T12:00:00Z", "count": 3, "slots": []}
    told = "because of 3 missed slots, 2026-01-01T10:00:00Z to 2026-01-01T12:00:00Z"
    decisions = [{"outcome": "compressed", "reason": "one run for 3 slots"}] * 3
    shown = lines(run_tree(run(gap=gap, decisions=decisions, **slot)))
    assert told in shown
    assert [line for line in shown if line.startswith("decision")] == [
        "decision compressed one run for 3 slots 3 times"
    ]
    told = "because of a backfill of the slot 2026-01-01T12:00:00Z"
    assert told in lines(run_tree(run(trigger="backfill", **slot)))


def test_what_a_failed_task_failed_of() -> None:
    task: dict[str, Any] = {
        "rule": "r",
        "spec_id": "pay",
        "kind": "http",
        "status": "failed",
        "title": "Pay",
        "task_id": "task-1",
        "assignee": None,
        "groups": [],
        "outcome": "failed",
        "completed_by": None,
        "error_type": "http_402",
        "error": "it answered 402",
    }
    assert "http_402: it answered 402" in lines(run_tree(run(tasks=[task])))


def explained(**changes: Any) -> dict[str, Any]:
    return {
        "definition_id": "d",
        "slot": "2026-03-29T07:00:00Z",
        "local": "2026-03-29T09:00:00+02:00",
        "timezone": "Europe/Berlin",
        "state": "none",
        "why": "the schedule has no slot at that instant",
        "previous_slot": "2026-03-28T08:00:00Z",
        "next_slot": None,
        "next_look": None,
        "decisions": [],
        "runs": [],
    } | changes


def test_a_slot_that_is_none() -> None:
    assert lines(slot_tree(explained())) == [
        "slot 2026-03-29T07:00:00Z  of d",
        "there 2026-03-29T09:00:00+02:00 Europe/Berlin",
        "none the schedule has no slot at that instant",
        "slots around 2026-03-28T08:00:00Z none",
    ]


def test_a_slot_that_is_looked_for() -> None:
    look = "2026-03-29T07:00:05Z"
    shown = lines(slot_tree(explained(state="not_due", why="not due yet", next_look=look)))
    assert shown[2:] == ["not due not due yet", f"looked for at {look} at the latest"]


def test_a_slot_with_its_decisions_and_its_run() -> None:
    decision = {
        "definition_id": "d",
        "version": 2,
        "outcome": "skipped",
        "reason": "paused: by ann",
        "run_id": None,
        "backfill_id": None,
        "decided_at": "2026-03-29T07:00:00Z",
    }
    backfilled = decision | {
        "outcome": "fired",
        "reason": "",
        "run_id": "run-1",
        "backfill_id": "b1",
        "decided_at": "2026-03-30T08:00:00Z",
    }
    shown = lines(
        slot_tree(explained(state="decided", decisions=[decision, backfilled], runs=[run()]))
    )
    assert shown[3:8] == [
        "d v2 skipped paused: by ann",
        "decided 2026-03-29T07:00:00Z",
        "d v2 fired",
        "decided 2026-03-30T08:00:00Z backfill b1",
        "run run-1 d v2 running",
    ]


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
