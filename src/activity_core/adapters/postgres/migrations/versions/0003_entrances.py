"""Who may send what: event sources and event types, dead letters by their cause, refusals.

The SQL is in ../sql/0003_*.sql.
"""

from activity_core.adapters.postgres.migrations.script import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for noun in ("entrances", "dead_letters", "refusals"):
        run_script(f"0003_{noun}.sql")
