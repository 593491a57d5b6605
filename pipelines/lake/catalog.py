"""The read-only door to published marts.

Belongs here: finding the snapshot `CURRENT` names, opening it so that nothing can be changed or read beside it, and
swapping to the next one while queries on the old one finish. Does not belong here: building or publishing
(`pipelines.publish`), and the questions that are asked (`api.dashboards`).

A snapshot's tables stand under their own names (`dim_projects`) and under `marts.`; roll-ups and `fct_requests`, under
their own names only, are views over the parts and segments the snapshot names. Single requests are quicker to look up
in the row files beside them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import duckdb
import msgspec

from pipelines.lake.facts_view import make_facts_view
from pipelines.lake.part_views import by_table, read_parts, rows_of
from pipelines.lake.paths import Home
from pipelines.lake.read_cursor import ReadCursor
from pipelines.lake.row_lookup import RowLookup
from pipelines.lake.snapshot_rows import SnapshotRows

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

_DAILY: Final = "mart_spend_daily"
BUILD_INSTANT: Final = "b%Y%m%dT%H%M%S"
"""How the instant stands in a build id, UTC."""
WITHOUT_DEVICES: Final = "spend_daily_without_devices"
"""The daily roll-up summed over devices: what most questions ask for, a fraction of its rows."""


class CurrentPointer(msgspec.Struct, frozen=True):
    """Content of `marts/CURRENT`: the build in force, and the snapshot file in the marts folder.

    Attributes:
        build_id: the build.
        file: name of its snapshot.
        sha256: digest of the snapshot; empty in pointers of earlier releases.
    """

    build_id: str
    file: str
    sha256: str = ""


@dataclass(frozen=True)
class ServingLimits:
    """What one open snapshot may use.

    Attributes:
        threads: DuckDB worker threads.
        memory: DuckDB memory limit, such as `1GB`.
    """

    threads: int = 2
    memory: str = "1GB"


class _OpenSnapshot:
    """One DuckDB instance over one snapshot, shared by its leases; it ends with the last of them and their cursors."""

    def __init__(
        self, home: Home, pointer: CurrentPointer, limits: ServingLimits, earlier: _OpenSnapshot | None
    ) -> None:
        self.pointer = pointer
        self._lock = threading.Lock()
        self._leases = 1
        root = _connect(home, home.marts / pointer.file, limits)
        try:
            row = root.execute("select data_as_of, max_file_seq, rows_total from marts.build_info").fetchall()[0]
            # Builds share most files: they stay open from one to the next.
            self.rows = SnapshotRows(home.segments, root, earlier.rows if earlier else None)
        except BaseException:
            root.close()
            raise
        self._root: duckdb.DuckDBPyConnection | None = root
        as_of: datetime | None = row[0]
        self.data_as_of = as_of.replace(tzinfo=UTC) if as_of else None
        self.max_file_seq: int = row[1]
        self.rows_total: int = row[2]

    def take(self) -> bool:
        """Count one more lease; False when the snapshot has been closed already."""
        with self._lock:
            if self._leases == 0:
                return False
            self._leases += 1
            return True

    def release(self) -> None:
        with self._lock:
            self._leases -= 1
            if self._leases == 0:
                # Let go, not closed: closing would end the cursors that are still being read from.
                self._root = None

    def cursor(self) -> ReadCursor:
        with self._lock:
            if self._root is None:
                raise ValueError("this snapshot has been closed")
            return ReadCursor(self._root.cursor())


class Snapshot:
    """A lease on one published build. What it answers never changes, whatever is published meanwhile.

    Close it when done (it is a context manager); the files behind a build stay for at least ten minutes after the
    next was published.

    Attributes:
        build_id: the build; ids sort by time.
        data_as_of: when the newest row in it was received, aware UTC; None when there are no rows.
        max_file_seq: the newest landing file in it.
        rows_total: rows of `fct_requests`, withheld ones included.
    """

    def __init__(self, shared: _OpenSnapshot) -> None:
        self._shared: _OpenSnapshot | None = shared
        self.build_id: str = shared.pointer.build_id
        self.data_as_of = shared.data_as_of
        self.max_file_seq = shared.max_file_seq
        self.rows_total = shared.rows_total

    def cursor(self) -> ReadCursor:
        """Return a cursor of one's own; cursors are not shared between threads.

        Raises:
            ValueError: the lease has been closed.
        """
        if self._shared is None:
            raise ValueError("this snapshot has been closed")
        return self._shared.cursor()

    def look_up(self, question: Callable[[RowLookup], _Answer]) -> tuple[_Answer] | None:
        """Ask the row files for single requests.

        Returns:
            The answer alone in a tuple; None when row files cannot answer now and `fct_requests` has to be asked.

        Raises:
            ValueError: the lease has been closed.
        """
        if self._shared is None:
            raise ValueError("this snapshot has been closed")
        return self._shared.rows.ask(question)

    def close(self) -> None:
        """End the lease. Cursors that are still open go on until they are closed."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class SnapshotReader:
    """Hands out leases on the newest published build. Safe to share between threads."""

    def __init__(self, home: Home, limits: ServingLimits | None = None) -> None:
        """Nothing is opened before the first call of `current`."""
        self._home = home
        self._limits = limits or ServingLimits()
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._shared: _OpenSnapshot | None = None

    def current(self) -> Snapshot | None:
        """Return a lease on the build `CURRENT` names; None when nothing has been published.

        When the newest one cannot be opened, the one opened before goes on being served.
        """
        with self._lock:
            seen = _identity(self._home.current_pointer)
            if seen != self._seen:
                self._reopen(seen)
            shared = self._shared
            return Snapshot(shared) if shared is not None and shared.take() else None

    def close(self) -> None:
        """Let go of the snapshot held; leases already given out stay good."""
        with self._lock:
            self._hold(None)
            self._seen = None

    def _reopen(self, seen: tuple[int, int, int] | None) -> None:
        if seen is None:
            return
        try:
            pointer = read_pointer(self._home)
            if pointer is not None and (self._shared is None or pointer != self._shared.pointer):
                self._hold(_OpenSnapshot(self._home, pointer, self._limits, self._shared))
        except (OSError, ValueError, IndexError, duckdb.Error) as fault:
            # Tried again only once CURRENT changes: a broken file does not get better by asking.
            _log.warning("the published marts cannot be opened, the last good build stays: %s", fault)
        self._seen = seen

    def _hold(self, shared: _OpenSnapshot | None) -> None:
        earlier, self._shared = self._shared, shared
        if earlier is not None:
            earlier.release()


def read_pointer(home: Home) -> CurrentPointer | None:
    """Return what `CURRENT` says; None when nothing has been published.

    Raises:
        ValueError: its content is not a pointer.
    """
    try:
        content = home.current_pointer.read_bytes()
    except FileNotFoundError:
        return None
    pointer = msgspec.json.decode(content, type=CurrentPointer)
    if Path(pointer.file).name != pointer.file:
        raise ValueError("the pointer to the published marts names a path outside their folder")
    return pointer


def build_instant(build_id: str) -> datetime:
    """Return the instant in a build id, aware UTC, to the second."""
    return datetime.strptime(build_id.partition("-")[0], BUILD_INSTANT).replace(tzinfo=UTC)


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None when it is missing."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def quoted(value: object) -> str:
    """Return `value` as an SQL text literal, for statements that take no parameters."""
    return "'" + str(value).replace("'", "''") + "'"


def _connect(home: Home, marts: Path, limits: ServingLimits) -> duckdb.DuckDBPyConnection:
    if not marts.is_file():
        raise FileNotFoundError(f"{marts.name} is missing")
    connection = duckdb.connect(
        config={
            "threads": limits.threads,
            "memory_limit": limits.memory,
            "temp_directory": str(home.serving_spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    try:
        _prepare(connection, home, marts)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: duckdb.DuckDBPyConnection, home: Home, marts: Path) -> None:
    connection.execute(f"attach {quoted(marts)} as marts (read_only)")
    make_views(connection, home)
    # Global: what is set for this connection alone does not reach its cursors.
    connection.execute("set global TimeZone = 'UTC'")
    connection.execute("set global parquet_metadata_cache = true")
    readable = ", ".join(map(quoted, (home.segments, home.roll_up_parts, home.landing)))
    connection.execute(f"set allowed_directories = [{readable}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def make_views(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Make a view of each published table in the schema of a connection that has a snapshot of `home` as `marts`."""
    tables = connection.execute("select table_name from duckdb_tables() where database_name = 'marts'").fetchall()
    views = {table: f'select * from marts."{table}"' for (table,) in tables}  # noqa: S608 - our own names
    views |= {
        table: rows_of(parts, lambda name: quoted(home.roll_up_parts / name))
        for table, parts in by_table(read_parts(connection, "marts")).items()
    }
    views.setdefault(WITHOUT_DEVICES, f"select * from marts.{_DAILY}")  # noqa: S608 - a snapshot of an earlier release
    for name, rows in views.items():
        connection.execute(f'create view "{name}" as {rows}')
    names = connection.execute("select name from marts.segments order by name").fetchall()
    segments = ", ".join(quoted(home.segments / name) for (name,) in names)
    make_facts_view(connection, segments)
