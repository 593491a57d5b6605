"""Changing backups behind the product's back, carelessly or with every digest computed anew.

Belongs here: edits of a backup's files. Does not belong here: judging what notices them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from api.backup.manifest import Manifest, TableEntry, read_manifest, sealed, write_manifest
from pipelines.durable_files import sha256_of_file


def flip_bit(path: Path, bit: int) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)


def edit_table(backup: Path, name: str, edit: Callable[[pa.Table], pa.Table]) -> None:
    """Edit a table of a backup, and make its manifest agree: only chains and saved digests can tell."""
    path = backup / "tables" / f"{name}.parquet"
    pq.write_table(edit(pq.read_table(path)), path, compression="zstd", store_schema=False)
    reseal(backup, tables=[_entry(backup, one.name) for one in read_manifest(backup).tables])


def edit_rows(backup: Path, name: str, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Edit a table's rows."""
    edit_table(backup, name, lambda table: pa.Table.from_pylist(edit(table.to_pylist()), schema=table.schema))


def reseal(backup: Path, **changes: Any) -> None:
    """Change fields of a manifest and compute its digest anew."""
    manifest: Manifest = msgspec.structs.replace(read_manifest(backup), **changes)
    write_manifest(backup, sealed(manifest))


def as_taken_at(backup: Path, revision: str, columns: dict[str, set[str]]) -> None:
    """Make a backup one that was taken at an older schema, of which only these columns existed."""
    kept = [one.name for one in read_manifest(backup).tables if one.name in columns]
    for name in kept:
        path = backup / "tables" / f"{name}.parquet"
        table = pq.read_table(path)
        older = table.select([one for one in table.column_names if one in columns[name]])
        pq.write_table(older, path, compression="zstd", store_schema=False)
    reseal(backup, schema_revision=revision, tables=[_entry(backup, name) for name in kept])


def _entry(backup: Path, name: str) -> TableEntry:
    path = backup / "tables" / f"{name}.parquet"
    return TableEntry(name, pq.read_metadata(path).num_rows, path.stat().st_size, sha256_of_file(path))
