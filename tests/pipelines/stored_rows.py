"""Reading a home's record as it lies on disk, by the ledger.

Belongs here: rows with where they landed, and the files that hold them. Does not belong here: assertions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from pipelines.lake.ledger import compacted_files, landed_files, stored_files, stored_path
from pipelines.lake.paths import Home
from pipelines.lake.schema import ORIGIN_COLUMNS


def ledger_rows(engine: Engine) -> list[dict[str, Any]]:
    """Return what was acknowledged of every landing file, by file_seq; not where its rows are now."""
    with engine.connect() as connection:
        rows = connection.execute(select(landed_files).order_by(landed_files.c.file_seq)).mappings()
        return [{k: v for k, v in row.items() if k not in ("compacted_file_id", "dropped_at_us")} for row in rows]


def live_files(engine: Engine) -> list[str]:
    """Return the relative paths of the files that hold the record's rows."""
    query = select(stored_path).select_from(stored_files).where(landed_files.c.dropped_at_us.is_(None)).distinct()
    with engine.connect() as connection:
        return sorted(connection.execute(query).scalars())


def compacted_rows(engine: Engine) -> list[dict[str, Any]]:
    """Return the rows of `compacted_files`, oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(select(compacted_files).order_by(compacted_files.c.compacted_at_us)).mappings()
        return [dict(row) for row in rows]


def files_on_disk(home: Home) -> list[str]:
    """Return the relative paths of everything in the day folders."""
    return sorted(str(path.relative_to(home.landing)) for path in home.landing.glob("*/*/*"))


def stored_rows(home: Home, engine: Engine) -> list[dict[str, Any]]:
    """Return every row of the record, whole, with the file and row it landed in, in that order."""
    query = (
        select(stored_path, landed_files.c.file_seq, landed_files.c.compacted_file_id)
        .select_from(stored_files)
        .where(landed_files.c.dropped_at_us.is_(None))
    )
    with engine.connect() as connection:
        found = connection.execute(query).all()
    rows: list[dict[str, Any]] = []
    for path in dict.fromkeys(path for path, *_ in found):
        seqs = {seq for other, seq, _ in found if other == path}
        compacted = any(holder for other, _, holder in found if other == path)
        rows += _rows_of(home.landing / path, seqs, compacted)
    return sorted(rows, key=lambda row: (row["file_seq"], row["row"]))


def _rows_of(path: Path, seqs: set[int], compacted: bool) -> list[dict[str, Any]]:  # noqa: FBT001
    content = pq.read_table(path, partitioning=None).to_pylist()
    placed: list[dict[str, Any]] = []
    for number, row in enumerate(content):
        origin = [row.pop(name, None) for name in ORIGIN_COLUMNS]
        assert (origin != [None, None]) == compacted
        seq, own = origin if compacted else (min(seqs), number)
        assert seq in seqs
        placed.append({"file_seq": seq, "row": own, **row})
    return placed
