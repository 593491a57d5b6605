"""Publishing marts without a workspace, and deleting at once all that was published with it.

Belongs here: the refresh that leaves it out, earlier snapshots, segments, row files and other parts of them, exports
and the warehouse. Does not belong here: what usually becomes of superseded snapshots (`pipelines.snapshot_cleanup`).

The ledger must have let go of the workspace's files before: a build whose files are no longer in the ledger is never
gone on from, so whoever refreshes next, we or the refresher, builds everything anew from what is left. Readers are not
waited for: snapshots that are open are read on from deleted files, and a query that opens a segment of an earlier build
fails and is asked again on the present one.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import duckdb
from sqlalchemy import Engine

from pipelines.durable_files import TEMPORARY_PREFIX
from pipelines.lake.catalog import SnapshotReader, read_pointer
from pipelines.lake.clock import Clock
from pipelines.lake.landing import sync_folder
from pipelines.lake.paths import Home
from pipelines.purge.landing import delete_folder
from pipelines.refresh import refresh
from pipelines.refresh_lock import refresh_lock
from pipelines.snapshot_cleanup import clean_marts
from pipelines.warehouse import drop_warehouse

_KEPT_EXPORT: Final = "rate_book.parquet"
"""It alone says since when a price is known; a refresh writes it without the workspace's own prices."""
_WITH_WORKSPACE: Final = "select distinct table_name from duckdb_columns() where column_name = 'workspace_id'"


def publish_without(home: Home, engine: Engine, clock: Clock, workspace_id: str) -> None:
    """Publish a build that knows nothing of a workspace, unless the present one is such a build.

    Raises:
        pipelines.refresh.RefreshFailed: the marts cannot be built; the reason is in it.
    """
    with refresh_lock(home):
        for path in home.exports.iterdir() if home.exports.is_dir() else ():
            if path.name != _KEPT_EXPORT:
                path.unlink(missing_ok=True)
    if not _was_ever_built(home):
        return
    # Always once after the exports went, so that they are all there again; a full build only when it is needed.
    refresh(home, engine, clock, full=_is_published(home, workspace_id))


def delete_superseded(home: Home, clock: Clock) -> None:
    """Delete every published file that the present build does not name, and all that is unfinished or spilled.

    Raises:
        OSError: a file cannot be deleted.
    """
    with refresh_lock(home):
        pointer = read_pointer(home)
        delete_folder(home.serving_spill)
        folders = [home.marts, *_folders(home.marts)] if home.marts.is_dir() else []
        for path in (path for folder in folders for path in _files(folder)):
            # Row files are made between refreshes: one under way is of a segment that goes, or is begun again.
            unfinished = path.name.startswith(TEMPORARY_PREFIX)
            if unfinished or (_is_snapshot(path) and (pointer is None or path.name != pointer.file)):
                path.unlink(missing_ok=True)
        if folders:
            clean_marts(home, clock.now())
        for folder in folders:
            sync_folder(folder)
        for path in _folders(home.warehouse.parent):
            delete_folder(path)  # spilled rows, and warehouses that were never adopted
        if pointer is None:
            drop_warehouse(home)


def _was_ever_built(home: Home) -> bool:
    return home.current_pointer.is_file() or home.warehouse.is_file()


def _is_published(home: Home, workspace_id: str) -> bool:
    """Whether the present build may know the workspace; True when it cannot be asked."""
    with closing(SnapshotReader(home)) as reader:
        snapshot = reader.current()
        if snapshot is None:
            return True
        with snapshot, snapshot.cursor() as cursor:
            try:
                tables = cursor.execute(_WITH_WORKSPACE).fetchall()
                asked = (f'select 1 from "{table}" where workspace_id = ? limit 1' for (table,) in tables)  # noqa: S608
                return any(cursor.execute(sql, [workspace_id]).fetchone() is not None for sql in asked)
            except duckdb.Error:
                return True


def _is_snapshot(path: Path) -> bool:
    return path.name.startswith("marts-b") and ".duckdb" in path.name


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
