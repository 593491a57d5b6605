"""The app database without a workspace, in one transaction; and giving the space back.

Belongs here: which rows of which table are a workspace's. Does not belong here: people (`people`), files.

Every table that has a `workspace_id` is emptied of it, those that others refer to last. A table without one must be
named below, so that a new one cannot be forgotten (a test holds the list against the schema).
"""

from __future__ import annotations

from contextlib import closing
from time import sleep
from typing import Final

from sqlalchemy import Connection, Engine, delete, or_, select, text

from api.db.models import Base, Device, DeviceInstance, OidcAttempt, RetiredSlug, SignInAttempt, Workspace
from api.purge.people import delete_people, people_who_go
from pipelines.lake.bills import bill_lines, bill_periods

NOT_BY_WORKSPACE: Final = frozenset({
    "workspaces",  # the row itself, last of all
    "device_instances",  # by its device
    "bill_lines",  # by their period
    "users", "user_identities", "browser_sessions",  # with the person
    "sign_in_attempts", "oidc_attempts",  # with the person, and where they lead to
    "landing_sequence",  # one number
})  # fmt: skip
"""Tables without a `workspace_id`, and what becomes of a workspace's traces in them."""
KEPT: Final = frozenset({"purges"})
"""It says how far the purge has come, and forgets the id at the end."""
_TRIES: Final = 40
_PAUSE_SECONDS: Final = 0.25


class SpaceError(Exception):
    """Somebody reads the app database all the time; what was deleted may still stand in its files."""


def delete_rows(connection: Connection, workspace_id: str) -> None:
    """Delete every row of a workspace, and the people who belong nowhere else, in the caller's transaction."""
    locked = select(Workspace.slug).where(Workspace.id == workspace_id).with_for_update()
    slug = connection.execute(locked).scalar_one_or_none()
    if slug is None:
        return
    slugs = [slug, *connection.scalars(select(RetiredSlug.slug).where(RetiredSlug.workspace_id == workspace_id))]
    people = people_who_go(connection, workspace_id)
    devices = select(Device.id).where(Device.workspace_id == workspace_id)
    connection.execute(delete(DeviceInstance).where(DeviceInstance.device_id.in_(devices)))
    periods = select(bill_periods.c.id).where(bill_periods.c.workspace_id == workspace_id)
    connection.execute(delete(bill_lines).where(bill_lines.c.period_id.in_(periods)))
    for table in reversed(Base.metadata.sorted_tables):
        if "workspace_id" in table.c and table.name not in KEPT:
            connection.execute(delete(table).where(table.c.workspace_id == workspace_id))
    connection.execute(delete(Workspace).where(Workspace.id == workspace_id))
    delete_people(connection, people)
    for attempt in (SignInAttempt, OidcAttempt):
        leads_here = [
            or_(attempt.next_path == f"/{one}", attempt.next_path.startswith(f"/{one}/", autoescape=True))
            for one in slugs
        ]
        connection.execute(delete(attempt).where(or_(*leads_here)))


def give_space_back(engine: Engine) -> None:
    """Rewrite the database's files without what was deleted.

    SQLite: the file is written anew and its write-ahead log emptied. PostgreSQL: dead rows are removed, and later rows
    write over their place; its own archives and backups are the operator's.

    Raises:
        SpaceError: readers keep SQLite's write-ahead log in use.
    """
    if engine.dialect.name != "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in Base.metadata.sorted_tables:
                connection.execute(text(f'VACUUM "{table.name}"'))
        return
    with closing(engine.raw_connection()) as raw:  # outside any transaction, which SQLAlchemy would begin
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        for _ in range(_TRIES):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy = cursor.fetchall()[0][0]
            if not busy:
                return
            sleep(_PAUSE_SECONDS)
    raise SpaceError("The app database is being read without a pause; run the purge again.")
