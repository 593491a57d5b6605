"""What of an installation is record, and not derived from other parts of it.

Belongs here: reading the app database at one instant, the landed files its ledger names, exact totals and chain heads,
and the few other files that cannot be computed again. Does not belong here: copying any of it.

Record are the app database, the landed files, issued reports, and the rate book: it alone says since when a price is
known. Derived, and so in no backup, are exports, warehouse, marts, and the history of runs.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, func, select

from api.backup.errors import BackupError
from api.backup.manifest import FileEntry, KeptEntry, WorkspaceEntry
from api.db.models import Base
from pipelines.lake.ledger import compacted_files, landed_files
from pipelines.lake.paths import Home

TOTALS: Final = (
    "row_count", "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens",
    "cost_logged_millicents", "unpriced_rows",
)  # fmt: skip
KEPT_FILES: Final = ("exports/rate_book.parquet",)
"""Files under the home that are kept as they are, where they exist."""


@contextmanager
def one_instant(engine: Engine) -> Generator[Connection]:
    """Yield a connection that sees the app database as it is now, whatever is committed meanwhile."""
    postgresql = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    options: dict[str, Any] = {} if engine.dialect.name == "sqlite" else postgresql
    with engine.connect() as plain:
        connection = plain.execution_options(read_only=True, **options)
        with connection.begin():
            yield connection


def record_tables() -> list[Table]:
    """Return every table of the app database, each after those it refers to."""
    return list(Base.metadata.sorted_tables)


def physical_files(connection: Connection) -> list[FileEntry]:
    """Return the files that hold the ledger's rows, by path.

    A landed file's rows are in the file of its own name until it is compacted, then in the compacted one; once they
    have expired they are in none.
    """
    own, made = landed_files.c, compacted_files.c
    loose = select(own.relative_path, own.sha256, own.byte_count, own.row_count).where(
        own.compacted_file_id.is_(None), own.dropped_at_us.is_(None)
    )
    living = select(made.relative_path, made.sha256, made.byte_count, made.row_count).where(
        made.superseded_at_us.is_(None)
    )
    return sorted(FileEntry(*row) for query in (loose, living) for row in connection.execute(query))


def report_files(connection: Connection) -> list[KeptEntry]:
    """Return the files of issued reports, by path under the home."""
    of = Base.metadata.tables["issued_reports"].c
    query = select(of.workspace_id, of.id, of.sha256, of.byte_count).where(of.state == "ready")
    rows = connection.execute(query.order_by(of.workspace_id, of.id))
    return [KeptEntry(f"reports/{workspace}/{report}.pdf", sha256, size) for workspace, report, sha256, size in rows]


def workspace_entries(connection: Connection) -> list[WorkspaceEntry]:
    """Return the exact totals and chain heads of every workspace, by id."""
    columns = [func.coalesce(func.sum(landed_files.c[name]), 0) for name in TOTALS]
    grouped = select(landed_files.c.workspace_id, *columns).group_by(landed_files.c.workspace_id)
    sums = {str(row[0]): [int(value) for value in row[1:]] for row in connection.execute(grouped)}
    of = Base.metadata.tables["workspaces"].c
    heads = select(
        of.id, of.slug, of.batch_chain_position, of.batch_chain_head, of.audit_position, of.audit_head
    ).order_by(of.id)
    nothing = [0] * len(TOTALS)
    return [
        WorkspaceEntry(row[0], row[1], dict(zip(TOTALS, sums.get(row[0], nothing), strict=True)), *row[2:])
        for row in connection.execute(heads)
    ]


def refuse_inside(home: Home, folder: os.PathLike[str]) -> None:
    """Refuse a backup folder that would be lost with the home.

    Raises:
        BackupError: `folder` lies in the home.
    """
    inside, root = os.path.realpath(folder), os.path.realpath(home.root)
    if os.path.commonpath([inside, root]) == root:
        raise BackupError(f"{inside} lies in the home it would protect; name a folder elsewhere")
