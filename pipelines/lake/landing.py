"""Writing landed Parquet files so that they survive anything, and clearing up after those that did not get that far.

Belongs here: the file half of the acknowledge order (temporary file, rename, fsync, fsync of the folder) and the sweep
of files whose writer died before the ledger knew them. Does not belong here: the ledger transaction (`api.ingest`),
which is what makes a file part of the record, and compacted files, which go their own way (`pipelines.compaction`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa

from pipelines.lake.arrow import parquet
from pipelines.lake.clock import Clock, from_micros
from pipelines.lake.file_locks import is_locked
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA

ORPHAN_GRACE: Final = timedelta(minutes=10)
"""A dead writer's transaction may still be committing in PostgreSQL; its files are let alone this long."""

# Values that repeat gain from a dictionary; ids, hashes and measures do not.
_DICTIONARY_COLUMNS: Final = [
    "workspace_id", "device_id", "batch_key", "received_at", "project", "provider", "model", "fx_rate", "status",
    "request_kind", "attribution_method", "source_workdir", "source_machine", "error_class", "provider_error_code",
    "http_status", "billing_basis", "origin_file_seq",
]  # fmt: skip
PARQUET_OPTIONS: Final[dict[str, Any]] = {
    "compression": "zstd",
    "use_dictionary": _DICTIONARY_COLUMNS,
    "store_schema": False,
    "write_page_checksum": True,
}
"""How every file of the record is written; a landing file differs in what `_LANDED_OPTIONS` says."""

# A compressor costs some 25 us a column whatever it is given. So a landing file, which is small, compresses only what a
# dictionary or differences leave large; it is no larger for it, and takes half the time (decision 0015).
_COMPRESSED_COLUMNS: Final = ("latency_ms", "source_workdir", "prompt_hash", "idempotency_key", "extra_json")
_DIFFERENCES: Final = (
    "row_index", "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens",
    "cost_logged_millicents", "time_to_first_token_ms", "requested_at", "recorded_at",
)  # fmt: skip
_LANDED_OPTIONS: Final[dict[str, Any]] = {
    **PARQUET_OPTIONS,
    "compression": dict.fromkeys(_COMPRESSED_COLUMNS, "zstd"),  # and no other column
    "compression_level": dict.fromkeys(_COMPRESSED_COLUMNS, 1),
    "column_encoding": dict.fromkeys(_DIFFERENCES, "DELTA_BINARY_PACKED"),
}
COMPACTED_PREFIX: Final = "compacted-"
"""Start of a compacted file's name, final or not. It holds no underscore: the sweep of dead writers never sees it."""


class LandingUnavailableError(Exception):
    """The landing folder cannot be written now (full, read-only, failing); nothing was acknowledged."""


@dataclass(frozen=True)
class LandedFile:
    """A durable landing file that the ledger does not know yet.

    Attributes:
        file_id: uuid of the file.
        relative_path: path under the landing folder.
        sha256: digest of its bytes, hex.
        byte_count: its size.
        row_count: rows in it.
    """

    file_id: str
    relative_path: str
    sha256: str
    byte_count: int
    row_count: int


class LandingWriter:
    """One process' way of writing landing files.

    A file's name begins with its writer's id, and each writer holds a lock file while it lives, so that another
    process can tell an abandoned file from one that is about to be committed.
    """

    def __init__(self, home: Home) -> None:
        """Take this process' lock and make sure that the schema file exists.

        Args:
            home: where landing lives.

        Raises:
            LandingUnavailableError: the folder cannot be written.
        """
        self._home = home
        self.writer_id = uuid4().hex[:12]
        try:
            home.landing_workers.mkdir(parents=True, exist_ok=True)
            self._lock_path = home.landing_workers / f"{self.writer_id}.lock"
            self._lock = os.open(self._lock_path, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if not has_newest_schema(home):
                _write_durably(home.empty_landing_file, _encode(LANDING_SCHEMA.empty_table()), self.writer_id)
        except OSError as fault:
            raise LandingUnavailableError(str(fault)) from fault

    def close(self) -> None:
        """Release the lock; files of this writer that are in no ledger may be swept from now on."""
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)

    def write(self, workspace_id: str, received_day: str, table: pa.Table) -> LandedFile:
        """Write rows to a new file and make it durable.

        Args:
            workspace_id: whose rows they are, all of them.
            received_day: `YYYY-MM-DD`, UTC.
            table: rows in `LANDING_SCHEMA`.

        Returns:
            The file, on disk under its final name, its folder synced.

        Raises:
            LandingUnavailableError: it could not be made durable; a file that was begun is abandoned.
        """
        file_id = str(uuid4())
        folder = self._home.landing_folder(workspace_id, received_day)
        path = folder / f"{self.writer_id}_{file_id}.parquet"
        content = _encode(table)
        try:
            _make_folder(folder, self._home.landing)
            _write_durably(path, content, self.writer_id, trusted_by_name=False)
        except OSError as fault:
            raise LandingUnavailableError(str(fault)) from fault
        return LandedFile(
            file_id=file_id,
            relative_path=str(path.relative_to(self._home.landing)),
            sha256=hashlib.sha256(content).hexdigest(),
            byte_count=len(content),
            row_count=table.num_rows,
        )


def sweep_orphans(
    home: Home, is_committed: Callable[[str], bool], clock: Clock, grace: timedelta = ORPHAN_GRACE
) -> list[str]:
    """Delete files of dead writers that never reached the ledger.

    Nothing in them was acknowledged: their senders will send the rows again.

    Args:
        home: where landing lives.
        is_committed: tells whether the ledger knows a relative path.
        clock: tells the age of a file.
        grace: files younger than this are left.

    Returns:
        Relative paths of the files deleted.
    """
    oldest_kept = clock.now() - grace
    alive: dict[str, bool] = {}
    deleted: list[str] = []
    for path in _written_files(home):
        writer = path.name.split("_", 1)[0]
        if alive.setdefault(writer, _holds_lock(home, writer)):
            continue
        try:
            written_at = from_micros(path.stat().st_mtime_ns // 1000)
        except FileNotFoundError:
            continue
        relative = str(path.relative_to(home.landing))
        if written_at < oldest_kept and not (path.suffix == ".parquet" and is_committed(relative)):
            path.unlink(missing_ok=True)
            deleted.append(relative)
    return deleted


def _written_files(home: Home) -> Iterator[Path]:
    if home.landing.is_dir():
        for pattern in ("*/*/*_*.parquet", "*/*/*_*.tmp"):
            found = home.landing.glob(pattern)
            yield from (path for path in found if not path.name.startswith(COMPACTED_PREFIX))


def has_newest_schema(home: Home) -> bool:
    """Whether the schema file is there, whole, and of this release: an older home's lacks columns added since."""
    try:
        return home.empty_landing_file.read_bytes() == _encode(LANDING_SCHEMA.empty_table())
    except OSError:
        return False


def _holds_lock(home: Home, writer: str) -> bool:
    """Tell whether the process that writes under this id is still there."""
    path = home.landing_workers / f"{writer}.lock"
    if is_locked(path):
        return True
    path.unlink(missing_ok=True)
    return False


def _encode(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, **_LANDED_OPTIONS)
    return sink.getvalue().to_pybytes()


def _make_folder(folder: Path, root: Path) -> None:
    """Create a folder under `root`, syncing each parent that gained an entry."""
    if folder.is_dir():
        return
    _make_folder(folder.parent, root) if folder != root else root.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _write_durably(path: Path, content: bytes, writer_id: str, *, trusted_by_name: bool = True) -> None:
    """Write a whole file beside `path`, sync it, rename it and sync its folder.

    A failed fsync is final for this file: the kernel may have dropped the pages, so a second one proves nothing.

    Args:
        path: where it will stand.
        content: all of it.
        writer_id: of the writer that holds the lock.
        trusted_by_name: somebody may read the file as soon as it is there. A landing file is read when the ledger knows
            it, which is after this function. It may be renamed first: a journal then takes content and name together,
            and the folder's sync, which is made all the same, has nothing left to wait for.
    """
    temporary = path.with_name(f"{writer_id}_{uuid4().hex}.tmp")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
    written = temporary
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            if not trusted_by_name:
                written = temporary.replace(path)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if trusted_by_name:
            written = temporary.replace(path)
    except OSError:
        written.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the entries of `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
