"""Group commit: uploads that arrive while others are being made durable share the next file and the next fsync.

Belongs here: the queue, the threads that drain it and the acknowledge order. Does not belong here: what is written
(`pipelines.lake.landing`) and recorded (`commit`).

The order is: file durable, then ONE ledger transaction, then the receipts. Nothing is recorded before its file is
durable, and no receipt is given before the record is.

Two stages, a thread each: one writes a group's files while the other records the group before it. At most one group
lies written and unrecorded between them, and the next is not gathered before that one's turn has come: a busy server
makes larger groups, not more of them. Groups are recorded in the order they were gathered.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from sqlalchemy import Engine, exists, select
from sqlalchemy.exc import SQLAlchemyError

from api.ingest.commit import Landing, commit_group, find_replays, sums_of
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
_JUDGES: Final = max(2, os.cpu_count() or 1)
"""Uploads judged at once; more would only take turns for the same cores and push each other out of their caches."""

log = logging.getLogger(__name__)


class BusyError(Exception):
    """Too many uploads are waiting, or the service is stopping."""


@dataclass
class _Waiting:
    upload: Prepared
    answer: Future[Receipt]


@dataclass
class _Written:
    """A group whose files are durable, and of which the ledger knows nothing yet."""

    group: list[_Waiting]
    landings: list[Landing]


class GroupCommitter:
    """Makes uploads durable, group after group, in threads of its own."""

    def __init__(self, home: Home, engine: Engine, clock: Clock) -> None:
        """Start the threads.

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
        self._written: queue.Queue[_Written | None] = queue.Queue()
        self._stopping = False
        self._judges = ThreadPoolExecutor(_JUDGES, thread_name_prefix="judge")
        self._recorder = threading.Thread(target=self._record_groups, name="group-record", daemon=True)
        self._recorder.start()
        self._thread = threading.Thread(target=self._run, name="group-write", daemon=True)
        self._thread.start()

    def submit(self, upload: Prepared, answer: Future[Receipt] | None = None) -> Future[Receipt]:
        """Queue an upload.

        Args:
            upload: what to land.
            answer: the future to use, if there is one already.

        Returns:
            A future that holds the receipt once everything in the upload is durable, or the fault that kept it from
            being so (`LandingUnavailableError`, `SQLAlchemyError`); then nothing was acknowledged. It cannot be
            cancelled: an upload that is queued lands, whether or not anybody still waits for the answer.

        Raises:
            BusyError: the queue is full or the committer is stopping.
        """
        waiting = _Waiting(upload, answer or _begun())
        if self._stopping:
            raise BusyError
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise BusyError from None
        return waiting.answer

    def judge_and_submit(self, judge: Callable[[], Prepared]) -> Future[Receipt]:
        """Run `judge` in one of the threads kept for it and queue what it returns.

        Returns:
            As `submit`; what `judge` or `submit` raises is in the future too.

        Raises:
            BusyError: the committer is stopping.
        """
        answer = _begun()

        def judged() -> None:
            try:
                self.submit(judge(), answer)
            except BaseException as fault:  # noqa: BLE001 - whatever it is, the sender must hear of it
                answer.set_exception(fault)

        try:
            self._judges.submit(judged)
        except RuntimeError:  # shut down
            raise BusyError from None
        return answer

    def close(self) -> None:
        """Commit what is queued, then stop and give up the writer's lock. Closing again does nothing."""
        self._judges.shutdown()
        self._stopping = True
        self._queue.put(None)
        self._thread.join()
        while not self._queue.empty():
            if late := self._queue.get_nowait():
                late.answer.set_exception(BusyError())
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _run(self) -> None:
        self._sweep()
        stop = False
        while not stop:
            try:
                first = self._queue.get(timeout=_SWEEP_SECONDS)
            except queue.Empty:
                self._sweep()
                continue
            if first is None:
                break
            group, stop = self._gather(first)
            self._commit(group)
        self._written.put(None)
        self._recorder.join()

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

    def _commit(self, group: list[_Waiting]) -> None:
        """Take a group through the first stage, and leave it to the second as soon as that is free."""
        try:
            landings = self._write([waiting.upload for waiting in group])
        except Exception as fault:  # noqa: BLE001 - whatever it is, every sender in the group must hear of it
            _refuse(group, fault)
            return
        self._written.join()
        self._written.put(_Written(group, landings))

    def _record_groups(self) -> None:
        while written := self._written.get():
            try:
                receipts = commit_group(self._engine, written.landings, self._clock.now())
            except Exception as fault:  # noqa: BLE001 - as above; the files stay out of the record and are swept one day
                _refuse(written.group, fault)
            else:
                for waiting in written.group:
                    waiting.answer.set_result(receipts[waiting.upload.batch_key])
            self._written.task_done()

    def _write(self, uploads: Sequence[Prepared]) -> list[Landing]:
        # A body sent again while its first copy is still on its way is not found here. It must not be: the copy that it
        # would be called a repeat of may yet fail. Both land, and the build keeps the first.
        with self._engine.connect().execution_options(read_only=True) as connection:
            replays = find_replays(connection, uploads)
        return [self._land(workspace, replays, members) for workspace, members in _by_workspace(uploads).items()]

    def _land(self, workspace_id: str, replays: frozenset[str], uploads: list[Prepared]) -> Landing:
        tables = [upload.table for upload in uploads if upload.batch_key not in replays]
        table = pa.concat_tables(tables) if tables else LANDING_SCHEMA.empty_table()
        file = None
        if table.num_rows:
            if self._writer is None:
                self._writer = LandingWriter(self._home)
            file = self._writer.write(workspace_id, self._clock.now().date().isoformat(), table)
        return Landing(workspace_id=workspace_id, file=file, sums=sums_of(table), uploads=uploads, replays=replays)

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


def _begun() -> Future[Receipt]:
    answer = Future[Receipt]()
    answer.set_running_or_notify_cancel()  # from now on a caller that goes away cannot cancel it
    return answer


def _refuse(group: list[_Waiting], fault: Exception) -> None:
    log.warning("a group of %d uploads was not committed: %s", len(group), type(fault).__name__)
    for waiting in group:
        waiting.answer.set_exception(fault)


def _by_workspace(uploads: Sequence[Prepared]) -> dict[str, list[Prepared]]:
    grouped: dict[str, list[Prepared]] = {}
    for upload in uploads:
        grouped.setdefault(upload.sender.workspace_id, []).append(upload)
    return grouped
