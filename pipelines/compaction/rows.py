"""Reading the files of a merge, row after row in landing order.

Belongs here: bringing what older releases wrote to today's columns, and giving each row its origin. Does not belong
here: writing the merged file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pipelines.compaction.content import ContentError, Member
from pipelines.compaction.plan import Unit
from pipelines.lake.arrow import array, parquet, repeat
from pipelines.lake.arrow import compute as pc
from pipelines.lake.schema import LANDING_SCHEMA, ORIGIN_COLUMNS

ROWS_AT_ONCE: Final = 65_536
_WHOLE_BELOW_BYTES: Final = 4 << 20
_FILES_TOGETHER: Final = 32
_ROWS_TOGETHER: Final = 8_192
_KNOWN: Final = frozenset(LANDING_SCHEMA.names)


def rows_in_order(landing: Path, members: Sequence[Member]) -> Iterator[pa.Table | None]:
    """Yield the rows of landing files in `LANDING_SCHEMA`, each with its origin, in the order they landed.

    None comes after each file that gave nothing to yield yet: the work may pause there.

    A file is open only from its first row to its last. What small files hold comes together: to handle a table of sixty
    columns costs more than to read fifty rows of them.

    Args:
        landing: the landing folder.
        members: in landing order.

    Raises:
        ContentError: a file holds other rows than the ledger says.
        OSError: a file cannot be read.
    """
    readers: dict[Unit, _Reader] = {}
    left = Counter(member.unit for member in members)
    run = _Run()
    try:
        for member in members:
            unit = member.unit
            if unit not in readers:
                readers[unit] = _Reader(landing / unit.relative_path, unit)
            for first_row, piece in readers[unit].take(member):
                if not run.takes(unit):
                    yield run.table()
                    run = _Run()
                run.add(unit, piece, member.file_seq, first_row)
            left[unit] -= 1
            if left[unit] == 0:
                readers.pop(unit).end()
            yield None
        if run.pieces:
            yield run.table()
    finally:
        for reader in readers.values():
            reader.close()


@dataclass
class _Run:
    """Rows that follow on each other: of landing files, or of one compacted file."""

    pieces: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])
    row_count: int = 0
    _seqs: list[Any] = field(default_factory=list[Any])
    _rows: list[Any] = field(default_factory=list[Any])
    _compacted: Unit | None = None

    def takes(self, unit: Unit) -> bool:
        """Whether rows of this file may be added."""
        if not self.pieces:
            return True
        holder = None if unit.compacted_id is None else unit
        return holder == self._compacted and len(self.pieces) < _FILES_TOGETHER and self.row_count < _ROWS_TOGETHER

    def add(self, unit: Unit, piece: pa.RecordBatch, file_seq: int, first_row: int) -> None:
        """Add rows of a landing file, the first of them its row `first_row`."""
        self._compacted = None if unit.compacted_id is None else unit
        self.pieces.append(piece)
        self.row_count += piece.num_rows
        self._seqs.append(repeat(pa.scalar(file_seq, pa.int64()), piece.num_rows))
        self._rows.append(array(range(first_row, first_row + piece.num_rows), pa.int64()))

    def table(self) -> pa.Table:
        """Return the rows, each with its origin.

        Raises:
            ContentError: a compacted file says that they are of other origin.
        """
        # In one piece: the writer handles each piece of each column by itself.
        table = pa.Table.from_batches(self.pieces).combine_chunks()
        for name, pieces in zip(ORIGIN_COLUMNS, (self._seqs, self._rows), strict=True):
            position = table.schema.get_field_index(name)
            origin: Any = pa.chunked_array(pieces)
            # A landing file says nothing of origins, a compacted one says it of every row.
            if self._compacted is None:
                table = table.set_column(position, LANDING_SCHEMA.field(name), origin)
            elif not pc.all(pc.equal(table.column(position), origin), skip_nulls=False).as_py():
                path = self._compacted.relative_path
                raise ContentError(f"compacted file {path} holds other rows than the ledger says")
        return table


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
        unknown = set(self._file.schema_arrow.names) - _KNOWN
        if unknown:
            raise ContentError(f"landing file {unit.relative_path} has columns of a newer release")
        self._batches: Iterator[pa.RecordBatch] = self._file.iter_batches(ROWS_AT_ONCE, use_threads=False)
        self._waiting: pa.RecordBatch | None = None

    def take(self, member: Member) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield the next landing file's rows, and which of its rows the first of them is."""
        done = 0
        while done < member.row_count:
            batch = self._next()
            if batch is None:
                raise ContentError(f"landing file {self._unit.relative_path} has fewer rows than the ledger says")
            wanted = member.row_count - done
            self._waiting = batch.slice(wanted) if batch.num_rows > wanted else None
            part = batch.slice(0, wanted) if batch.num_rows > wanted else batch
            yield done, part
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

    def _next(self) -> pa.RecordBatch | None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            return waiting
        try:
            for batch in self._batches:
                if batch.num_rows:
                    return batch if batch.schema == LANDING_SCHEMA else _in_todays_columns(batch)
        except (pa.ArrowException, OSError) as fault:
            raise ContentError(f"landing file {self._unit.relative_path} cannot be read: {fault}") from fault
        return None


def _in_todays_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns: list[Any] = []
    there = set(batch.schema.names)
    for wanted in LANDING_SCHEMA:
        if wanted.name not in there:
            columns.append(pa.nulls(batch.num_rows, wanted.type))
            continue
        column: Any = batch.column(wanted.name)
        columns.append(column if column.type == wanted.type else column.cast(wanted.type))
    return pa.RecordBatch.from_arrays(columns, schema=LANDING_SCHEMA)
