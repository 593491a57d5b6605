"""Who sends an upload, asked as cheaply as can be: the way of tokens in good standing.

Belongs here: recognising a token with which nothing is wrong. Does not belong here: everything else about tokens, first
use and refusals above all (`api.auth`, which decides whenever this cannot).

Nothing is remembered between calls, so a revocation holds from the next call on. What is saved is the turn through a
thread and the layers above the driver, which cost ten times as much as SQLite's answer. On PostgreSQL the answer has
to be waited for, and is left to `api.auth` in its thread.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, and_, bindparam, or_, select

from api.auth import INSTANCE_NOTED_EVERY_US
from api.db.models import Device, DeviceInstance, Subscription, SyncToken, Workspace
from api.ingest.prepare import Sender
from api.tokens import SecretKind, bearer_secret, secret_digest
from pipelines.lake.clock import Clock, to_micros

_IN_GOOD_STANDING: Final = (
    select(Workspace.id, Device.id)
    .join_from(SyncToken, Device, Device.id == SyncToken.device_id)
    .join(Workspace, Workspace.id == SyncToken.workspace_id)
    .outerjoin(Subscription, Subscription.workspace_id == Workspace.id)
    .outerjoin(
        DeviceInstance,
        and_(DeviceInstance.device_id == SyncToken.device_id, DeviceInstance.instance == SyncToken.instance),
    )
    .where(
        SyncToken.token_sha256 == bindparam("digest"),
        SyncToken.first_used_at_us.is_not(None),
        SyncToken.revoked_at_us.is_(None),
        Device.revoked_at_us.is_(None),
        Workspace.deletion_requested_at_us.is_(None),
        or_(Subscription.cancels_at_us.is_(None), Subscription.cancels_at_us > bindparam("now_us")),
        # A machine not noted lately is noted by the other way.
        or_(
            DeviceInstance.last_seen_at_us.is_(None),
            and_(
                DeviceInstance.last_seen_at_us > bindparam("noted_after_us"),
                DeviceInstance.last_seen_at_us > Device.paired_at_us,
            ),
        ),
    )
)


class KnownSenders:
    """Looks tokens up on one read connection of its own; used from the event loop only."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Nothing is opened before the first upload."""
        self._clock = clock
        self._database = engine.url.database if engine.dialect.name == "sqlite" else None
        compiled = _IN_GOOD_STANDING.compile(dialect=engine.dialect) if self._database else None
        self._query = "" if compiled is None else str(compiled)
        self._names = () if compiled is None else tuple(compiled.positiontup or ())
        self._connection: sqlite3.Connection | None = None

    def find(self, authorization: str | None) -> Sender | None:
        """Return the device behind an `Authorization` header; None when `authenticate_device` has to decide.

        Waits for nobody: readers of SQLite do not wait for writers, and where one would have to, the answer is None.
        """
        token = bearer_secret(authorization, SecretKind.SYNC) if self._database else None
        if token is None:
            return None
        now_us = to_micros(self._clock.now())
        given = {"digest": secret_digest(token), "now_us": now_us, "noted_after_us": now_us - INSTANCE_NOTED_EVERY_US}
        try:
            found = self._opened().execute(self._query, [given[name] for name in self._names]).fetchone()
        except sqlite3.Error:
            return None
        return None if found is None else Sender(*found)

    def close(self) -> None:
        """Close the connection; the next look-up opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            # Never creates a database, and never waits for a lock. Each look-up is a transaction of its own, which sees
            # all that was committed before it.
            uri = f"{Path(self._database or '').absolute().as_uri()}?mode=rw"
            opened = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
            opened.execute("PRAGMA query_only=ON")
            self._connection = opened
        return self._connection
