"""Bringing the app database to the newest schema.

Belongs here: running Alembic from code. Does not belong here: the revisions (`migrations/versions`).

Every server and command calls `upgrade` when it starts, so several processes may arrive at once: the upgrade is one
transaction under a lock (SQLite: the write lock; PostgreSQL: an advisory lock), and whoever comes second finds it done.
At nearly every start there is nothing to do, which is found out without loading Alembic.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, inspect, text

NEWEST_REVISION: Final = "0001"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK_KEY: Final = 4_810_276_591  # any number, the same in every version


def upgrade(engine: Engine) -> None:
    """Create or upgrade the tables; nothing changes when they are up to date, or when it fails half-way.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database refused; it is as it was before.
    """
    if _revision(engine) == NEWEST_REVISION:
        return
    from alembic import command  # noqa: PLC0415 - slow to load, and seldom needed

    _run(engine, command.upgrade, "head")


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision` (`base`: nothing is left)."""
    from alembic import command  # noqa: PLC0415 - slow to load, and seldom needed

    _run(engine, command.downgrade, revision)


def _revision(engine: Engine) -> str | None:
    with engine.execution_options(read_only=True).connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _run(engine: Engine, step: Callable[..., None], revision: str) -> None:
    from alembic.config import Config  # noqa: PLC0415 - slow to load, and seldom needed

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        config.attributes["connection"] = connection
        step(config, revision)
