"""The app database as commands use it: upgraded, opened, and closed at the end.

Belongs here: opening by home. Does not belong here: the commit (`api.db.session`).
"""

from __future__ import annotations

import logging.config
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.db.migrate import upgrade
from api.db.session import reading, transaction
from api.errors import conflict, not_found
from api.logs import log_settings
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home


@contextmanager
def opened(home: Home, *, create: bool = False) -> Generator[Engine]:
    """Yield the home's app database with the newest schema; logs go to stderr from here on.

    Args:
        home: whose database.
        create: begin a new home where there is none; otherwise a mistyped path would look like an empty installation.

    Raises:
        Refused: there is no home and none is to be made, or it is only half restored.
    """
    logging.config.dictConfig(log_settings())
    if not create and not home.root.is_dir():
        raise not_found("home_not_found", f"There is no Halton home at {home.root}; workspace create begins one.")
    if home.restoring_mark.exists():
        raise conflict("home_restoring", f"A restore into {home.root} was not finished; run it again.")
    home.root.mkdir(parents=True, exist_ok=True)
    engine = open_database(home.database_url, pool_size=2)
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def changing(home_folder: str | None, *, create: bool = False) -> Generator[tuple[Session, datetime]]:
    """Yield a session and the present instant; committed when the block ends well."""
    with opened(Home.locate(home_folder), create=create) as engine, transaction(engine) as session:
        yield session, SystemClock().now()


@contextmanager
def looking(home_folder: str | None) -> Generator[tuple[Session, datetime]]:
    """Yield a session that only reads, and the present instant."""
    with opened(Home.locate(home_folder)) as engine, reading(engine) as session:
        yield session, SystemClock().now()
