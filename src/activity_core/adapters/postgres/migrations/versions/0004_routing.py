"""Routing at scale: flow states, the partitioned ledger, replays of events, priorities.

The SQL is in ../sql/0004_*.sql.
"""

from activity_core.adapters.postgres.migrations.script import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for noun in ("ledger", "flow", "event_replays", "priority"):
        run_script(f"0004_{noun}.sql")
