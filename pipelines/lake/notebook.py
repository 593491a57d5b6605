"""One line for analysts: the published marts of one workspace as an ordinary DuckDB connection.

    from pipelines.lake.notebook import open_marts

    marts = open_marts()
    marts.sql("select project, usd(sum(cost_logged_millicents)) from mart_spend_monthly group by all")

Belongs here: opening marts and analysis for a person who explores them. Does not belong here: serving strangers, whose
statements have to be held back (`catalog`, `analysis_catalog`), and what is asked.
"""

from __future__ import annotations

import errno
import logging
import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import duckdb

from pipelines.lake.analysis_catalog import AnalysisReader, read_analysis_pointer
from pipelines.lake.catalog import CurrentPointer, make_views, quoted, read_pointer
from pipelines.lake.paths import Home
from pipelines.lake.snapshot_lease import hold_snapshot

_log = logging.getLogger(__name__)

WORKSPACE_VARIABLE: Final = "HALTON_WORKSPACE"
EVERY_WORKSPACE: Final = "every_workspace"
"""Schema in which the same tables stand with the rows of all workspaces."""
_TRIES: Final = 5
_NO_LOCKS: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
# Decimals, never floating point: a sum of them is exact to the last digit.
_MACROS: Final = (
    "create macro usd(millicents) as cast(millicents as decimal(33, 0)) * cast(0.00001 as decimal(5, 5))",
    "create macro usd_of_picousd(picousd) as cast(picousd as decimal(26, 0)) * cast(1e-12 as decimal(12, 12))",
)
_RATE_BOOK: Final = "rate_book"
_ALIASES: Final = "model_aliases"


class NothingToOpenError(Exception):
    """There are no published marts here, or not of this workspace."""


def open_marts(home: str | Path | Home | None = None, workspace: str | None = None) -> duckdb.DuckDBPyConnection:
    """Open the newest published marts, and the newest analysis, of one workspace.

    The connection has a view of each published table, limited to the workspace; the same tables with the rows of all
    workspaces in the schema `every_workspace`; the rate book in the table `rate_book` (everyone's prices and the
    workspace's own) and where daemons' names of models lead in `model_aliases`; and two macros for exact USD,
    `usd(millicents)` and `usd_of_picousd(picousd)`. Instants are UTC.

    Published files are attached read-only. What you create lives in memory and is gone with the connection. What it
    answers does not change while it is open: its files stay until the connection is let go, or the process ends.

    Args:
        home: of the installation; else `$HALTON_HOME`, else `./.halton`.
        workspace: slug; else `$HALTON_WORKSPACE`, else the only one there is.

    Raises:
        NothingToOpenError: nothing is published, or the workspace is unknown or has to be named.
        duckdb.Error: a published file is damaged.
        OSError: a file cannot be read.
    """
    place = home if isinstance(home, Home) else Home.locate(home)
    for _ in range(_TRIES):
        pointer = read_pointer(place)
        if pointer is None:
            raise NothingToOpenError(
                f"Nothing is published in {place.root}. Name the home in $HALTON_HOME, or run `halton-cloud demo`."
            )
        lease = _hold(place, pointer.build_id)
        # What is held can no longer be deleted; what was deleted before is superseded, and the next one is asked for.
        if (place.marts / pointer.file).is_file():
            return _opened(place, pointer, workspace or os.environ.get(WORKSPACE_VARIABLE), lease)
        _let_go(lease)
    raise NothingToOpenError(f"The snapshot that {place.current_pointer} names is not there.")


def _opened(home: Home, pointer: CurrentPointer, workspace: str | None, lease: int | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        connection.execute("set global TimeZone = 'UTC'")
        connection.execute(f"attach {quoted(home.marts / pointer.file)} as marts (read_only)")
        connection.execute(f"create schema {EVERY_WORKSPACE}")
        connection.execute(f"set schema = '{EVERY_WORKSPACE}'")
        make_views(connection, home)
        _add_analysis(connection, home)
        connection.execute("set schema = 'main'")
        workspace_id = _chosen(connection, workspace)
        _limit(connection, workspace_id)
        _add_rates(connection, home, workspace_id)
        for macro in _MACROS:
            connection.execute(macro)
    except BaseException:
        connection.close()
        _let_go(lease)
        raise
    if lease is not None:
        weakref.finalize(connection, _let_go, lease)
    return connection


def _add_analysis(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Make a view of each table of the analysis; none when there is none that this release reads."""
    reader = AnalysisReader(home)
    analysis = reader.current()
    pointer = read_analysis_pointer(home) if analysis else None
    if analysis is None or pointer is None:
        return
    with analysis:
        connection.execute(f"attach {quoted(home.marts / pointer.file)} as analysis (read_only)")
    reader.close()
    for table in _names(connection, "select table_name from duckdb_tables() where database_name = 'analysis'"):
        connection.execute(f'create view "{table}" as select * from analysis."{table}"')  # noqa: S608 - our own names


def _chosen(connection: duckdb.DuckDBPyConnection, slug: str | None) -> UUID:
    found = dict(
        connection.execute(f"select slug, workspace_id from {EVERY_WORKSPACE}.dim_workspaces order by slug").fetchall()  # noqa: S608 - our own names
    )
    if slug is None and len(found) == 1:
        return next(iter(found.values()))
    if slug in found:
        return found[slug]
    there = ", ".join(found) or "none yet"
    if slug is None:
        raise NothingToOpenError(f"Which workspace? Name it, or set $HALTON_WORKSPACE. There are: {there}.")
    raise NothingToOpenError(f"There is no workspace {slug} in the published marts. There are: {there}.")


def _limit(connection: duckdb.DuckDBPyConnection, workspace_id: UUID) -> None:
    """Make each table's view with the rows of one workspace; tables without the column are everyone's."""
    views = f"select view_name from duckdb_views() where schema_name = '{EVERY_WORKSPACE}'"  # noqa: S608 - our own names
    for view in _names(connection, views):
        everyone = f'select * from {EVERY_WORKSPACE}."{view}"'  # noqa: S608 - our own names
        columns = {name for name, *_ in connection.execute(f"describe {everyone}").fetchall()}
        ours = f" where workspace_id = '{workspace_id}'::uuid" if "workspace_id" in columns else ""
        connection.execute(f'create view "{view}" as {everyone}{ours}')


def _add_rates(connection: duckdb.DuckDBPyConnection, home: Home, workspace_id: UUID) -> None:
    """Copy the rate book: its file is written anew when prices change, and a lease does not hold it."""
    ours = f"where workspace_id is null or workspace_id = '{workspace_id}'::uuid"
    naive = ", ".join(f"timezone('UTC', {name}) as {name}" for name in ("valid_from", "valid_to", "known_from"))
    for table, columns, condition in ((_RATE_BOOK, f"* replace ({naive})", ours), (_ALIASES, "*", "")):
        path = home.exports / f"{table}.parquet"
        if path.is_file():
            rows = f"select {columns} from read_parquet({quoted(path)}) {condition}"  # noqa: S608 - our own names
            connection.execute(f"create table {table} as {rows}")


def _names(connection: duckdb.DuckDBPyConnection, statement: str) -> Sequence[str]:
    return [name for (name,) in connection.execute(statement).fetchall()]


def _hold(home: Home, build_id: str) -> int | None:
    try:
        return hold_snapshot(home, build_id)
    except OSError as fault:
        # A home that only its owner may write: files stay for ten minutes after the next build, and longer mostly.
        if fault.errno not in _NO_LOCKS:
            raise
        _log.warning("the home cannot be written: open the marts again when files of this build are gone")
        return None


def _let_go(lease: int | None) -> None:
    if lease is not None:
        os.close(lease)
