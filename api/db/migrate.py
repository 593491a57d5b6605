"""Bringing the app database to the newest schema.

Belongs here: running Alembic from code. Does not belong here: the revisions (`migrations/versions`).

Every server and command calls `upgrade` when it starts, so several processes may arrive at once: the upgrade is one
transaction under a lock (SQLite: the write lock; PostgreSQL: an advisory lock), and whoever comes second finds it done.
At nearly every start there is nothing to do, which is found out without loading Alembic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

_log = logging.getLogger(__name__)

NEWEST_REVISION: Final = "0009"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK_KEY: Final = 4_810_276_591  # any number, the same in every version


def upgrade(engine: Engine) -> None:
    """Create or upgrade the tables; nothing changes when they are up to date or newer, or when it fails half-way.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database refused; it is as it was before.
    """
    revision = _revision(engine)
    if revision == NEWEST_REVISION:
        return
    if revision is not None and revision not in known_revisions():
        # Whoever goes back a release keeps working: revisions add tables and columns that earlier code can do without.
        _log.warning("the database has schema %s of a newer release; this one knows %s", revision, NEWEST_REVISION)
        return
    from alembic import command  # noqa: PLC0415 - slow to load, and seldom needed

    _run(engine, command.upgrade, "head")


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision` (`base`: nothing is left)."""
    from alembic import command  # noqa: PLC0415 - slow to load, and seldom needed

    _run(engine, command.downgrade, revision)


def upgrade_within(connection: Connection, revision: str) -> None:
    """Create or upgrade the tables to `revision` (`head`: the newest) in the caller's transaction."""
    from alembic import command  # noqa: PLC0415 - slow to load, and seldom needed

    _run_within(connection, command.upgrade, revision)


def known_revisions() -> frozenset[str]:
    """Return every revision this release can upgrade from."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - slow to load, and seldom needed

    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def current_revision(connection: Connection) -> str | None:
    """Return the revision of the schema that is there; None when there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _revision(engine: Engine) -> str | None:
    with engine.execution_options(read_only=True).connect() as connection:
        return current_revision(connection)


def _run(engine: Engine, step: Callable[..., None], revision: str) -> None:
    with engine.begin() as connection:
        _run_within(connection, step, revision)


def _run_within(connection: Connection, step: Callable[..., None], revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    config = _config()
    config.attributes["connection"] = connection
    step(config, revision)


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - slow to load, and seldom needed

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
