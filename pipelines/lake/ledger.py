"""Tables of the landing ledger: which files and batches are committed, and where their rows lie.

Belongs here: the ledger's columns, shared by the API that writes it and the pipelines that read it, and the one
`MetaData` of the app database. Does not belong here: people, devices and tokens (`api.db.models`), or the code that
commits (`api.ingest`).

A row in `landed_files` is the commit point of its rows: a Parquet file without one is not part of the record. What was
acknowledged stays as it was; compaction and retention only change where its bytes are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only auto-increments INTEGER keys, which are 64 bits wide there.
AutoKey = BigInteger().with_variant(Integer, "sqlite")
Uuid36 = String(36)

# One row. Raised inside the ledger transaction, so that file_seq follows commit order on both databases:
# a PostgreSQL sequence would let a later number become visible first and a reader would skip the earlier one.
landing_sequence = Table(
    "landing_sequence",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
)

# One row per committed landing file; sums are over the file's rows, money in millicents (1 USD = 100,000). All of it is
# as acknowledged and never changes, except where the rows lie: at relative_path while compacted_file_id is null, else
# in that compacted file; nowhere any more once dropped_at_us is set, by retention. (No foreign key: SQLite cannot add
# one to a table.)
landed_files = Table(
    "landed_files",
    metadata,
    Column("file_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("file_id", Uuid36, nullable=False, unique=True),
    Column("workspace_id", Uuid36, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("relative_path", Text, nullable=False),
    Column("received_day", String(10), nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("thinking_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("cost_logged_millicents", BigInteger, nullable=False),
    Column("unpriced_rows", BigInteger, nullable=False),
    Column("first_requested_at_us", BigInteger, nullable=False),
    Column("last_requested_at_us", BigInteger, nullable=False),
    Column("committed_at_us", BigInteger, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("compacted_file_id", Uuid36, nullable=True, index=True),
    Column("dropped_at_us", BigInteger, nullable=True),
)

# What compaction and retention look for: files whose rows are still where they landed.
Index(
    "ix_landed_files_loose",
    landed_files.c.workspace_id,
    landed_files.c.received_day,
    sqlite_where=landed_files.c.compacted_file_id.is_(None) & landed_files.c.dropped_at_us.is_(None),
    postgresql_where=landed_files.c.compacted_file_id.is_(None) & landed_files.c.dropped_at_us.is_(None),
)

# One row per compacted file ever written: rows of several landing files of one workspace and received day, in the order
# (file_seq, row). Superseded ones were merged into another or dropped by retention; their bytes go after a grace.
compacted_files = Table(
    "compacted_files",
    metadata,
    Column("file_id", Uuid36, primary_key=True),
    Column("workspace_id", Uuid36, ForeignKey("workspaces.id"), nullable=False),
    Column("relative_path", Text, nullable=False),
    Column("received_day", String(10), nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("first_file_seq", BigInteger, nullable=False),
    Column("last_file_seq", BigInteger, nullable=False),
    Column("compacted_at_us", BigInteger, nullable=False),
    Column("superseded_at_us", BigInteger, nullable=True),
)
Index(
    "ix_compacted_files_live",
    compacted_files.c.workspace_id,
    compacted_files.c.received_day,
    sqlite_where=compacted_files.c.superseded_at_us.is_(None),
    postgresql_where=compacted_files.c.superseded_at_us.is_(None),
)

stored_files: Final = landed_files.outerjoin(
    compacted_files, landed_files.c.compacted_file_id == compacted_files.c.file_id
)
"""Landing files with the compacted file that holds their rows now, if one does."""
stored_path: Final = func.coalesce(compacted_files.c.relative_path, landed_files.c.relative_path)
"""Where a landing file's rows lie now, under the landing folder; for use on `stored_files`."""

# One row per acknowledged batch; received = landed + duplicate + quarantined. chain_hash links the batches of a
# workspace in commit order, so that a changed, dropped or reordered batch shows.
landed_batches = Table(
    "landed_batches",
    metadata,
    Column("batch_key", Uuid36, primary_key=True),
    Column("batch_id", String(64), nullable=False),
    Column("workspace_id", Uuid36, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("device_id", Uuid36, ForeignKey("devices.id"), nullable=False, index=True),
    Column("file_seq", BigInteger, ForeignKey("landed_files.file_seq"), nullable=True, index=True),
    Column("received_at_us", BigInteger, nullable=False),
    Column("received_count", BigInteger, nullable=False),
    Column("landed_count", BigInteger, nullable=False),
    Column("duplicate_count", BigInteger, nullable=False),
    Column("quarantined_count", BigInteger, nullable=False),
    Column("withheld_count", BigInteger, nullable=False),
    Column("records_sha256", String(64), nullable=False, index=True),
    Column("chain_position", BigInteger, nullable=False),
    Column("previous_chain_hash", String(64), nullable=False),
    Column("chain_hash", String(64), nullable=False),
)

# One row per record set aside at the door, with the bytes as they came.
quarantined_rows = Table(
    "quarantined_rows",
    metadata,
    Column("id", AutoKey, primary_key=True, autoincrement=True),
    Column("batch_key", Uuid36, ForeignKey("landed_batches.batch_key"), nullable=False, index=True),
    Column("workspace_id", Uuid36, ForeignKey("workspaces.id"), nullable=False, index=True),
    Column("device_id", Uuid36, nullable=False),
    Column("row_index", Integer, nullable=False),
    Column("request_id", String(64), nullable=True),
    Column("code", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("raw_bytes", LargeBinary, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
)

_CHAINED: Final = (
    "previous_chain_hash", "chain_position", "batch_key", "batch_id", "workspace_id", "device_id", "received_at_us",
    "received_count", "landed_count", "duplicate_count", "quarantined_count", "records_sha256",
)  # fmt: skip


def chain_hash(batch: Mapping[str, Any], file_sha256: str) -> str:
    """Return the link of a batch: SHA-256 over its ledger row, its file's digest and the link before it.

    Args:
        batch: a row of `landed_batches` by column name.
        file_sha256: digest of the landing file that holds its rows; empty when none was needed.
    """
    linked = [batch[name] for name in _CHAINED] + [file_sha256]
    return hashlib.sha256(json.dumps(linked, separators=(",", ":")).encode()).hexdigest()
