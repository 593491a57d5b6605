"""What a server was doing at the instant it died: two bytes in a mapped file, which outlive a SIGKILL.

Belongs here: the board, and the instrumentation that keeps it up to date. Does not belong here: killing (`campaign`).
"""

from __future__ import annotations

import functools
import mmap
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from starlette.types import ASGIApp, Receive, Scope, Send

from api.ingest import group
from pipelines.lake.landing import LandingWriter

BOARD = "stage.board"
"""The mapped file's name in the home."""


class Stage(IntEnum):
    """Where the thread that makes uploads durable stands."""

    IDLE = 0
    LOOKING = 1  # for bodies that are on record already
    WRITING = 2  # the file
    WRITTEN = 3
    RECORDING = 4  # the ledger transaction
    COMMITTED = 5  # that transaction
    RECORDED = 6  # but not answered


class StageBoard:
    """Shared by the server, which writes, and the campaign, which reads."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(mmap.PAGESIZE))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def clear(self) -> None:
        self._page[:2] = b"\0\0"

    @property
    def uploads(self) -> int:
        """Uploads whose request a server had begun to handle and not answered."""
        return self._page[0]

    @property
    def stage(self) -> Stage:
        return Stage(self._page[1])

    def _count(self, change: int) -> None:
        self._page[0] += change

    def _enter(self, stage: Stage) -> None:
        self._page[1] = stage

    def watch_uploads(self, app: ASGIApp) -> ASGIApp:
        """Wrap an application so that uploads in progress are counted."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].endswith("/requests/batch"):
                await app(scope, receive, send)
                return
            self._count(1)
            try:
                await app(scope, receive, send)
            finally:
                self._count(-1)

        return watched

    def watch_commits(self, engine: Engine) -> None:
        """Note the stages of the group commit of this process, from now on."""
        do_commit = engine.dialect.do_commit

        def noted_commit(dbapi_connection: Any) -> None:
            do_commit(dbapi_connection)
            if self.stage is Stage.RECORDING:
                self._enter(Stage.COMMITTED)

        engine.dialect.do_commit = noted_commit
        self._around(group.GroupCommitter, "_commit", Stage.LOOKING, Stage.IDLE)
        self._around(LandingWriter, "write", Stage.WRITING, Stage.WRITTEN)
        self._around(group, "commit_group", Stage.RECORDING, Stage.RECORDED)

    def _around(self, owner: Any, name: str, before: Stage, after: Stage) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(original)
        def noted(*args: Any, **options: Any) -> Any:
            self._enter(before)
            answer = original(*args, **options)
            self._enter(after)
            return answer

        setattr(owner, name, noted)
