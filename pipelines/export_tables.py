"""Rows of the app database as Arrow tables, Parquet bytes and digests.

Belongs here: how a value of the app database becomes a column's. Does not belong here: which rows are exported
(`pipelines.control_plane`, `pipelines.analysis.exports`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from pipelines.lake.arrow import array, parquet, uuid_array
from pipelines.lake.schema import UUID as UUID_TYPE

_UUID_BYTES: Final = 16
_UUID_LETTERS: Final = 36
_WHERE_BYTES_LIE: Final = ("path", "origin_file_seq")


def table_digest(table: pa.Table) -> str:
    """Return a digest of a table's content; where bytes lie does not count."""
    kept = table.drop_columns([name for name in _WHERE_BYTES_LIE if name in table.column_names])
    return hashlib.sha256(encoded(kept)).hexdigest()


def table_of(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows, whose values stand in the order of the schema, as a table.

    Raises:
        ValueError: an id is no UUID.
    """
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [() for _ in schema]
    return pa.Table.from_arrays(
        [_column(kind, values) for kind, values in zip(schema.types, columns, strict=True)], schema=schema
    )


def encoded(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd", store_schema=False)
    return sink.getvalue().to_pybytes()


def _column(kind: pa.DataType, values: Sequence[Any]) -> Any:
    if kind == UUID_TYPE:
        if None in values:
            stored = [None if value is None else bytes.fromhex(value.replace("-", "")) for value in values]
            return uuid_array(kind, array(stored, type=pa.binary(16)))
        # One text after the other: a UUID object each would be most of the work for tens of thousands of batches.
        content = bytes.fromhex("".join(values).replace("-", ""))
        if len(content) != _UUID_BYTES * len(values) or not set(map(len, values)) <= {_UUID_LETTERS}:
            raise ValueError("the app database has an id that is no UUID")
        return uuid_array(kind, pa.Array.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(content)]))
    if pa.types.is_timestamp(kind):
        return array(values, type=pa.int64()).cast(kind)
    return array(values, type=kind)
