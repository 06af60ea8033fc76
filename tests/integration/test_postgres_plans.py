"""Plans are made while tomorrow's partition is empty, and are still in use when it is full."""

import re
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from activity_core.adapters.postgres import (
    decided_queries,
    inbox,
    run_ledger,
)
from activity_core.adapters.postgres.pool import SESSION

TEXTS, TIMES = ("text[]", "'{a}'"), ("timestamptz[]", "array[now()]")


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
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)", statement)))
    text = re.sub(r"%\((\w+)\)\w", lambda found: f"${names.index(found[1]) + 1}", statement)
    declared, values = zip(*(types.get(name, ("text", "'a'")) for name in names), strict=True)
    db.execute(f"prepare hot ({', '.join(declared)}) as {text}".encode())
    found = db.execute(f"explain execute hot ({', '.join(values)})".encode()).fetchall()
    db.execute("deallocate hot")
    plan = [line for (line,) in found]
    table = index.removesuffix("_pkey")
    used = [number for number, line in enumerate(plan) if re.search(rf" on {table}_\w+", line)]
    assert used
    for number in used:
        assert re.search(rf"using {table}_\w+_pkey", plan[number])
        assert "_at = " in plan[number + 1]
        assert "Index Cond" in plan[number + 1]
