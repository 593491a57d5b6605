"""What runs left behind that may quote a workspace: Dagster's history, dbt's logs and compiled models.

Belongs here: forgetting them as a whole. Does not belong here: data.

A failed run's message may quote anything: a path, a project, a request. So all of it goes, everybody's; none of it is
data. Dagster's databases are emptied in place, for processes that have them open go on with the same files.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from pipelines.lake.paths import Home
from pipelines.purge.landing import delete_folder
from pipelines.refresh_lock import refresh_lock

_KEPT_TABLES: Final = frozenset({"alembic_version", "instance_info", "secondary_indexes"})
"""They hold versions of the tables themselves."""
_BUSY_SECONDS: Final = 30.0


def forget_runs(home: Home) -> None:
    """Forget every run: what Dagster recorded, and what dbt wrote and logged.

    Raises:
        OSError: a file cannot be deleted.
        sqlite3.Error: one of Dagster's databases cannot be emptied now.
    """
    with refresh_lock(home):
        for path in sorted(home.dagster.rglob("*.db")) if home.dagster.is_dir() else ():
            _empty(path)
        for name in ("storage", "logs"):
            delete_folder(home.dagster / name)
        delete_folder(home.dbt)


def _empty(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        connection.execute("begin immediate")
        for (table,) in tables:
            if table not in _KEPT_TABLES and not table.startswith("sqlite_"):
                connection.execute(f'delete from "{table}"')  # noqa: S608 - its own tables
        connection.execute("commit")
        connection.execute("vacuum")  # what was deleted stays in the file's free pages otherwise
        connection.execute("pragma wal_checkpoint(truncate)")
