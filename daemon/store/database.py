"""The file, its two connections, and transactions on them.

Belongs here: opening (privately, WAL, migrated), locking between threads, errors of SQLite as errors of the store.
Does not belong here: tables (`migrations`) and queries (the modules that are handed a connection).

One connection writes and one reads, each under a lock: a reader never waits for a disk to take a transaction in.
Processes keep out of each other's way through SQLite's own locks.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from daemon.store.errors import StoreTooNew, StoreUnavailable, translated
from daemon.store.migrations import STEPS

BUSY_SECONDS: Final = 10.0
"""How long to wait for another process' transaction."""
_PRIVATE_FILE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700


class Database:
    """The open file.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        """Open, and bring the tables to this release's version.

        Raises:
            StoreError: as `daemon.store.errors` draws them.
        """
        self.path = path
        self._write_lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._closed = False
        try:
            _make_private(path)
            self._writer = self._connect()
        except (sqlite3.Error, OSError) as error:
            raise translated(error, path) from error
        try:
            _use_write_ahead_log(self._writer)
            self._migrate()
            self._reader = self._connect()
            self._reader.execute("PRAGMA query_only = ON")
        except (sqlite3.Error, OSError) as error:
            self._writer.close()
            raise translated(error, path) from error
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """Close both connections; whoever is in the middle of something is waited for. Repeating it does nothing."""
        with self._write_lock, self._read_lock:
            self._closed = True
            self._reader.close()
            with suppress(sqlite3.Error):  # the last to close tidies the log away, for which there may be no room
                self._writer.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the writing connection within one transaction: all of it is durable afterwards, or nothing happened.

        Raises:
            StoreError: as `daemon.store.errors` draws them.
        """
        with self._write_lock, self._translating():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the reading connection; keep it for a moment only.

        Raises:
            StoreError: as `daemon.store.errors` draws them.
        """
        with self._read_lock, self._translating():
            yield self._reader

    def connection_for_reading(self) -> sqlite3.Connection:
        """Return a connection of the caller's own that cannot write; the caller closes it, in any thread.

        Raises:
            StoreError: as `daemon.store.errors` draws them.
        """
        with self._translating():
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            return connection

    def tidy(self) -> None:
        """Write the log back into the file and empty it, so that what was removed is on no disk; best effort."""
        with self._write_lock, suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def _translating(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable(f"{self.path} is closed")
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # FULL: an acknowledged or recorded call survives a power cut. Removed text is overwritten, not just unlinked.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def _migrate(self) -> None:
        while (version := _version(self._writer)) < len(STEPS):
            with self.writing() as connection:
                if _version(connection) == version:  # another process may have been faster
                    for statement in STEPS[version]:
                        connection.execute(statement)
        if version > len(STEPS):
            raise StoreTooNew(
                f"{self.path} was written by a later release (version {version}, this one knows {len(STEPS)}): upgrade"
            )


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, so that nobody else can read it at any moment; its log gets the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE_FILE))
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with suppress(FileNotFoundError, PermissionError):
            if file.stat().st_mode & 0o077:
                file.chmod(_PRIVATE_FILE)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    # Two processes that open a new file at once: SQLite refuses one of them here without waiting.
    deadline = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
