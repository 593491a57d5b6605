"""Importing files: from bytes on disk to calls in the store, each once.

Belongs here: going on where the last import stopped, batches, counting. Does not belong here: formats (`registry`),
watching (`follow`), showing (`daemon.cli.imports`).

Calls and the position in their file are written in one transaction: killed at any moment, an import goes on where it
was.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from daemon.calls.call import Call
from daemon.clock import Clock, to_micros
from daemon.importers.draft import BadLine, Billing, Draft, LineReader, LineReaderMaker
from daemon.importers.finish import Finisher
from daemon.importers.known import KnownCalls
from daemon.importers.lines import LINE_MAX, lines_from
from daemon.importers.places import workdir_beside
from daemon.importers.position import (
    HEAD_BYTES,
    START,
    Position,
    cursor_key,
    head_of,
    position_in,
    still_there,
    written,
)
from daemon.importers.registry import Importer
from daemon.importers.tally import FileResult
from daemon.store.store import Store

DOCUMENT_MAX: Final = 512 << 20
"""Bytes of the largest file that is read as a whole."""
_BATCH: Final = 2000
_REPORT_BYTES: Final = 1 << 18

Progress = Callable[[int], None]
"""Is told how many bytes further reading has come."""


def no_progress(count: int) -> None:
    """Show nothing of `count` bytes."""
    del count


@dataclass(frozen=True)
class Import:
    """One importer on one store.

    Attributes:
        importer: what is read.
        store: where calls go; None reads without one, as a dry run on a machine that has none yet.
        known: compares with the store; None without a store.
        finisher: adds what the source cannot know.
        clock: wall clock.
        billing: how the use is paid for.
        dry_run: whether to write nothing.
    """

    importer: Importer
    store: Store | None
    known: KnownCalls | None
    finisher: Finisher
    clock: Clock
    billing: Billing = "auto"
    dry_run: bool = False

    def read(self, path: Path, progress: Progress = no_progress) -> FileResult:
        """Import what is new in a file.

        Raises:
            StoreError: the store cannot be used; what was imported before stays, and the rest can be imported later.
        """
        result = FileResult(path)
        try:
            with _opened(path) as file:
                self._read(path, file, result, progress)
        except OSError as error:
            result.error = error.strerror or str(error)
        return result

    def _read(self, path: Path, file: BinaryIO, result: FileResult, progress: Progress) -> None:
        first_line = next((line.raw or b"" for line in lines_from(file, 0)), b"")
        by_lines = self.importer.reads_lines(path, first_line)
        batch = _Batch(self, path, result)
        if by_lines and self.importer.lines is not None:
            _LineImport(self, self.importer.lines, batch, file).run(progress)
        elif self.importer.document is not None:
            self._document(file, batch, progress)

    def _document(self, file: BinaryIO, batch: _Batch, progress: Progress) -> None:
        file.seek(0)
        content = file.read(DOCUMENT_MAX + 1)
        if len(content) > DOCUMENT_MAX:
            batch.result.error = f"larger than {DOCUMENT_MAX >> 20} MiB"
            return
        digest = hashlib.sha256(content).hexdigest()
        # A file that was written before a day was over tells only a part of that day, whenever it is read.
        as_of_us = min(to_micros(self.clock.now()), os.fstat(file.fileno()).st_mtime_ns // 1000)
        if batch.position.content == digest:
            batch.result.unchanged = True
        elif self.importer.document is not None:
            for number, draft in enumerate(self.importer.document(content, as_of_us, self.billing), start=1):
                batch.result.lines = number
                if isinstance(draft, BadLine):
                    batch.result.bad(f"row {number}", str(draft))
                else:
                    batch.take([draft])
            # What could not be read may be readable by a later release: only a clean file is done with.
            batch.write(Position(content="" if batch.result.tally.bad else digest))
        progress(len(content))


class _Batch:
    """Calls on their way into the store, and the position that goes with them."""

    def __init__(self, run: Import, path: Path, result: FileResult) -> None:
        self.result = result
        self._run = run
        self._beside = workdir_beside(run.importer.name, path)
        self._key = cursor_key(run.importer.name, path)
        self._calls: dict[str, Call] = {}
        value = run.store.cursor(self._key) if run.store is not None else None
        self.position = position_in(value)

    @property
    def full(self) -> bool:
        """Whether it is time to write."""
        return len(self._calls) >= _BATCH

    def take(self, drafts: Iterable[Draft]) -> None:
        """Finish drafts and keep their calls."""
        for draft in drafts:
            if draft.call.id in self._calls:
                self.result.tally.known += 1
            else:
                self._calls[draft.call.id] = self._run.finisher.finish(draft, workdir_beside=self._beside)

    def write(self, position: Position) -> None:
        """Write calls and position in one transaction, and count what became of them."""
        calls = list(self._calls.values())
        self._calls = {}
        known = self._run.known.ids(calls) if self._run.known is not None else set[str]()
        fresh = [call for call in calls if call.id not in known]
        elsewhere = self._run.known.elsewhere(fresh) if self._run.known is not None else set[str]()
        new = [call for call in fresh if call.id not in elsewhere]
        if self._run.store is not None and not self._run.dry_run and (new or position != self.position):
            self._run.store.add(new, cursor=(self._key, written(position)))
        self.position = position
        tally = self.result.tally
        tally.known += len(known)
        tally.elsewhere += len(elsewhere)
        for call in new:
            tally.add_new(call)


class _LineImport:
    """Reads on in one growing file."""

    def __init__(self, run: Import, maker: LineReaderMaker, batch: _Batch, file: BinaryIO) -> None:
        self._run = run
        self._maker = maker
        self._batch = batch
        self._file = file

    def run(self, progress: Progress) -> None:
        """Read to the end of what is there."""
        position, reader = self._resumed()
        result = self._batch.result
        number, end, told = position.lines, position.offset, position.offset
        result.resumed = position.lines > 0
        progress(told)
        for line in lines_from(self._file, position.offset):
            drafts = self._drafts(reader, line.raw, number + 1, complete=line.complete)
            if drafts is None:
                break  # the last line is still being written
            number, end = number + 1, line.end
            result.lines += 1
            self._batch.take(drafts)
            if self._batch.full:
                self._batch.write(self._position(end, number, reader))
            if end - told >= _REPORT_BYTES:
                progress(end - told)
                told = end
        quiet = reader.quiet(to_micros(self._run.clock.now()))
        self._batch.take(quiet)
        result.unchanged = result.lines == 0 and not quiet
        result.tally.waiting = reader.waiting
        self._batch.write(self._position(end, number, reader))
        progress(end - told)

    def _resumed(self) -> tuple[Position, LineReader]:
        """Return where to begin, and a reader for it: the file's beginning when it is no longer what was read."""
        position = self._batch.position
        if position.offset and still_there(position, self._file):
            try:
                return position, self._maker(position.state or None, self._run.billing)
            except msgspec.DecodeError:
                pass  # written by another release
        return START, self._maker(None, self._run.billing)

    def _drafts(self, reader: LineReader, raw: bytes | None, number: int, *, complete: bool) -> Iterable[Draft] | None:
        """Return the drafts of a line, none for a bad one; None for one that is not there as a whole yet."""
        if raw is not None and not raw.strip():
            return () if complete else None
        try:
            if raw is None:
                raise BadLine(f"longer than {LINE_MAX >> 20} MiB")  # noqa: TRY301 - one place counts what is bad
            return reader.line(raw)
        except BadLine as bad:
            if not complete:
                return None
            self._batch.result.bad(f"line {number}", str(bad))
            return ()

    def _position(self, end: int, number: int, reader: LineReader) -> Position:
        here = self._file.tell()
        self._file.seek(0)
        head_bytes = min(end, HEAD_BYTES)
        head = head_of(self._file, head_bytes)
        self._file.seek(here)
        return Position(offset=end, lines=number, head=head, head_bytes=head_bytes, state=reader.state())


def _opened(path: Path) -> BinaryIO:
    """Open a plain file; anything else could wait for ever or never end.

    Raises:
        OSError: it cannot be opened, or is no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError("not a plain file")
