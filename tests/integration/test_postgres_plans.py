"""Plans are made while tomorrow's partition is empty, and are still in use when it is full."""

import re
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from activity_core.adapters.postgres import (
    decided_queries,
    inbox,
    run_ledger,
    task_desk,
    task_ledger_queries,
)
from activity_core.adapters.postgres.pool import SESSION
from activity_core.adapters.postgres.task_lists import TASK_INBOX

TEXTS, TIMES = ("text[]", "'{a}'"), ("timestamptz[]", "array[now()]")
INT = ("int", "1")


@pytest.fixture(scope="module")
def db(postgres_url: str) -> Iterator[psycopg.Connection]:
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    with psycopg.connect(postgres_url, autocommit=True, options=options) as conn:
        yield conn


@pytest.mark.parametrize(
    ("statement", "types", "index"),
    [
        (inbox._TAKE, {"limit": ("int", "1")}, "events_pkey"),
        (run_ledger._OPEN, {"only": TEXTS}, "events_pkey"),
        (
            decided_queries.FINAL,
            {"definitions": TEXTS, "inputs": TEXTS, "times": TIMES},
            "decisions_pkey",
        ),
    ],
    ids=["take", "open", "final"],
)
def test_lookups_by_key_go_by_the_key(
    db: psycopg.Connection, statement: str, types: Mapping[str, tuple[str, str]], index: str
):
    """In every partition, by all columns of the key; whatever else looks as good is not taken."""
    plan = planned(db, statement, types)
    table = index.removesuffix("_pkey")
    used = [number for number, line in enumerate(plan) if re.search(rf" on {table}_\w+", line)]
    assert used
    for number in used:
        assert re.search(rf"using {table}_\w+_pkey", plan[number])
        assert "_at = " in plan[number + 1]
        assert "Index Cond" in plan[number + 1]


@pytest.mark.parametrize(
    ("statement", "types", "conditions"),
    [
        (task_ledger_queries.GROUP, {"item": INT}, ["rule = $3", "item = $4"]),
        (
            task_ledger_queries.WINDOW,
            {"item": INT, "limit": INT},
            ["ROW(rule, item) > ROW($3, $4)", "rule = c.rule", "item = c.item"],
        ),
        (task_ledger_queries.OPEN, {"statuses": TEXTS, "limit": INT}, ["run_id = $2"]),
    ],
    ids=["group", "window", "open"],
)
def test_tasks_of_a_run_are_read_group_by_group(
    db: psycopg.Connection,
    statement: str,
    types: Mapping[str, tuple[str, str]],
    conditions: list[str],
):
    """Not all of them, of which there may be 10,000; and in the order of the index."""
    plan = planned(db, statement, types)
    used = [number for number, line in enumerate(plan) if " on tasks" in line]
    assert used
    asked = " ".join(plan[number + 1] for number in used)
    assert [each for each in conditions if each not in asked] == []
    assert all("using tasks_are_created_once on" in plan[number] for number in used)


@pytest.fixture
def busy(db: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Many runs with some tasks each, and statistics of them, as they soon are in real life."""
    with db.transaction(force_rollback=True):
        db.execute("""
            insert into activity_definitions
            values ('a', 'd', 1, '{"id": "d"}', sha256(''), now(), 'ann')
        """)
        db.execute("""
            insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger,
                status, fired_at, touched_at)
            select 'a', 'r' || n, 'd', 1, 'e.' || n, 'event', 'running', now(), now()
            from generate_series(1, 500) n
        """)
        db.execute("""
            insert into tasks (tenant, task_id, run_id, definition_id, version, rule, spec_id, item,
                kind, title, status, inputs, needs, groups, wait, due_at, wake_at, created_at)
            select 'a', 't' || n, 'r' || (n % 500 + 1), 'd', 1, 'rule', 's', n, 'human', 'T',
                'ready', '{}', '{}', array['g' || (n % 20)], false, now(), now(), now()
            from generate_series(1, 3000) n
        """)
        db.execute("analyze runs, tasks, task_inbox")
        yield db


def test_an_inbox_is_read_off_in_its_order(busy: psycopg.Connection):
    """Of 100,000 open tasks only those of the page are looked at."""
    beyond = "(i.due, i.task_id) > (%(after_time)s, %(after_0)s)"
    page = f"{TASK_INBOX.select} and {beyond} order by i.due, i.task_id limit %(limit)s"
    plan = planned(busy, page, {"after_time": ("timestamptz", "now()"), "limit": INT})
    assert "Sort" not in " ".join(plan)
    asked = by_index(plan)
    for condition in ("(relation = $2)", "(name = $3)", "(ROW(due, task_id) > ROW($4, $5))"):
        assert condition in asked["task_inbox_pkey"]
    assert "(task_id = i.task_id)" in asked["tasks_pkey"]
    assert asked.keys() == {"task_inbox_pkey", "tasks_pkey"}


def test_a_desk_finds_a_task_and_its_group_by_their_keys(busy: psycopg.Connection):
    asked = by_index(planned(busy, task_desk._GROUP, {}))
    assert asked.keys() == {"tasks_pkey", "tasks_are_created_once", "runs_pkey"}
    assert "(task_id = $2)" in asked["tasks_pkey"]
    for condition in ("(run_id = tasks.run_id)", "rule", "(item = tasks.item)"):
        assert condition in asked["tasks_are_created_once"]
    assert "(run_id = tasks.run_id)" in asked["runs_pkey"]


def test_a_desk_finds_whose_time_has_come_by_the_time(busy: psycopg.Connection):
    plan = planned(busy, task_desk._DUE, {"at": ("timestamptz", "now()"), "limit": INT})
    assert "Sort" not in " ".join(plan)
    assert "(wake_at <= $2)" in by_index(plan)["tasks_to_wake"]


def by_index(plan: list[str]) -> dict[str, str]:
    """What each index is asked for."""
    return {
        found[1]: plan[number + 1]
        for number, line in enumerate(plan)
        if (found := re.search(r"using (\w+) on", line))
    }


def planned(
    db: psycopg.Connection, statement: str, types: Mapping[str, tuple[str, str]]
) -> list[str]:
    """The generic plan, line by line; parameters are texts but for `types`."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)", statement)))
    text = re.sub(r"%\((\w+)\)\w", lambda found: f"${names.index(found[1]) + 1}", statement)
    declared, values = zip(*(types.get(name, ("text", "'a'")) for name in names), strict=True)
    db.execute(f"prepare hot ({', '.join(declared)}) as {text}".encode())
    found = db.execute(f"explain execute hot ({', '.join(values)})".encode()).fetchall()
    db.execute("deallocate hot")
    return [line for (line,) in found]
