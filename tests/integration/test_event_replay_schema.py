"""What PostgreSQL itself refuses of event replays."""

import psycopg
import pytest
from tests.integration.test_postgres_schema import AT, insert

REPLAY: dict[str, object] = {
    "replay_id": "r",
    "definition_id": "a",
    "since": AT,
    "until": AT,
    "rate": 20.0,
    "actor": "ann",
    "reason": "",
    "reached_at": AT,
    "next_at": AT,
    "requested_at": AT,
}
OVER = {"replay_id": "s", "status": "completed", "finished_at": AT}
WRONG: list[tuple[str, dict[str, object]]] = [
    ("event_replays_pkey", {"definition_id": "b"}),
    ("event_replays_one_at_a_time", {"replay_id": "s"}),
    ("event_replays_range_is_one", OVER | {"until": "2025-12-31T00:00:00Z"}),
    ("event_replays_let_some_through", OVER | {"rate": 0}),
    ("event_replays_status_is_known", OVER | {"status": "paused"}),
    ("event_replays_over_means_finished", OVER | {"finished_at": None}),
    ("event_replays_over_means_finished", OVER | {"status": "running", "definition_id": "b"}),
    ("event_replays_count_what_they_saw", OVER | {"looked_at": 1, "existing": 1, "matched": 1}),
    ("event_replays_count_what_they_saw", OVER | {"fired": -1}),
]


@pytest.fixture(scope="module")
def db(postgres_url: str):
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        insert(conn, "event_replays", REPLAY)
        yield conn


@pytest.mark.parametrize(("constraint", "change"), WRONG)
def test_a_wrong_row_is_refused(db, constraint: str, change: dict[str, object]):
    with pytest.raises(psycopg.IntegrityError) as caught:
        insert(db, "event_replays", REPLAY | change)
    assert caught.value.diag.constraint_name == constraint


def test_every_constraint_has_a_wrong_row_and_a_comment(db):
    constraints = db.execute(
        """
        select conname, obj_description(oid, 'pg_constraint') from pg_constraint
        where conrelid = 'event_replays'::regclass and contype in ('c', 'f', 'p', 'u')
        """
    ).fetchall()
    indexed = {"event_replays_one_at_a_time"}
    assert {name for name, _ in constraints} | indexed == {constraint for constraint, _ in WRONG}
    assert all(comment for _, comment in constraints)
