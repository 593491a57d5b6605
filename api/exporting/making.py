"""Making one export, step by step, with its progress in the database.

Belongs here: the order of steps, the unfinished file and its lock, and what is written down at the end. Does not belong
here: the content of the files, when exports are made (`api.upkeep`).

Killed anywhere, an export is begun again from the start: its file has no name people can download before it is whole
and durable.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection, Engine, select

from api.db.models import Workspace, WorkspaceExport
from api.db.session import reading, transaction
from api.exporting.archive import Archive, Member
from api.exporting.documents import (
    logo_png,
    report_files,
    settings_document,
    write_audit_csv,
    write_bills_csv,
    write_set_aside,
)
from api.exporting.request_files import write_requests_csv, write_requests_parquet
from api.workspaces.exports import KEPT, UNFINISHED, ExportState, export_file
from pipelines.durable_files import move_durably, sha256_of_file
from pipelines.lake.catalog import Snapshot, SnapshotReader
from pipelines.lake.clock import Clock, iso_utc, to_micros
from pipelines.lake.file_locks import is_locked
from pipelines.lake.paths import Home

_log = logging.getLogger(__name__)

UNFINISHED_SUFFIX: Final = ".part"
_FAILED: Final = "The export could not be made; the server's log says why. Ask for a new one."


class GoneError(Exception):
    """The export is not wanted any more: its workspace is gone, or somebody else makes it."""


def make_exports(home: Home, engine: Engine, clock: Clock) -> int:
    """Make every export that was asked for, and every one whose maker was killed, the oldest first.

    Returns:
        How many are ready now.
    """
    with reading(engine) as session:
        query = select(WorkspaceExport.id).where(WorkspaceExport.state.in_(UNFINISHED))
        waiting = session.scalars(query.order_by(WorkspaceExport.requested_at_us, WorkspaceExport.id)).all()
    return sum(make_export(home, engine, clock, export_id) for export_id in waiting)


def make_export(home: Home, engine: Engine, clock: Clock, export_id: str) -> bool:
    """Make one export.

    Returns:
        Whether it is ready; what went wrong is in the log, and that it did is in its row.
    """
    with reading(engine) as session:
        export = session.get(WorkspaceExport, export_id)
    if export is None or export.state not in UNFINISHED:
        return False
    path = export_file(home, export.workspace_id, export_id)
    unfinished = path.with_suffix(UNFINISHED_SUFFIX)
    if is_locked(unfinished):
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with unfinished.open("wb") as stream:
            os.fchmod(stream.fileno(), 0o600)
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _Making(home, engine, clock, export.workspace_id, export_id).write(stream)
        move_durably(unfinished, path)
        _settle(engine, export_id, path, clock.now())
    except (GoneError, BlockingIOError) as fault:
        _log.info("export %s is not made here: %s", export_id, fault)
        unfinished.unlink(missing_ok=True)
        return False
    except Exception:  # noqa: BLE001 - whatever it is, people must see that it failed
        _log.exception("export %s failed", export_id)
        unfinished.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        _fail(engine, export_id, clock.now())
        return False
    return True


class _Making:
    """One export under way."""

    def __init__(self, home: Home, engine: Engine, clock: Clock, workspace_id: str, export_id: str) -> None:
        self._home, self._engine, self._clock = home, engine, clock
        self._workspace_id, self._export_id = workspace_id, export_id
        self._done = 0

    def write(self, stream: IO[bytes]) -> None:
        at = self._clock.now()
        steps: tuple[Callable[[Archive], None], ...] = (
            self._requests,
            self._audit,
            self._bills,
            self._set_aside,
            self._settings,
            self._reports,
        )
        self._progress(len(steps) + 1)
        with closing(SnapshotReader(self._home)) as reader, Archive(stream, at) as archive:
            self._snapshot: Snapshot | None = reader.current()
            try:
                for step in steps:
                    step(archive)
                    self._progress(len(steps) + 1)
                archive.add("manifest.json", self._manifest(archive.members, at))
            finally:
                if self._snapshot is not None:
                    self._snapshot.close()
        stream.flush()

    def _requests(self, archive: Archive) -> None:
        with archive.member("requests.parquet") as (member, stream):
            member.rows = write_requests_parquet(self._snapshot, self._workspace_id, stream)
        with archive.member("requests.csv") as (member, stream):
            member.rows = write_requests_csv(self._snapshot, self._workspace_id, stream)

    def _audit(self, archive: Archive) -> None:
        with self._connection() as connection, archive.member("audit.csv") as (member, stream):
            member.rows = write_audit_csv(connection, self._workspace_id, stream)

    def _bills(self, archive: Archive) -> None:
        with self._connection() as connection, archive.member("bills.csv") as (member, stream):
            member.rows = write_bills_csv(connection, self._workspace_id, stream)

    def _set_aside(self, archive: Archive) -> None:
        with self._connection() as connection, archive.member("set_aside.jsonl") as (member, stream):
            member.rows = write_set_aside(connection, self._workspace_id, stream)

    def _settings(self, archive: Archive) -> None:
        with self._connection() as connection:
            archive.add("settings.json", settings_document(connection, self._workspace_id))
            logo = logo_png(connection, self._workspace_id)
        if logo is not None:
            archive.add("logo.png", logo)

    def _reports(self, archive: Archive) -> None:
        folder = self._home.reports / self._workspace_id
        for path in report_files(folder):
            with archive.member(f"reports/{path.relative_to(folder)}") as (_, stream), path.open("rb") as content:
                while chunk := content.read(1 << 20):
                    stream.write(chunk)

    def _manifest(self, members: list[Member], at: datetime) -> bytes:
        build = self._snapshot
        content = {
            "workspace_id": self._workspace_id,
            "exported_at": iso_utc(at),
            "build_id": build.build_id if build else None,
            "files": [
                {"name": one.name, "bytes": one.byte_count, "sha256": one.sha256, "rows": one.rows} for one in members
            ],
        }
        return (json.dumps(content, indent=2) + "\n").encode()

    def _connection(self) -> Connection:
        return self._engine.connect().execution_options(read_only=True)

    def _progress(self, total: int) -> None:
        with transaction(self._engine) as session:
            export = session.get(WorkspaceExport, self._export_id, with_for_update=True)
            if export is None or session.get(Workspace, self._workspace_id) is None:
                raise GoneError("its workspace is gone")
            export.state, export.done_steps, export.total_steps = ExportState.RUNNING.value, self._done, total
        self._done += 1


def _settle(engine: Engine, export_id: str, path: Path, at: datetime) -> None:
    sha256, size = sha256_of_file(path), path.stat().st_size
    with transaction(engine) as session:
        export = session.get(WorkspaceExport, export_id, with_for_update=True)
        if export is None:
            path.unlink(missing_ok=True)
            raise GoneError("its workspace is gone")
        export.state, export.done_steps = ExportState.READY.value, export.total_steps
        export.sha256, export.byte_count = sha256, size
        export.finished_at_us, export.expires_at_us = to_micros(at), to_micros(at + KEPT)


def _fail(engine: Engine, export_id: str, at: datetime) -> None:
    with transaction(engine) as session:
        export = session.get(WorkspaceExport, export_id)
        if export is not None:
            export.state, export.failure, export.finished_at_us = ExportState.FAILED.value, _FAILED, to_micros(at)
