"""The ground: registry, inbox, runs, tasks, outbox.

The SQL is in ../sql/0001_*.sql, in the order of what refers to what.
"""

from activity_core.adapters.postgres.migrations.script import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    for noun in ("registry", "inbox", "runs", "tasks", "outbox"):
        run_script(f"0001_{noun}.sql")
