"""Answers given a moment ago, given again before anything else is done.

Belongs here: telling that nothing can have changed since, and answering without routing, key look-up or snapshot. Does
not belong here: making answers and their entity tags (`serving`).

An answer is given again to the same key or browser, path and query for a second, and only while neither the app
database nor `CURRENT` has changed: whoever revokes a key, removes a member, renames a project or publishes a build is
never answered from here. What moves with the clock alone (the sync banner, the stale mark) is at most two seconds late.
SQLite tells exactly whether anybody committed; on PostgreSQL, which does not, nothing is given again.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy import Engine
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home

GIVEN_AGAIN_FOR: Final = timedelta(seconds=1)
ANSWERS_MAX: Final = 1_024
_OK: Final = 200
_NOT_MODIFIED: Final = 304

Key = tuple[str, bytes, bytes, bytes]
"""Path, query string and both credentials, `Authorization` and `Cookie`, as they came."""
Mark = tuple[int, int, int]
"""What differs after any commit to the app database and after any publication."""


@dataclass
class _Recent:
    content: bytes
    etag: bytes
    headers: list[tuple[bytes, bytes]]
    mark: Mark
    until: datetime


class RecentAnswers:
    """The answers of the last second, shared by the routes that note them and the middleware that gives them."""

    def __init__(self, home: Home, engine: Engine, clock: Clock) -> None:
        """Nothing is opened before the first answer."""
        self._current = str(home.current_pointer)
        self._clock = clock
        self._database = engine.url.database if engine.dialect.name == "sqlite" else None
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        self._answers: dict[Key, _Recent] = {}

    def mark(self) -> Mark | None:
        """Return the mark of this moment; None when this database cannot tell."""
        if self._database is None or not Path(self._database).is_file():
            return None
        try:
            stat = os.stat(self._current)  # noqa: PTH116 - called for every answer, and a Path costs more than the call
        except FileNotFoundError:
            return None
        with self._lock:
            if self._connection is None:
                self._connection = sqlite3.connect(self._database, check_same_thread=False)
            # Changes whenever another connection has committed, of whatever process.
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version, stat.st_ino, stat.st_mtime_ns

    def note(self, scope: Scope, mark: Mark | None, content: bytes, headers: dict[str, str]) -> None:
        """Keep an answer.

        Args:
            scope: of the call it answers.
            mark: taken before anything was read for it.
            content: its body.
            headers: its headers, `ETag` among them; type and length are added.
        """
        if mark is None:
            return
        lines = {**headers, "content-type": "application/json", "content-length": str(len(content))}
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines.items()]
        if len(self._answers) >= ANSWERS_MAX:
            self._answers.clear()
        until = self._clock.now() + GIVEN_AGAIN_FOR
        self._answers[_key(scope)] = _Recent(content, headers["ETag"].encode("latin-1"), encoded, mark, until)

    def find(self, scope: Scope) -> _Recent | None:
        """Return the answer to give again; None when the call has to be answered anew."""
        found = self._answers.get(_key(scope))
        if found is None:
            return None
        now = self._clock.now()
        if now >= found.until + GIVEN_AGAIN_FOR or found.mark != self.mark():
            return None
        if now >= found.until:
            # One call makes it anew; until it has, all others are still answered from here.
            found.until = now + GIVEN_AGAIN_FOR
            return None
        return found

    def close(self) -> None:
        """Forget everything and close the connection."""
        with self._lock:
            self._answers.clear()
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class GivenAgain:
    """Middleware that answers from `RecentAnswers` where it can."""

    def __init__(self, app: ASGIApp, recent: RecentAnswers) -> None:
        self._app = app
        self._recent = recent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application do it."""
        found = self._recent.find(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        known = _header(scope, b"if-none-match")
        tags = {tag.strip().removeprefix(b"W/") for tag in known.split(b",")} if known else set[bytes]()
        same = not tags.isdisjoint((found.etag, b"*"))
        headers = [one for one in found.headers if not one[0].startswith(b"content-")] if same else list(found.headers)
        await send({"type": "http.response.start", "status": _NOT_MODIFIED if same else _OK, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if same else found.content})


def _key(scope: Scope) -> Key:
    # All lines of a header: whoever reads cookies reads them all, and so may know a caller by the second.
    authorization = cookies = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization += value + b"\n"
        elif name == b"cookie":
            cookies += value + b"\n"
    return scope["path"], scope["query_string"], authorization, cookies


def _header(scope: Scope, name: bytes) -> bytes | None:
    for one, value in scope["headers"]:
        if one == name:
            return value
    return None
