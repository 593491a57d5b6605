"""The ledger's landing files, as builds and the warehouse see them: what they are, and where their rows lie now.

Belongs here: reading them from the ledger's tables and the columns of their export. Does not belong here: the other
exports (`pipelines.control_plane`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa

from pipelines.lake.paths import Home
from pipelines.lake.schema import UUID as UUID_TYPE

LANDED_SQL: Final = """
select file_seq, landed_files.workspace_id, landed_files.row_count, landed_files.sha256, landed_files.dropped_at_us,
    landed_files.relative_path, compacted_files.relative_path, compacted_files.sha256
from landed_files
left join compacted_files on landed_files.compacted_file_id = compacted_files.file_id
order by file_seq
"""
LANDED_SCHEMA: Final = pa.schema([
    ("file_seq", pa.int64()), ("workspace_id", UUID_TYPE), ("path", pa.string()), ("origin_file_seq", pa.int64()),
    ("retained_from", pa.date32()), ("row_count", pa.int64()), ("sha256", pa.string()),
])  # fmt: skip


@dataclass(frozen=True)
class StoredFile:
    """A file of the record as it lies on disk.

    Attributes:
        relative_path: path under the landing folder.
        sha256: digest of its bytes, hex.
        compacted: whether it holds the rows of several landing files, each row with its origin.
    """

    relative_path: str
    sha256: str
    compacted: bool


@dataclass(frozen=True)
class LandedFileRow:
    """A committed landing file, as the ledger knows it.

    Attributes:
        file_seq: commit order, from 1.
        row_count: rows in it.
        sha256: digest of its bytes as they were acknowledged, hex.
        stored: where its rows are now; None once retention dropped them.
    """

    file_seq: int
    row_count: int
    sha256: str
    stored: StoredFile | None


def landed_file(row: Sequence[Any]) -> LandedFileRow:
    """Return a row of `LANDED_SQL` as the landing file it tells of."""
    file_seq, _, row_count, sha256, dropped_at_us, own_path, compacted_path, compacted_sha256 = row
    stored = None
    if dropped_at_us is None and compacted_path is None:
        stored = StoredFile(own_path, sha256, compacted=False)
    elif dropped_at_us is None:
        stored = StoredFile(compacted_path, compacted_sha256, compacted=True)
    return LandedFileRow(file_seq, row_count, sha256, stored)


def exported_file(
    home: Home, one: LandedFileRow, workspace_id: str, horizons: Mapping[str, date | None]
) -> Sequence[Any]:
    """Return a landing file's row of the export, in the order of `LANDED_SCHEMA`."""
    path = str(home.landing / one.stored.relative_path) if one.stored else None
    origin = one.file_seq if one.stored and one.stored.compacted else None
    return (one.file_seq, workspace_id, path, origin, horizons[workspace_id], one.row_count, one.sha256)
