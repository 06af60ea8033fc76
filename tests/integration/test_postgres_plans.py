"""Plans are made while tomorrow's partition is empty, and are still in use when it is full."""

import re
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from activity_core.adapters.postgres import (
    decided_queries,
    inbox,
    run_ledger,
    task_ledger_queries,
)
from activity_core.adapters.postgres.pool import SESSION

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
    assert all("using tasks_of_run on" in plan[number] for number in used)


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
