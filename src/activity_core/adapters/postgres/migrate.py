"""Brings the schema to the newest step, however many processes start at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from activity_core.adapters.postgres.pool import Pool, connection
from activity_core.core.errors import ConfigurationError, UnavailableError

_LOCK = 0x61637463  # "actc": the advisory lock that says somebody migrates


def migrate(url: str) -> None:
    """Run the missing steps in one transaction each; blocks while another process migrates.

    Raises:
        UnavailableError: the server cannot be reached.
    """
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sqlalchemy.NullPool
    )
    try:
        with _locked(url), engine.connect() as conn:
            config = _config()
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
    except (psycopg.OperationalError, sqlalchemy.exc.OperationalError) as error:
        raise UnavailableError(str(error).strip(), subject="PostgreSQL") from error


async def check_migrated(pool: Pool) -> None:
    """Refuse to work on another schema than the one this code was written for.

    Raises:
        ConfigurationError: the schema is older or newer.
        UnavailableError: the server cannot be reached.
    """
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    async with connection(pool) as conn:
        cursor = await conn.execute("select to_regclass('alembic_version') is not null as any")
        found = None
        if (row := await cursor.fetchone()) and row["any"]:
            cursor = await conn.execute("select version_num from alembic_version")
            found = version["version_num"] if (version := await cursor.fetchone()) else None
    if found != newest:
        raise ConfigurationError(
            f"the database is at step {found or 'none'} of its schema, this program needs {newest}",
            hint="run `activity-core migrate`",
        )


@contextmanager
def _locked(url: str) -> Iterator[None]:
    # A session of its own: the lock outlives the transactions of the steps, and ends with us.
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s)", [_LOCK])
        yield


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
