"""Tables of the app database as Parquet, typed and the same for SQLite and PostgreSQL.

Belongs here: the types that can be carried over, writing a table in batches and filling one. Does not belong here:
which tables there are (`contents`), transactions (`take`, `restore`).

Integers are 64 bits wide, blobs are bytes as they are, booleans are booleans. Rows go in the order of the primary key,
so that an unchanged table gives an unchanged file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import (
    Boolean,
    ColumnClause,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    column,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.types import TypeEngine

from api.backup.errors import BackupError
from api.backup.manifest import TableEntry
from pipelines.durable_files import sha256_of_file
from pipelines.lake.arrow import array, parquet, record_batch

_ROWS_AT_ONCE: Final = 5_000
_BLOBS_AT_ONCE: Final = 200
"""Rows with a blob hold a record as it came, which may be large."""
_ARROW_TYPES: Final[Mapping[type[TypeEngine[Any]], pa.DataType]] = {
    Boolean: pa.bool_(), Integer: pa.int64(), LargeBinary: pa.large_binary(), String: pa.string(),
}  # fmt: skip


def arrow_schema(source: Table) -> pa.Schema:
    """Return the schema a table is written in.

    Raises:
        BackupError: a column has a type that is not carried over; a backup without it would not be whole.
    """
    return pa.schema([pa.field(one.name, _arrow_type(source, one.name, one.type)) for one in source.columns])


def _arrow_type(source: Table, name: str, kind: TypeEngine[Any]) -> pa.DataType:
    for known, arrow in _ARROW_TYPES.items():
        if isinstance(kind, known):
            return arrow
    raise BackupError(f"column {name} of table {source.name} has a type that backups do not know: {kind}")


def write_table(connection: Connection, source: Table, path: Path) -> TableEntry:
    """Write all rows of a table; memory is bounded by one batch.

    Args:
        connection: in the transaction whose view is wanted.
        source: the table.
        path: file to create, private to its owner.

    Returns:
        What was written, durably.
    """
    schema = arrow_schema(source)
    query = select(source).order_by(*source.primary_key.columns)
    size = _batch_rows(schema)
    rows_written = 0
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        with parquet.ParquetWriter(stream, schema, compression="zstd", store_schema=False) as writer:
            streamed = connection.execution_options(stream_results=True, yield_per=size).execute(query)
            for batch in streamed.partitions(size):
                writer.write_batch(_batch(schema, batch))
                rows_written += len(batch)
        stream.flush()
        os.fsync(stream.fileno())
    return TableEntry(str(source.name), rows_written, path.stat().st_size, sha256_of_file(path))


def _batch(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    made: pa.RecordBatch = record_batch(
        [array(values, type=kind) for values, kind in zip(columns, schema.types, strict=True)], schema=schema
    )
    return made


def _batch_rows(schema: pa.Schema) -> int:
    return _BLOBS_AT_ONCE if any(pa.types.is_large_binary(kind) for kind in schema.types) else _ROWS_AT_ONCE


def check_table_file(path: Path, entry: TableEntry) -> None:
    """Check a table's file against the manifest.

    Raises:
        BackupError: it is missing or not what the manifest says; it is named.
    """
    try:
        digest = sha256_of_file(path)
    except OSError as fault:
        raise BackupError(f"{path} cannot be read: {fault.strerror}") from fault
    if digest != entry.sha256:
        raise BackupError(f"{path} is damaged: its SHA-256 is not the manifest's")


def fill_table(connection: Connection, path: Path, entry: TableEntry) -> Iterator[int]:
    """Insert all rows of a table's file, in the caller's transaction.

    Yields:
        How many rows were inserted since the last time.

    Raises:
        BackupError: the file holds another number of rows than the manifest says.
    """
    with parquet.ParquetFile(path) as content:
        names: list[str] = content.schema_arrow.names
        columns: list[ColumnClause[Any]] = [column(name) for name in names]
        target = insert(table(entry.name, *columns))
        found = 0
        for batch in content.iter_batches(batch_size=_batch_rows(content.schema_arrow)):
            rows: list[dict[str, Any]] = batch.to_pylist()
            connection.execute(target, rows)
            found += len(rows)
            yield len(rows)
    if found != entry.rows:
        raise BackupError(f"{path} holds {found} rows, the manifest says {entry.rows}")


def continue_keys(connection: Connection, names: Sequence[str]) -> None:
    """Let keys the database gives itself go on after the greatest one inserted; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    owned = text(
        "SELECT t.relname, a.attname, pg_get_serial_sequence(format('%I.%I', n.nspname, t.relname), a.attname)"
        " FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_attribute a ON a.attrelid = t.oid"
        " WHERE n.nspname = current_schema() AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
    )
    for name, key, sequence in connection.execute(owned).all():
        if sequence is not None and name in names:
            newest = select(text(f'max("{key}")')).select_from(table(name))
            value = connection.execute(newest).scalar_one()
            if value is not None:
                connection.execute(text("SELECT setval(:sequence, :value)"), {"sequence": sequence, "value": value})
