"""What PostgreSQL itself refuses, and how the schema gets there."""

import json
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import psycopg
import pytest

from activity_core.adapters.postgres.dead_letters import PostgresDeadLetters
from activity_core.adapters.postgres.migrate import check_migrated, migrate
from activity_core.adapters.postgres.pool import Pool, connection, open_pool
from activity_core.adapters.system_clock import SystemClock
from activity_core.core.errors import ConfigurationError, RejectedError, UnavailableError
from activity_core.core.run.task import FINAL, MOVES, TaskStatus
from activity_core.ports.dead_letters import LetterFilter
from activity_core.ports.refusals import MOST_CHARACTERS

AT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = b"k" * 32

ROWS: dict[str, dict[str, object]] = {
    "activity_definitions": {
        "definition_id": "a",
        "version": 1,
        "document": '{"id": "a"}',
        "digest": KEY,
        "published_at": AT,
        "published_by": "ann",
    },
    "registry_revisions": {"revision": 1},
    "registry_log": {
        "revision": 1,
        "definition_id": "a",
        "change": "published",
        "version": 1,
        "paused": False,
        "retired": False,
        "reason": "",
        "actor": "ann",
        "at": AT,
    },
    "connections": {
        "connection_id": "c",
        "document": "{}",
        "updated_at": AT,
        "updated_by": "ann",
    },
    "calendars": {
        "calendar_id": "c",
        "document": "{}",
        "updated_at": AT,
        "updated_by": "ann",
    },
    "entrances": {
        "kind": "event_type",
        "part_id": "a",
        "version": 1,
        "document": '{"id": "a"}',
        "digest": KEY,
        "published_at": AT,
        "published_by": "ann",
    },
    "entrance_log": {
        "revision": 1,
        "kind": "event_type",
        "part_id": "a",
        "change": "published",
        "version": 1,
        "paused": False,
        "retired": False,
        "reason": "",
        "actor": "ann",
        "at": AT,
    },
    "slot_cursors": {
        "definition_id": "a",
        "plan": "p",
        "since": AT,
        "covered_until": AT,
        "audited_until": AT,
    },
    "recovery_pace": {"next_at": AT},
    "event_keys": {"event_key": KEY, "digest": KEY, "received_at": AT},
    "events": {
        "received_at": AT,
        "event_key": KEY,
        "source": "/shop",
        "event_id": "1",
        "type": "order.created",
        "via": "http",
        "body": b"{}",
    },
    "pending_events": {"event_key": KEY, "received_at": AT},
    "routings": {
        "event_key": KEY,
        "received_at": AT,
        "revision": 1,
        "listened": 3,
        "counts": '{"fired": 1, "filtered": 2}',
        "routed_at": AT,
    },
    "dead_letters": {
        "dead_letter_id": "d",
        "via": "http",
        "subject": "",
        "code": "bad_input",
        "message": "",
        "headers": "{}",
        "body": b"",
        "buried_at": AT,
    },
    "refusals": {
        "refused_at": AT,
        "via": "http",
        "sender": "ci",
        "code": "forbidden",
        "message": "",
        "event_source": "",
        "event_id": "",
        "event_type": "",
        "dead_letter_id": "",
    },
    "runs": {
        "run_id": "r",
        "definition_id": "a",
        "version": 1,
        "occurrence_key": "e.1",
        "trigger": "event",
        "status": "pending",
        "fired_at": AT,
        "touched_at": AT,
    },
    "run_events": {"run_id": "r", "event_key": KEY, "received_at": AT},
    "flow_states": {
        "definition_id": "a",
        "stage": "order",
        "key_hash": KEY,
        "key": "",
        "state": "{}",
    },
    "flow_slots": {
        "definition_id": "a",
        "stage": "order",
        "key_hash": KEY,
        "occurrence_key": "e.1",
        "run_id": "r",
    },
    "run_context": {"run_id": "r", "source": "invoices", "data": "[]"},
    "decisions": {
        "input_key": "e.1",
        "input_at": AT,
        "definition_id": "a",
        "version": 1,
        "outcome": "fired",
        "reason": "",
        "occurrence_key": "e.1",
        "run_id": "r",
        "event_key": KEY,
        "decided_at": AT,
    },
    "pending_runs": {"run_id": "r"},
    "backfills": {
        "backfill_id": "b",
        "definition_id": "a",
        "first": AT,
        "last": AT,
        "turns": "oldest",
        "max_concurrent": 1,
        "actor": "ann",
        "reason": "",
        "requested_at": AT,
    },
    "backfill_slots": {"backfill_id": "b", "position": 0, "slot": AT, "existing": False},
    "event_replays": {
        "replay_id": "r",
        "definition_id": "a",
        "since": AT,
        "until": AT,
        "rate": 20.0,
        "actor": "ann",
        "reason": "",
        "status": "completed",
        "reached_at": AT,
        "next_at": AT,
        "requested_at": AT,
        "finished_at": AT,
    },
    "executions": {"execution_id": "x", "workflow_id": "w", "created_at": AT},
    "attempts": {"run_id": "r", "attempt": 1, "execution_id": "x"},
    "tasks": {
        "task_id": "t",
        "run_id": "r",
        "definition_id": "a",
        "version": 1,
        "rule": "all",
        "spec_id": "look",
        "item": 0,
        "kind": "human",
        "title": "Look",
        "status": "ready",
        "inputs": "{}",
        "needs": [],
        "groups": [],
        "wait": False,
        "created_at": AT,
    },
    "run_log": {
        "run_id": "r",
        "action": "cancelled",
        "at": AT,
        "by": "ann",
        "reason": "",
        "about": "",
    },
    "task_log": {"task_id": "t", "action": "claimed", "at": AT, "by": "ann", "via": "key"},
    "pending_tasks": {"task_id": "t"},
    "task_inbox": {"relation": "group", "name": "g", "due": AT, "task_id": "t"},
    "pending_signals": {"run_id": "r", "workflow_id": "w"},
    "outbox": {
        "event_id": "o",
        "key": "r",
        "type": "t",
        "subject": "s",
        "body": b"{}",
        "created_at": AT,
    },
    "pending_outbox": {"position": 1, "shard": 0, "key": "r", "event_id": "o"},
    "cases": {
        "case_id": "c",
        "definition_id": "a",
        "key_hash": KEY,
        "key": "1",
        "number": 1,
        "version": 1,
        "opened_at": AT,
        "last_event_at": AT,
        "touched_at": AT,
    },
    "case_runs": {
        "definition_id": "a",
        "key_hash": KEY,
        "position": 1,
        "key": "1",
        "run_id": "r",
    },
    "case_bells": {"definition_id": "a", "key_hash": KEY, "case_id": "c"},
}
"""One right row per table, in an order in which they can be inserted."""

PARTITIONED = ("events", "decisions", "routings")

FAILED = {"status": "failed", "finished_at": AT}
DONE = {"status": "completed", "finished_at": AT}
OF_A_SLOT = {"input_key": "2026-01-01T00:00:00Z", "event_key": None}

CLOSED = {"status": "closed", "closed_at": AT, "closed_by": "ann"}
TIMER = {"run_id": "r2", "occurrence_key": "t.1", "trigger": "timer", "timer": "t"}

LONG: object = "x" * (MOST_CHARACTERS + 1)

WRONG: list[tuple[str, dict[str, object]]] = [
    ("activity_definitions_version_counts_from_one", {"version": 0}),
    ("activity_definitions_digest_is_sha256", {"version": 2, "digest": b"short"}),
    ("activity_definitions_document_names_it", {"version": 2, "document": '{"id": "b"}'}),
    ("registry_revisions_count_up", {"tenant": "other", "revision": -1}),
    ("registry_log_version_exists", {"revision": 2, "version": 9}),
    ("registry_log_change_is_known", {"revision": 2, "change": "renamed"}),
    ("registry_log_retired_means_retired", {"revision": 2, "change": "retired"}),
    ("registry_log_candidate_is_newer", {"revision": 2, "rollout": '{"version": 1}'}),
    ("registry_log_rollout_is_said", {"revision": 2, "change": "rollout_started"}),
    ("runs_rerun_of_another", {"run_id": "r2", "occurrence_key": "a.1", "rerun_of": "r2"}),
    ("runs_timer_has_its_name", {"run_id": "r2", "occurrence_key": "t.1", "trigger": "timer"}),
    ("runs_timer_is_of_a_case", TIMER | {"case_id": None}),
    ("cases_pkey", {"number": 2}),
    ("cases_count_by_key", {"case_id": "d"} | CLOSED),
    ("cases_version_exists", {"case_id": "d", "number": 2, "version": 9} | CLOSED),
    ("cases_keys_are_hashed", {"case_id": "d", "key_hash": b"short"}),
    ("cases_status_is_known", {"case_id": "d", "status": "asleep"}),
    ("cases_count_from_one", {"case_id": "d", "number": 0} | CLOSED),
    ("cases_closed_means_when_and_by_whom", {"case_id": "d", "number": 2, "status": "closed"}),
    ("cases_over_never_wake", {"case_id": "d", "wake_at": AT, "waiting_for": "t"} | CLOSED),
    ("cases_wake_for_a_timer", {"case_id": "d", "number": 2, "wake_at": AT}),
    ("case_runs_pkey", {"run_id": "r2"}),
    ("case_runs_wait_once", {"position": 2}),
    ("case_runs_run_exists", {"position": 2, "run_id": "none"}),
    ("case_bells_case_exists", {"case_id": "none"}),
    ("run_log_run_exists", {"run_id": "none"}),
    ("run_log_action_is_known", {"action": "forgotten"}),
    ("entrances_kind_is_known", {"kind": "definition"}),
    ("entrances_version_counts_from_one", {"version": 0}),
    ("entrances_digest_is_sha256", {"version": 2, "digest": b"short"}),
    ("entrances_document_names_it", {"version": 2, "document": '{"id": "b"}'}),
    ("entrance_log_version_exists", {"revision": 2, "version": 9}),
    ("entrance_log_version_exists", {"revision": 2, "kind": "source"}),
    ("entrance_log_change_is_known", {"revision": 2, "change": "renamed"}),
    ("entrance_log_retired_means_retired", {"revision": 2, "change": "retired"}),
    ("entrance_log_only_sources_are_paused", {"revision": 2, "paused": True}),
    ("event_keys_are_hashes", {"event_key": b"short"}),
    ("event_keys_are_hashes", {"event_key": b"other".ljust(32), "digest": b"short"}),
    ("routings_listened_is_a_count", {"listened": -1, "counts": '{"fired": -1}'}),
    ("routings_listened_is_a_count", {"revision": -1}),
    ("routings_conserve", {"counts": '{"fired": 1, "filtered": 1}'}),
    ("dead_letters_status_is_known", {"status": "lost", "resolved_at": AT}),
    ("dead_letters_open_means_unresolved", {"resolved_at": AT}),
    ("dead_letters_open_means_unresolved", {"status": "replayed"}),
    ("dead_letters_of_the_starter_name_a_run", {"dead_letter_id": "s", "via": "starter"}),
    ("dead_letters_of_the_starter_name_a_run", {"dead_letter_id": "s", "run_id": "r"}),
    ("refusals_say_why", {"via": ""}),
    ("refusals_say_why", {"code": ""}),
    *(("refusals_are_short", {name: LONG}) for name in ROWS["refusals"] if name != "refused_at"),
    ("runs_version_exists", {"run_id": "n", "occurrence_key": "n", "version": 9}),
    ("runs_status_is_known", {"status": "lost", "finished_at": AT}),
    ("runs_trigger_is_known", {"trigger": "moon"}),
    ("runs_attempt_counts_from_one", {"attempt": 0}),
    ("runs_priority_is_known", {"priority": 6}),
    ("runs_final_means_finished", {"finished_at": AT}),
    ("runs_final_means_finished", {"status": "completed"}),
    ("runs_slot_has_its_time", {"trigger": "schedule"}),
    ("runs_slot_has_its_time", {"scheduled_for": AT}),
    ("runs_slot_has_its_time", {"trigger": "backfill"}),
    ("runs_gap_is_of_slots", {"gap": "{}"}),
    ("runs_recorded_has_its_context", {**DONE, "recorded_at": AT, "context_hash": "ab"}),
    ("runs_recorded_has_its_context", {**DONE, "recorded_at": AT, "context_snapshot": "{}"}),
    ("runs_failed_says_why", FAILED),
    ("runs_stop_is_known", {"stop": "wait"}),
    ("run_events_place_counts_from_zero", {"event_key": b"o" * 32, "place": -1}),
    ("run_events_lead_is_given", {"event_key": b"o" * 32, "given": False}),
    ("flow_states_stage_is_known", {"stage": "sleep"}),
    ("flow_states_keys_are_hashed", {"key_hash": b"short"}),
    ("flow_slots_state_exists", {"stage": "concurrency"}),
    ("flow_slots_stage_lets_through", {"stage": "collect"}),
    ("run_context_run_exists", {"run_id": "nobody"}),
    ("decisions_outcome_is_known", {"input_key": "e.2", "outcome": "filtered"}),
    ("decisions_name_their_run", {"input_key": "e.2", "run_id": None}),
    ("decisions_name_their_run", {"input_key": "e.2", "run_id": None, "outcome": "merged"}),
    ("decisions_name_their_run", {**OF_A_SLOT, "run_id": None, "outcome": "deduplicated"}),
    ("decisions_name_their_run", {"input_key": "e.2", "run_id": None, "outcome": "late"}),
    ("decisions_name_their_run", {"input_key": "e.2", "run_id": None, "outcome": "caught_up"}),
    ("decisions_name_their_run", {"input_key": "e.2", "run_id": None, "outcome": "compressed"}),
    ("decisions_name_their_event", {"input_key": "e.2", "event_key": None}),
    ("decisions_name_their_event", {"input_key": "m.2"}),
    ("decisions_name_their_event", {"input_key": "r.2", "event_key": None}),
    ("attempts_run_exists", {"run_id": "nobody", "attempt": 2}),
    ("attempts_execution_exists", {"execution_id": "none", "attempt": 2}),
    ("tasks_run_exists", {"task_id": "n", "run_id": "nobody"}),
    ("tasks_status_is_known", {"status": "lost", "finished_at": AT, "outcome": "x"}),
    ("tasks_kind_is_known", {"kind": "magic"}),
    ("tasks_role_is_known", {"role": "advice", "about": "t"}),
    ("tasks_of_others_name_them", {"about": "t"}),
    ("tasks_of_others_name_them", {"role": "help"}),
    ("tasks_claimed_names_who", {"status": "claimed"}),
    ("tasks_only_people_claim", {"kind": "http", "claimed_by": "ann"}),
    ("tasks_over_never_wake", {**DONE, "outcome": "done", "wake_at": AT}),
    ("task_log_task_exists", {"task_id": "none"}),
    ("pending_tasks_task_exists", {"task_id": "none"}),
    ("pending_tasks_wait_once", {}),
    ("task_inbox_pkey", {}),
    ("task_inbox_relation_is_known", {"relation": "friend"}),
    ("tasks_item_counts_from_zero", {"item": -1}),
    ("tasks_final_means_finished", {**DONE, "finished_at": None}),
    ("tasks_final_means_outcome", DONE),
    ("tasks_final_means_outcome", {"outcome": "done"}),
    ("pending_outbox_event_exists", {"position": 2, "event_id": "nothing"}),
    ("pending_outbox_shard_is_known", {"position": 2, "shard": 16}),
    ("pending_outbox_setback_is_whole", {"position": 2, "attempts": 1}),
    ("pending_outbox_setback_is_whole", {"position": 2, "retry_at": AT}),
    ("pending_outbox_setback_is_whole", {"position": 2, "attempts": 1, "retry_at": AT}),
    ("slot_cursors_audit_what_is_covered", {"definition_id": "b", "since": AT + DAY}),
    ("slot_cursors_audit_what_is_covered", {"definition_id": "b", "audited_until": AT - DAY}),
    ("slot_cursors_audit_what_is_covered", {"definition_id": "b", "audited_until": AT + DAY}),
    ("slot_cursors_last_is_whole", {"definition_id": "b", "last_slot": AT}),
    ("slot_cursors_last_is_whole", {"definition_id": "b", "last_outcome": "skipped"}),
    ("slot_cursors_last_is_whole", {"definition_id": "b", "last_run_id": "r"}),
    ("pending_signals_kind_is_known", {"kind": "hello"}),
    ("backfills_range_is_one", {"backfill_id": "c", "last": AT - DAY}),
    ("backfills_turns_are_known", {"backfill_id": "c", "turns": "random"}),
    ("backfills_let_some_run", {"backfill_id": "c", "max_concurrent": 0}),
    ("backfills_status_is_known", {"backfill_id": "c", "status": "lost", "finished_at": AT}),
    ("backfills_over_means_finished", {"backfill_id": "c", "status": "completed"}),
    ("backfills_over_means_finished", {"backfill_id": "c", "finished_at": AT}),
    ("backfill_slots_backfill_exists", {"backfill_id": "none"}),
    ("backfill_slots_run_exists", {"position": 1, "slot": AT + DAY, "run_id": "nobody"}),
    ("backfill_slots_existing_has_its_run", {"position": 1, "slot": AT + DAY, "existing": True}),
    ("event_replays_range_is_one", {"replay_id": "s", "until": AT - DAY}),
    ("event_replays_let_some_through", {"replay_id": "s", "rate": 0}),
    ("event_replays_status_is_known", {"replay_id": "s", "status": "paused"}),
    ("event_replays_over_means_finished", {"replay_id": "s", "finished_at": None}),
    ("event_replays_over_means_finished", {"replay_id": "s", "status": "running"}),
    ("event_replays_count_what_they_saw", {"replay_id": "s", "looked_at": 1, "matched": 2}),
    ("event_replays_count_what_they_saw", {"replay_id": "s", "fired": -1}),
    # Keys: the same row again, but for the columns that are not part of the key.
    ("activity_definitions_pkey", {}),
    ("registry_revisions_pkey", {}),
    ("registry_log_pkey", {}),
    ("entrances_pkey", {}),
    ("entrance_log_pkey", {}),
    ("connections_pkey", {}),
    ("calendars_pkey", {}),
    ("slot_cursors_pkey", {}),
    ("recovery_pace_pkey", {}),
    ("backfills_pkey", {}),
    ("backfill_slots_pkey", {"slot": AT + DAY}),
    ("backfill_slots_are_asked_for_once", {"position": 1}),
    ("event_replays_pkey", {}),
    ("event_keys_pkey", {}),
    ("events_20260101_pkey", {}),
    ("pending_events_wait_once", {}),
    ("routings_20260101_pkey", {}),
    ("dead_letters_pkey", {}),
    ("runs_pkey", {"occurrence_key": "e.2"}),
    ("runs_occurrence_runs_once", {"run_id": "r2", "version": 1}),
    ("run_events_pkey", {}),
    ("flow_states_pkey", {}),
    ("flow_slots_pkey", {}),
    ("run_context_pkey", {}),
    ("decisions_20260101_pkey", {}),
    ("pending_runs_wait_once", {}),
    ("pending_runs_priority_is_known", {"run_id": "n", "priority": 0}),
    ("executions_pkey", {"workflow_id": "w2"}),
    ("executions_workflow_is_its_own", {"execution_id": "x2"}),
    ("attempts_pkey", {"attempt": 2}),
    ("attempts_are_carried_out_once", {"execution_id": "x2"}),
    ("tasks_pkey", {"spec_id": "other"}),
    ("tasks_are_created_once", {"task_id": "t2"}),
    ("outbox_pkey", {}),
    ("pending_outbox_pkey", {}),
]


@pytest.fixture(scope="module")
def db(postgres_url: str):
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        for name in PARTITIONED:
            conn.execute(
                f"create table {name}_20260101 partition of {name}"
                " for values from ('2026-01-01Z') to ('2026-01-02Z')"
            )
        for table, row in ROWS.items():
            insert(conn, table, row)
        insert(conn, "executions", ROWS["executions"] | {"execution_id": "x2", "workflow_id": "v"})
        yield conn


def insert(conn: psycopg.Connection, table: str, row: dict[str, object]) -> None:
    row = {"tenant": "main"} | row
    values = ", ".join(f"%({name})s" for name in row)
    conn.execute(f"insert into {table} ({', '.join(row)}) values ({values})", row)


@pytest.mark.parametrize(("constraint", "change"), WRONG)
def test_a_wrong_row_is_refused(db, constraint: str, change: dict[str, object]):
    table = max((name for name in ROWS if constraint.startswith(name)), key=len)
    if constraint == "executions_workflow_is_its_own":
        change = {"execution_id": "x3"}
    with pytest.raises(psycopg.IntegrityError) as caught:
        insert(db, table, ROWS[table] | change)
    assert caught.value.diag.constraint_name == constraint


@pytest.mark.parametrize(
    "table", ["activity_definitions", "registry_log", "entrances", "entrance_log"]
)
@pytest.mark.parametrize("change", ["update {} set version = version", "delete from {}"])
def test_what_was_published_never_changes(db, table: str, change: str):
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        db.execute(change.format(table))


@pytest.mark.parametrize("old", TaskStatus)
@pytest.mark.parametrize("new", TaskStatus)
def test_tasks_move_as_the_core_says(db, old: TaskStatus, new: TaskStatus):
    """And nowhere else. Constraints on what a status needs are tried above."""
    with db.transaction(force_rollback=True):
        insert(db, "tasks", ROWS["tasks"] | {"task_id": "m", "item": 1} | _standing(old))
        named = {"id": "m", "finished_at": None, "outcome": None, "claimed_by": None}
        move = """
            update tasks set status = %(status)s, finished_at = %(finished_at)s,
                outcome = %(outcome)s, claimed_by = %(claimed_by)s where task_id = %(id)s
        """
        if new is old or new in MOVES[old]:
            db.execute(move, named | _standing(new))
            return
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            db.execute(move, named | _standing(new))
        assert caught.value.diag.constraint_name == "tasks_move_as_they_may"


def _standing(status: TaskStatus) -> dict[str, object]:
    over = {"finished_at": AT, "outcome": "x"} if status in FINAL else {}
    claimed = {"claimed_by": "ann"} if status is TaskStatus.CLAIMED else {}
    return {"status": status.value, **over, **claimed}


def test_what_was_refused_is_forgotten_but_never_changes(db):
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        db.execute("update refusals set message = 'it was fine'")
    with db.transaction(force_rollback=True):
        assert db.execute("delete from refusals").rowcount == 1


def test_every_constraint_has_a_wrong_row(db):
    constraints = db.execute(
        """
        select conname from pg_constraint
        where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'p', 'u')
            and conrelid <> 'alembic_version'::regclass
            and conrelid not in (select inhrelid from pg_inherits)
        """
    ).fetchall()
    tried = {constraint for constraint, _ in WRONG} | {
        *(f"{name}_pkey" for name in PARTITIONED),  # reported under the name of the partition
        # Generated positions: nobody can insert one twice.
        "case_bells_pkey",
        "pending_events_pkey",
        "pending_runs_pkey",
        "pending_signals_pkey",
        "pending_tasks_pkey",
        "refusals_pkey",
        "run_log_pkey",
        "task_log_pkey",
    }
    assert {name for (name,) in constraints} - tried == set()


def test_tables_and_constraints_say_what_they_guard(db):
    silent = db.execute(
        """
        select relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
            and relname <> 'alembic_version' and relname !~ '_[0-9]{8}$'
            and obj_description(oid, 'pg_class') is null
        union all
        select conname from pg_constraint c
        where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'p', 'u')
            and conrelid <> 'alembic_version'::regclass
            and conrelid not in (select inhrelid from pg_inherits)
            and obj_description(c.oid, 'pg_constraint') is null
        """
    ).fetchall()
    assert silent == []


async def test_many_processes_migrate_at_once(empty_postgres_url: str):
    async with open_pool(empty_postgres_url, 1) as pool:
        with pytest.raises(ConfigurationError, match="step none"):
            await check_migrated(pool)
        with ThreadPoolExecutor(4) as starts:
            list(starts.map(migrate, [empty_postgres_url] * 4))
        await check_migrated(pool)
        migrate(empty_postgres_url)
        await check_migrated(pool)


GROUND = tuple(f"0001_{noun}" for noun in ("registry", "inbox", "runs", "tasks", "outbox"))
SCHEDULES = ("0002_slots", "0002_backfills")
ENTRANCES = ("0003_entrances", "0003_refusals", "0003_dead_letters")


def run_scripts(conn: psycopg.Connection, names: Sequence[str]) -> None:
    sql = files("activity_core.adapters.postgres.migrations") / "sql"
    for name in names:
        conn.execute((sql / f"{name}.sql").read_bytes())


def stand_at(conn: psycopg.Connection, step: str) -> None:
    conn.execute("create table alembic_version (version_num text primary key)")
    conn.execute("insert into alembic_version values (%s)", [step])


def test_an_upgrade_makes_up_for_nothing(empty_postgres_url: str):
    """Schedules in force begin at the upgrade; nothing else gets a cursor."""
    with psycopg.connect(empty_postgres_url, autocommit=True) as conn:
        run_scripts(conn, GROUND)
        stand_at(conn, "0001")
        for revision, (name, trigger, retired) in enumerate(
            [
                ("cron", {"cron": {"expression": "* * * * *"}}, False),
                ("interval", {"interval": {"every": "PT10S"}, "manual": {}}, False),
                ("event", {"event": {"type": "order.*"}}, False),
                ("retired", {"cron": {"expression": "* * * * *"}}, False),
                ("retired", {"cron": {"expression": "* * * * *"}}, True),
                ("moved-on", {"cron": {"expression": "* * * * *"}}, False),
                ("moved-on", {"event": {"type": "order.*"}}, False),
            ]
        ):
            row = {"definition_id": name, "version": revision + 1}
            document = json.dumps({"id": name, "trigger": trigger})
            definition = ROWS["activity_definitions"] | row | {"document": document}
            insert(conn, "activity_definitions", definition)
            line = {"revision": revision + 1, "retired": retired}
            insert(conn, "registry_log", ROWS["registry_log"] | row | line)
        migrate(empty_postgres_url)
        rows = conn.execute(
            """
            select definition_id, plan, next_slot, wake_at, since = covered_until,
                covered_until = audited_until, now() - covered_until < '1 minute'
            from slot_cursors order by definition_id
            """
        ).fetchall()
    assert rows == [(name, "", None, None, True, True, True) for name in ("cron", "interval")]


async def test_an_upgrade_keeps_dead_letters(empty_postgres_url: str):
    """Those of before came by no source and are about no run; open ones have their group."""
    closed = {"dead_letter_id": "e", "status": "discarded", "resolved_by": "ann"}
    with psycopg.connect(empty_postgres_url, autocommit=True) as conn:
        run_scripts(conn, (*GROUND, *SCHEDULES))
        stand_at(conn, "0002")
        insert(conn, "dead_letters", ROWS["dead_letters"])
        insert(conn, "dead_letters", ROWS["dead_letters"] | closed | {"resolved_at": AT})
    migrate(empty_postgres_url)
    async with open_pool(empty_postgres_url, 1) as pool:
        await check_migrated(pool)
        letters = PostgresDeadLetters(pool, "main")
        found = [await letters.get(id_) for id_ in ("d", "e")]
        [group] = await letters.groups(LetterFilter(source_id=""))
    assert [(letter.source_id, letter.run_id) for letter in found] == [("", "")] * 2
    assert [letter.status for letter in found] == ["open", "discarded"]
    assert (group.via, group.code, group.count, group.example_id) == ("http", "bad_input", 1, "d")


_LEDGER = """
select d.input_key, d.input_at, d.tableoid::regclass::text as day, r.received_at as routed
from decisions d left join routings r using (tenant, event_key) order by input_key
"""


def test_an_upgrade_files_the_ledger_by_days(empty_postgres_url: str):
    """Under when the event came, the slot, when the request came; by days within retention."""
    now = SystemClock().now().replace(hour=12, microsecond=0)
    event, long_ago = now - 2 * DAY, datetime(2020, 2, 29, 9, tzinfo=UTC)
    run = {"run_id": None, "outcome": "skipped", "event_key": None, "decided_at": now - DAY}
    with psycopg.connect(empty_postgres_url, autocommit=True) as conn:
        run_scripts(conn, (*GROUND, *SCHEDULES, *ENTRANCES))
        stand_at(conn, "0003")
        for table in ("activity_definitions", "runs"):
            insert(conn, table, ROWS[table])
        insert(conn, "events", ROWS["events"] | {"received_at": event})
        insert(conn, "routings", without(ROWS["routings"], "received_at") | {"routed_at": now})
        decision = without(ROWS["decisions"], "input_at")
        insert(conn, "decisions", decision | {"event_received_at": event})
        for key in ("m.1", "2020-02-29T09:00:00Z", "b.x.2020-02-29T09:00:00Z"):
            insert(conn, "decisions", decision | run | {"input_key": key, "occurrence_key": key})
        migrate(empty_postgres_url)
        rows = conn.execute(_LEDGER).fetchall()
    assert rows == [
        ("2020-02-29T09:00:00Z", long_ago, "decisions_default", None),
        ("b.x.2020-02-29T09:00:00Z", long_ago, "decisions_default", None),
        ("e.1", event, f"decisions_{event:%Y%m%d}", event),
        ("m.1", now - DAY, f"decisions_{now - DAY:%Y%m%d}", None),
    ]


def without(row: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in row.items() if key != name}


def test_migrating_a_server_that_is_away_says_so():
    with pytest.raises(UnavailableError):
        migrate("postgresql://nobody@127.0.0.1:1/nothing")


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[Pool]:
    async with open_pool(postgres_url, 2) as opened:
        yield opened


async def test_what_can_never_be_stored_is_rejected(pool: Pool):
    for statement, values in (
        ("select 1 / %s::int", [0]),
        ("select %s::text", ["\0"]),
        ("select %s::text", ["\ud800"]),
        ("insert into executions values ('main', 'x', 'w', now(), %s)", [None]),
    ):
        with pytest.raises(RejectedError):
            async with connection(pool) as conn:
                await conn.execute(statement, values)


async def test_what_may_go_well_next_time_is_unavailable(pool: Pool):
    with pytest.raises(UnavailableError):
        async with connection(pool) as conn:
            await conn.execute("select pg_terminate_backend(pg_backend_pid())")
    async with connection(pool) as conn:
        await conn.execute("select 1")


async def test_sessions_are_bounded_and_in_utc(pool: Pool):
    async with connection(pool) as conn:
        cursor = await conn.execute(
            """
            select current_setting('timezone') as zone, current_setting('lock_timeout') as lock,
                current_setting('statement_timeout') as statement,
                current_setting('idle_in_transaction_session_timeout') as idle
            """
        )
        row = await cursor.fetchone()
    assert row == {"zone": "UTC", "lock": "10s", "statement": "30s", "idle": "1min"}
