"""Tasks of all kinds, their log, long-lived cases, rollouts, and control of runs.

The SQL is in ../sql/0005_*.sql.
"""

from activity_core.adapters.postgres.migrations.script import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for noun in ("tasks", "control", "cases", "run_log", "inbox", "rollout"):
        run_script(f"0005_{noun}.sql")
