"""Deleting analyses that know a deleted workspace.

Belongs here: published files, and whatever an analysis works with. Does not belong here: building the next one, which
the process beside the server does as soon as it finds none (`pipelines.analysis`).

Call it once the marts are published without the workspace and earlier snapshots are gone: an analysis under way is then
of a snapshot that is no more, and is not published. Its database is deleted under it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

from pipelines.analysis.publish import analysis_files
from pipelines.lake.analysis_catalog import read_analysis_pointer
from pipelines.lake.landing import sync_folder
from pipelines.lake.paths import Home
from pipelines.purge.landing import delete_folder
from pipelines.refresh_lock import refresh_lock

_WITH_WORKSPACE: Final = "select distinct table_name from duckdb_columns() where column_name = 'workspace_id'"


def delete_analyses(home: Home, workspace_id: str) -> None:
    """Delete every analysis that may know a workspace, every earlier one, and all that analyses work with.

    Raises:
        OSError: a file cannot be deleted.
    """
    with refresh_lock(home):
        try:
            pointer = read_analysis_pointer(home)
        except ValueError:
            pointer = None
        if pointer is None or _may_know(home.marts / pointer.file, workspace_id):
            home.analysis_pointer.unlink(missing_ok=True)
            pointer = None
        for path in analysis_files(home).values():
            if pointer is None or path.name != pointer.file:
                path.unlink(missing_ok=True)
                path.with_name(path.name + ".wal").unlink(missing_ok=True)
        if home.marts.is_dir():
            sync_folder(home.marts)
        _empty(home)


def _empty(home: Home) -> None:
    """Delete what analyses work with, but for their locks: a deleted lock file would be no lock."""
    for path in home.analysis.iterdir() if home.analysis.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            delete_folder(path)
        elif path not in (home.analysis_lock, home.analysed_snapshot):
            path.unlink(missing_ok=True)


def _may_know(path: Path, workspace_id: str) -> bool:
    """Whether an analysis holds a row of a workspace; True when it cannot be asked."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(_WITH_WORKSPACE).fetchall()
            asked = (f'select 1 from "{table}" where workspace_id = ? limit 1' for (table,) in tables)  # noqa: S608
            return any(connection.execute(sql, [workspace_id]).fetchone() is not None for sql in asked)
    except duckdb.Error:
        return True
