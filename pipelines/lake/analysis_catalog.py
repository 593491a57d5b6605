"""The read-only door to the published analysis.

Belongs here: finding the file `ANALYSIS` names, opening it so that nothing can be changed or read beside it, and
swapping to the next one while queries on the old one finish. Does not belong here: building it (`pipelines.analysis`),
the marts it was made of (`pipelines.lake.catalog`), and the questions that are asked (`api.dashboards`).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb
import msgspec

from pipelines.lake.catalog import quoted
from pipelines.lake.paths import Home
from pipelines.lake.read_cursor import ReadCursor

_log = logging.getLogger(__name__)

ANALYSIS_TABLE: Final = "analysis_info"
"""Table of one row: what the analysis is called and what it was made of."""
ANALYSIS_FORMAT: Final = 2
"""Which tables and columns a published analysis has. One more with every change of them: after an upgrade there is no
analysis until the first of the new format, and none of its readers looks for what an older one does not have."""


class AnalysisPointer(msgspec.Struct, frozen=True):
    """Content of `marts/ANALYSIS`: the analysis in force, and its file in the marts folder.

    Attributes:
        analysis_id: ids sort by time.
        build_id: the build of the marts it was made of.
        file: name of its file.
        sha256: digest of that file, hex.
        inputs: digest of everything it was made from.
        format: which tables and columns it has, see `ANALYSIS_FORMAT`.
    """

    analysis_id: str
    build_id: str
    file: str
    sha256: str
    inputs: str
    format: int = ANALYSIS_FORMAT


@dataclass(frozen=True)
class AnalysisLimits:
    """What one open analysis may use.

    Attributes:
        threads: DuckDB worker threads.
        memory: DuckDB memory limit, such as `512MB`.
    """

    threads: int = 2
    memory: str = "512MB"


class _OpenAnalysis:
    """One DuckDB instance over one analysis, shared by its leases; it ends with the last of them and their cursors."""

    def __init__(self, home: Home, pointer: AnalysisPointer, limits: AnalysisLimits) -> None:
        self.pointer = pointer
        self._lock = threading.Lock()
        self._leases = 1
        root = _connect(home, pointer, limits)
        try:
            as_of = _data_as_of(root, pointer)
        except BaseException:
            root.close()
            raise
        self.data_as_of = as_of.replace(tzinfo=UTC) if as_of else None
        self._root: duckdb.DuckDBPyConnection | None = root

    def take(self) -> bool:
        """Count one more lease; False when the analysis has been closed already."""
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
                raise ValueError("this analysis has been closed")
            return ReadCursor(self._root.cursor())


class Analysis:
    """A lease on one published analysis. What it answers never changes, whatever is published meanwhile.

    Close it when done (it is a context manager).

    Attributes:
        analysis_id: the analysis; ids sort by time.
        build_id: the build of the marts it was made of, often an earlier one than the current.
        data_as_of: when the newest row in it was received, aware UTC; None when there are no rows.
    """

    def __init__(self, shared: _OpenAnalysis) -> None:
        self._shared: _OpenAnalysis | None = shared
        self.analysis_id: str = shared.pointer.analysis_id
        self.build_id: str = shared.pointer.build_id
        self.data_as_of = shared.data_as_of

    def cursor(self) -> ReadCursor:
        """Return a cursor of one's own; cursors are not shared between threads.

        Raises:
            ValueError: the lease has been closed.
        """
        if self._shared is None:
            raise ValueError("this analysis has been closed")
        return self._shared.cursor()

    def close(self) -> None:
        """End the lease. Cursors that are still open go on until they are closed."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AnalysisReader:
    """Hands out leases on the newest published analysis. Safe to share between threads."""

    def __init__(self, home: Home, limits: AnalysisLimits | None = None) -> None:
        """Nothing is opened before the first call of `current`."""
        self._home = home
        self._limits = limits or AnalysisLimits()
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._shared: _OpenAnalysis | None = None

    def current(self) -> Analysis | None:
        """Return a lease on the analysis `ANALYSIS` names; None when there is none, or only one of another release.

        When the newest one cannot be opened, the one opened before goes on being served. Once there is no pointer (a
        deleted workspace was in the analysis), nothing is.
        """
        with self._lock:
            seen = _identity(self._home.analysis_pointer)
            if seen != self._seen:
                self._reopen(seen)
            shared = self._shared
            return Analysis(shared) if shared is not None and shared.take() else None

    def close(self) -> None:
        """Let go of the analysis held; leases already given out stay good."""
        with self._lock:
            self._hold(None)
            self._seen = None

    def _reopen(self, seen: tuple[int, int, int] | None) -> None:
        try:
            pointer = read_analysis_pointer(self._home)
            if pointer is None or pointer.format != ANALYSIS_FORMAT:
                self._hold(None)
            elif self._shared is None or pointer != self._shared.pointer:
                self._hold(_OpenAnalysis(self._home, pointer, self._limits))
        except (OSError, ValueError, IndexError, duckdb.Error) as fault:
            # Tried again only once ANALYSIS changes: a broken file does not get better by asking.
            _log.warning("the published analysis cannot be opened, the last good one stays: %s", fault)
        self._seen = seen

    def _hold(self, shared: _OpenAnalysis | None) -> None:
        earlier, self._shared = self._shared, shared
        if earlier is not None:
            earlier.release()


def read_analysis_pointer(home: Home) -> AnalysisPointer | None:
    """Return what `ANALYSIS` says; None when nothing has been published.

    Raises:
        ValueError: its content is not a pointer.
    """
    try:
        content = home.analysis_pointer.read_bytes()
    except FileNotFoundError:
        return None
    pointer = msgspec.json.decode(content, type=AnalysisPointer)
    if Path(pointer.file).name != pointer.file:
        raise ValueError("the pointer to the published analysis names a path outside its folder")
    return pointer


def _data_as_of(connection: duckdb.DuckDBPyConnection, pointer: AnalysisPointer) -> datetime | None:
    said = f"select analysis_id, data_as_of from analysis.{ANALYSIS_TABLE}"  # noqa: S608 - our own name
    analysis_id, as_of = connection.execute(said).fetchall()[0]
    if analysis_id != pointer.analysis_id:
        raise ValueError(f"{pointer.file} holds the analysis {analysis_id}")
    return as_of


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None when it is missing."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _connect(home: Home, pointer: AnalysisPointer, limits: AnalysisLimits) -> duckdb.DuckDBPyConnection:
    path = home.marts / pointer.file
    if not path.is_file():
        raise FileNotFoundError(f"{pointer.file} is missing")
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
        connection.execute(f"attach {quoted(path)} as analysis (read_only)")
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'analysis'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f'create view "{table}" as select * from analysis."{table}"')  # noqa: S608 - our own names
        # Global: what is set for this connection alone does not reach its cursors.
        connection.execute("set global TimeZone = 'UTC'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection
