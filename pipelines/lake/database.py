"""Opening the app database: SQLite by default, PostgreSQL by URL.

Belongs here: engine settings that make both databases behave alike (durability, locking, foreign keys). Does not
belong here: tables (`ledger`, `api.db.models`) and queries.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from sqlalchemy import Connection

BUSY_TIMEOUT_SECONDS = 30


def open_database(url: str, *, pool_size: int = 8) -> Engine:
    """Open the app database.

    SQLite gets WAL, `synchronous=FULL`, foreign keys and a busy timeout, and every transaction takes the write lock
    at its start, so that no transaction fails half-way for want of it.

    Args:
        url: a SQLAlchemy URL, `sqlite:///PATH` or `postgresql+psycopg://…` (`postgresql://` is understood as psycopg).
        pool_size: connections kept open per process.

    Returns:
        An engine whose transactions are durable once committed.
    """
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    def on_connect(dbapi_connection: Any, _record: object) -> None:
        # The driver's own transaction handling is switched off; `begin` below is the only one.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
