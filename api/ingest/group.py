"""Group commit: uploads that arrive while others are being made durable share the next file and the next fsync.

Belongs here: the queue, the thread that drains it and the acknowledge order. Does not belong here: what is written
(`pipelines.lake.landing`) and recorded (`commit`).

The order is: file durable, then ONE ledger transaction, then the receipts. Nothing is recorded before its file is
durable, and no receipt is given before the record is.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
from sqlalchemy import Engine, exists, select
from sqlalchemy.exc import SQLAlchemyError

from api.ingest.commit import Landing, commit_group, find_replays
from api.ingest.prepare import Prepared
from daemon.wire.batch import Receipt
from pipelines.lake.clock import Clock
from pipelines.lake.landing import LandingUnavailableError, LandingWriter, sweep_orphans
from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA

GROUP_ROWS: Final = 200_000
"""A group stops growing here; the uploads left over make the next one."""
WAITING_UPLOADS: Final = 256
"""Uploads that may wait; further ones are told to come back later."""
_SWEEP_SECONDS: Final = 600.0

log = logging.getLogger(__name__)


class BusyError(Exception):
    """Too many uploads are waiting, or the service is stopping."""


@dataclass
class _Waiting:
    upload: Prepared
    answer: Future[Receipt] = field(default_factory=Future[Receipt])


class GroupCommitter:
    """Makes uploads durable, one group at a time, in a thread of its own."""

    def __init__(self, home: Home, engine: Engine, clock: Clock) -> None:
        """Start the thread.

        Args:
            home: where landing lives.
            engine: the app database.
            clock: stamps commits and days.
        """
        self._home = home
        self._engine = engine
        self._clock = clock
        self._writer: LandingWriter | None = None
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(WAITING_UPLOADS)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, upload: Prepared) -> Future[Receipt]:
        """Queue an upload.

        Returns:
            A future that holds the receipt once everything in the upload is durable, or the fault that kept it from
            being so (`LandingUnavailableError`, `SQLAlchemyError`); then nothing was acknowledged.

        Raises:
            BusyError: the queue is full or the committer is stopping.
        """
        waiting = _Waiting(upload)
        if self._stopping:
            raise BusyError
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise BusyError from None
        return waiting.answer

    def close(self) -> None:
        """Commit what is queued, then stop and give up the writer's lock."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join()
        while not self._queue.empty():
            if late := self._queue.get_nowait():
                late.answer.set_exception(BusyError())
        if self._writer is not None:
            self._writer.close()

    def _run(self) -> None:
        self._sweep()
        while True:
            try:
                first = self._queue.get(timeout=_SWEEP_SECONDS)
            except queue.Empty:
                self._sweep()
                continue
            if first is None:
                return
            group, stop = self._gather(first)
            self._settle(group)
            if stop:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        group, rows = [first], first.upload.table.num_rows
        while rows < GROUP_ROWS:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                break
            if waiting is None:
                return group, True
            group.append(waiting)
            rows += waiting.upload.table.num_rows
        return group, False

    def _settle(self, group: list[_Waiting]) -> None:
        try:
            receipts = self._commit([waiting.upload for waiting in group])
        except Exception as fault:  # noqa: BLE001 - whatever it is, every sender in the group must hear of it
            log.warning("a group of %d uploads was not committed: %s", len(group), type(fault).__name__)
            for waiting in group:
                waiting.answer.set_exception(fault)
            return
        for waiting in group:
            waiting.answer.set_result(receipts[waiting.upload.batch_key])

    def _commit(self, uploads: Sequence[Prepared]) -> dict[str, Receipt]:
        with self._engine.connect().execution_options(read_only=True) as connection:
            replays = find_replays(connection, uploads)
        landings = [self._land(workspace, replays, members) for workspace, members in _by_workspace(uploads).items()]
        return commit_group(self._engine, landings, self._clock.now())

    def _land(self, workspace_id: str, replays: frozenset[str], uploads: list[Prepared]) -> Landing:
        tables = [upload.table for upload in uploads if upload.batch_key not in replays]
        table = pa.concat_tables(tables) if tables else LANDING_SCHEMA.empty_table()
        file = None
        if table.num_rows:
            if self._writer is None:
                self._writer = LandingWriter(self._home)
            file = self._writer.write(workspace_id, self._clock.now().date().isoformat(), table)
        return Landing(workspace_id=workspace_id, file=file, table=table, uploads=uploads, replays=replays)

    def _sweep(self) -> None:
        try:
            if self._writer is None:
                self._writer = LandingWriter(self._home)
            deleted = sweep_orphans(self._home, self._is_committed, self._clock)
        except (OSError, LandingUnavailableError, SQLAlchemyError) as fault:
            log.warning("the sweep of abandoned landing files will be tried again: %s", type(fault).__name__)
            return
        if deleted:
            log.info("swept %d abandoned landing files", len(deleted))

    def _is_committed(self, relative_path: str) -> bool:
        """Whether the ledger names this file; what compaction has replaced since is compaction's to delete."""
        known = select(exists().where(landed_files.c.relative_path == relative_path))
        with self._engine.connect().execution_options(read_only=True) as connection:
            return bool(connection.execute(known).scalar_one())


def _by_workspace(uploads: Sequence[Prepared]) -> dict[str, list[Prepared]]:
    grouped: dict[str, list[Prepared]] = {}
    for upload in uploads:
        grouped.setdefault(upload.sender.workspace_id, []).append(upload)
    return grouped
