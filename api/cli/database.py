"""The app database as commands use it: upgraded, opened, and closed at the end.

Belongs here: opening by home. Does not belong here: the commit (`api.db.session`).
"""

from __future__ import annotations

import logging.config
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from api.db.migrate import upgrade
from api.db.models import Workspace
from api.db.session import reading, transaction
from api.errors import Refused, conflict, not_found
from api.logs import log_settings
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

_NAMED_MAX: Final = 10


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
    except Refused as refusal:
        if refusal.code == "workspace_not_found":
            raise not_found(refusal.code, _those_there_are(engine)) from refusal
        raise
    finally:
        engine.dispose()


def _those_there_are(engine: Engine) -> str:
    """Return what to say of a slug that is none; the operator may know which there are, a caller may not."""
    query = select(Workspace.slug).where(Workspace.deletion_requested_at_us.is_(None)).order_by(Workspace.slug)
    with reading(engine) as session:
        slugs = session.scalars(query.limit(_NAMED_MAX + 1)).all()
    if not slugs:
        return "No such workspace; there is none yet: `halton-cloud workspace create` begins one."
    more = ", … (`halton-cloud workspace list` lists all)" if len(slugs) > _NAMED_MAX else ""
    return f"No such workspace; there are: {', '.join(slugs[:_NAMED_MAX])}{more}."


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
