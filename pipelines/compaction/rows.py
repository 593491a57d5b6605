"""Reading the files of a merge, row after row in landing order.

Belongs here: bringing what older releases wrote to today's columns, and giving each row its origin. Does not belong
here: writing the merged file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.compaction.content import ContentError, Member
from pipelines.compaction.plan import Unit
from pipelines.lake.arrow import array, parquet
from pipelines.lake.arrow import compute as pc
from pipelines.lake.schema import LANDING_SCHEMA, ORIGIN_COLUMNS

ROWS_AT_ONCE = 65_536
_WHOLE_BELOW_BYTES = 4 << 20


def rows_in_order(landing: Path, members: Sequence[Member]) -> Iterator[pa.Table]:
    """Yield the rows of landing files in `LANDING_SCHEMA`, each with its origin, in the order they landed.

    A file is open only from its first row to its last.

    Args:
        landing: the landing folder.
        members: in landing order.

    Raises:
        ContentError: a file holds other rows than the ledger says.
        OSError: a file cannot be read.
    """
    readers: dict[Unit, _Reader] = {}
    left = Counter(member.unit for member in members)
    try:
        for member in members:
            unit = member.unit
            if unit not in readers:
                readers[unit] = _Reader(landing / unit.relative_path, unit)
            yield from readers[unit].take(member)
            left[unit] -= 1
            if left[unit] == 0:
                readers.pop(unit).end()
    finally:
        for reader in readers.values():
            reader.close()


class _Reader:
    """One file's rows, from its first to its last."""

    def __init__(self, path: Path, unit: Unit) -> None:
        self._unit = unit
        small = unit.byte_count <= _WHOLE_BELOW_BYTES
        try:
            self._file: Any = parquet.ParquetFile(
                pa.BufferReader(path.read_bytes()) if small else path, page_checksum_verification=True
            )
        except pa.ArrowException as fault:
            raise ContentError(f"landing file {unit.relative_path} cannot be read: {fault}") from fault
        unknown = set(self._file.schema_arrow.names) - set(LANDING_SCHEMA.names)
        if unknown:
            raise ContentError(f"landing file {unit.relative_path} has columns of a newer release")
        self._batches: Iterator[pa.RecordBatch] = self._file.iter_batches(ROWS_AT_ONCE, use_threads=False)
        self._waiting: pa.Table | None = None

    def take(self, member: Member) -> Iterator[pa.Table]:
        """Yield the next landing file's rows."""
        done = 0
        while done < member.row_count:
            table = self._next()
            if table is None:
                raise ContentError(f"landing file {self._unit.relative_path} has fewer rows than the ledger says")
            wanted = member.row_count - done
            part = table.slice(0, wanted)
            self._waiting = table.slice(wanted) if table.num_rows > wanted else None
            yield self._with_origin(part, member.file_seq, done)
            done += part.num_rows

    def end(self) -> None:
        """Close the file, all of whose rows must have been taken."""
        over = self._next()
        self.close()
        if over is not None:
            raise ContentError(f"landing file {self._unit.relative_path} has more rows than the ledger says")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _next(self) -> pa.Table | None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            return waiting
        try:
            for batch in self._batches:
                if batch.num_rows:
                    return _in_todays_columns(pa.Table.from_batches([batch]))
        except (pa.ArrowException, OSError) as fault:
            raise ContentError(f"landing file {self._unit.relative_path} cannot be read: {fault}") from fault
        return None

    def _with_origin(self, part: pa.Table, file_seq: int, first_row: int) -> pa.Table:
        seqs = array([file_seq], pa.int64()).take(array([0] * part.num_rows, pa.int32()))
        rows = array(range(first_row, first_row + part.num_rows), pa.int64())
        origins = (seqs, rows)
        for name, origin in zip(ORIGIN_COLUMNS, origins, strict=True):
            position = part.schema.get_field_index(name)
            # A landing file says nothing of origins, a compacted one says it of every row.
            stored: Any = part.column(position)
            if self._unit.compacted_id is None:
                part = part.set_column(position, LANDING_SCHEMA.field(name), origin)
            elif not pc.all(pc.equal(stored, origin), skip_nulls=False).as_py():
                raise ContentError(f"compacted file {self._unit.relative_path} holds other rows than the ledger says")
        return part


def _in_todays_columns(table: pa.Table) -> pa.Table:
    columns: list[Any] = []
    for field in LANDING_SCHEMA:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table[field.name]
        columns.append(column if column.type == field.type else column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=LANDING_SCHEMA)
