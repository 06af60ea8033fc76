"""Schedules that survive outages: slots and their cursors, calendars, backfills.

The SQL is in ../sql/0002_*.sql.
"""

from activity_core.adapters.postgres.migrations.script import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for noun in ("slots", "backfills"):
        run_script(f"0002_{noun}.sql")
