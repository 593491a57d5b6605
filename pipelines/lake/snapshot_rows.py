"""The row files of one snapshot, used as soon as and as long as they are all there and whole.

Belongs here: opening them, noticing that they appeared or were replaced, and giving up on damaged ones. Does not belong
here: what they are asked (`row_lookup`).
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

import duckdb

from pipelines.lake.clock import to_micros
from pipelines.lake.row_files import Identity, RowFileError, identity, rows_name
from pipelines.lake.row_lookup import Hidden, HiddenProjects, RowLookup, TooMuchToReadError, open_row_file

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

LOOK_AGAIN_SECONDS: Final = 1.0
"""A large segment's row file is made after its build was published."""


class SnapshotRows:
    """One snapshot's row files. Safe to share between threads.

    Attributes:
        lookup: its open files; None as long as one is missing or damaged.
    """

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection, earlier: SnapshotRows | None) -> None:
        """Read which files there should be; none is opened before the first question.

        Args:
            folder: where segments lie.
            connection: has the snapshot attached as `marts`.
            earlier: of the snapshot before; the files both have are not opened twice.

        Raises:
            duckdb.Error: the snapshot cannot be read.
        """
        named = connection.execute("select name, sha256 from marts.segments where row_count > 0").fetchall()
        self._files: list[tuple[Path, str]] = [(folder / rows_name(name), sha256) for name, sha256 in named]
        self._hidden = _hidden_projects(connection)
        self._lock = threading.Lock()
        self.lookup: RowLookup | None = None
        self._earlier = None if earlier is None else earlier.lookup
        self._not_before = 0.0
        self._unusable: list[Identity | None] | None = None

    def ask(self, question: Callable[[RowLookup], _Answer]) -> tuple[_Answer] | None:
        """Return an answer alone in a tuple; None when the row files cannot give it."""
        lookup = self.lookup or self._opened()
        if lookup is None:
            return None
        try:
            return (question(lookup),)
        except TooMuchToReadError:
            return None
        except RowFileError as fault:
            _log.warning("the segments are asked instead of their row files: %s", fault)
            with self._lock:
                self.lookup, self._unusable = None, self._identities()
            return None

    def _opened(self) -> RowLookup | None:
        with self._lock:
            if self.lookup is not None or monotonic() < self._not_before:
                return self.lookup
            self._not_before = monotonic() + LOOK_AGAIN_SECONDS
            now = self._identities()
            if None in now or now == self._unusable:
                return None
            try:
                files = [open_row_file(path, sha256) for path, sha256 in self._files]
            except RowFileError as fault:
                _log.warning("the segments are asked instead of their row files: %s", fault)
                self._unusable = now
                return None
            self.lookup, self._earlier, self._unusable = RowLookup(files, self._hidden), None, None
            return self.lookup

    def _identities(self) -> list[Identity | None]:
        return [identity(path) for path, _ in self._files]


def _hidden_projects(connection: duckdb.DuckDBPyConnection) -> HiddenProjects:
    # The join of fct_requests, for the few projects it makes a difference for.
    rows = connection.execute(
        "select workspace_id, project, withheld_since, withheld_reason from marts.dim_projects"
        " where withheld_since is not null and withheld_reason is not null and project is not null"
    ).fetchall()
    hidden: defaultdict[object, dict[str, Hidden]] = defaultdict(dict)
    for workspace_id, project, since, reason in rows:
        hidden[workspace_id][project] = Hidden(since, to_micros(since.replace(tzinfo=UTC)), reason)
    return dict(hidden)  # pyright: ignore[reportReturnType] - keys are UUIDs by the dbt contract
