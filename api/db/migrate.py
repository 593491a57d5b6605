"""Bringing the app database to the newest schema.

Belongs here: running Alembic from code. Does not belong here: the revisions (`migrations/versions`).

Every server and command calls `upgrade` when it starts, so several processes may arrive at once: the upgrade is one
transaction under a lock (SQLite: the write lock; PostgreSQL: an advisory lock), and whoever comes second finds it done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK_KEY: Final = 4_810_276_591  # any number, the same in every version


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Create or upgrade the tables; nothing changes when they are up to date, or when it fails half-way.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database refused; it is as it was before.
    """
    config = _config()
    with engine.execution_options(read_only=True).connect() as connection:
        if revision == "head" and _is_current(connection, config):
            return
    with engine.begin() as connection:
        _lock(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision` (`base`: nothing is left)."""
    config = _config()
    with engine.begin() as connection:
        _lock(connection)
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def _is_current(connection: Connection, config: Config) -> bool:
    heads = MigrationContext.configure(connection).get_current_heads()
    return set(heads) == set(ScriptDirectory.from_config(config).get_heads())


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
