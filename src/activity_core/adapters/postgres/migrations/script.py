"""Runs the SQL files of a migration on the connection that alembic holds."""

from importlib.resources import files

from alembic import op


def run_script(name: str) -> None:
    """Run one file of `sql/`, which may hold many statements, in the migration's transaction."""
    text = files(__package__).joinpath("sql", name).read_text(encoding="utf-8")
    # The driver itself: SQLAlchemy would look for parameters, and send one statement at a time.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None  # noqa: S101 - a migration always runs on an open connection
    driver.execute(text)
