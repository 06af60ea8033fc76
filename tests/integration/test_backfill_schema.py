"""What PostgreSQL itself refuses of backfills."""

import psycopg
import pytest
from tests.integration.test_postgres_schema import AT, ROWS, insert

BACKFILL: dict[str, object] = {
    "backfill_id": "b",
    "definition_id": "a",
    "first": AT,
    "last": AT,
    "turns": "oldest",
    "max_concurrent": 1,
    "actor": "ann",
    "reason": "",
    "requested_at": AT,
}
SLOT: dict[str, object] = {
    "backfill_id": "b",
    "position": 1,
    "slot": AT,
    "run_id": "r",
    "existing": True,
}

WRONG: list[tuple[str, dict[str, object]]] = [
    ("backfills_pkey", {}),
    ("backfills_range_is_one", {"backfill_id": "c", "last": "2025-12-31T00:00:00Z"}),
    ("backfills_turns_are_known", {"backfill_id": "c", "turns": "random"}),
    ("backfills_let_some_run", {"backfill_id": "c", "max_concurrent": 0}),
    (
        "backfills_status_is_known",
        {"backfill_id": "c", "status": "paused", "finished_at": AT},
    ),
    ("backfills_over_means_finished", {"backfill_id": "c", "status": "stopped"}),
    ("backfills_over_means_finished", {"backfill_id": "c", "finished_at": AT}),
    ("backfill_slots_pkey", {"slot": "2025-12-31T00:00:00Z"}),
    ("backfill_slots_are_asked_for_once", {"position": 2}),
    ("backfill_slots_backfill_exists", {"backfill_id": "none"}),
    (
        "backfill_slots_run_exists",
        {"position": 2, "slot": "2025-12-31T00:00:00Z", "run_id": "nobody"},
    ),
    (
        "backfill_slots_existing_has_its_run",
        {"position": 2, "slot": "2025-12-31T00:00:00Z", "run_id": None},
    ),
]


@pytest.fixture(scope="module")
def db(postgres_url: str):
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        for table in ("activity_definitions", "runs"):
            insert(conn, table, ROWS[table])
        insert(conn, "backfills", BACKFILL)
        insert(conn, "backfill_slots", SLOT)
        yield conn


@pytest.mark.parametrize(("constraint", "change"), WRONG)
def test_a_wrong_row_is_refused(db, constraint: str, change: dict[str, object]):
    of_slots = constraint.startswith("backfill_slots")
    table, row = ("backfill_slots", SLOT) if of_slots else ("backfills", BACKFILL)
    with pytest.raises(psycopg.IntegrityError) as caught:
        insert(db, table, row | change)
    assert caught.value.diag.constraint_name == constraint


def test_every_constraint_has_a_wrong_row_and_a_comment(db):
    constraints = db.execute(
        """
        select conname, obj_description(oid, 'pg_constraint') from pg_constraint
        where conrelid in ('backfills'::regclass, 'backfill_slots'::regclass)
            and contype in ('c', 'f', 'p', 'u')
        """
    ).fetchall()
    assert {name for name, _ in constraints} == {constraint for constraint, _ in WRONG}
    assert all(comment for _, comment in constraints)
