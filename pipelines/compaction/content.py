"""What a file must hold: its landing files' rows, counted and summed as the ledger has them.

Belongs here: the ledger's side of a merge and comparing a written file with it. Does not belong here: writing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, select

from pipelines.compaction.plan import Unit
from pipelines.lake.arrow import compute as pc
from pipelines.lake.arrow import parquet
from pipelines.lake.ledger import landed_files

SUMMED: Final = (
    "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens", "cost_logged_millicents",
)  # fmt: skip
_ORIGIN, _ROW, _COST = "origin_file_seq", "origin_row_number", "cost_logged_millicents"
_AT_ONCE: Final = 500

Sums = tuple[int, ...]
"""Rows, the sums of `SUMMED`, and rows without a cost."""


class ContentError(Exception):
    """A file does not hold what the ledger says it does; the message names the file."""


@dataclass(frozen=True)
class Member:
    """A landing file in a merge.

    Attributes:
        file_seq: its number.
        unit: the file on disk that holds its rows.
        sums: what its rows add up to.
    """

    file_seq: int
    unit: Unit
    sums: Sums

    @property
    def row_count(self) -> int:
        """Rows in it."""
        return self.sums[0]


def read_members(connection: Connection, units: Sequence[Unit]) -> list[Member]:
    """Return the landing files whose rows these files hold, in landing order.

    Raises:
        ContentError: a file's ledger entry and those of its landing files contradict each other.
    """
    columns = landed_files.c
    query = select(
        columns.file_seq, columns.compacted_file_id, columns.row_count, *(columns[name] for name in SUMMED),
        columns.unpriced_rows,
    ).where(columns.dropped_at_us.is_(None))  # fmt: skip
    own = {unit.first_file_seq: unit for unit in units if unit.compacted_id is None}
    merged = {unit.compacted_id: unit for unit in units if unit.compacted_id is not None}
    members: list[Member] = []
    for keys in _chunks(list(own)):
        found = connection.execute(query.where(columns.file_seq.in_(keys), columns.compacted_file_id.is_(None)))
        members += [Member(file_seq, own[file_seq], tuple(sums)) for file_seq, _, *sums in map(tuple, found)]
    for keys in _chunks(list(merged)):
        found = connection.execute(query.where(columns.compacted_file_id.in_(keys)))
        members += [Member(file_seq, merged[holder], tuple(sums)) for file_seq, holder, *sums in map(tuple, found)]
    counted: defaultdict[Unit, int] = defaultdict(int)
    for member in members:
        counted[member.unit] += member.row_count
    for unit in units:
        if counted[unit] != unit.row_count:
            raise ContentError(f"landing file {unit.relative_path}: the ledger's entries of its rows do not add up")
    return sorted(members, key=lambda member: member.file_seq)


def check_content(path: Path, name: str, members: Iterable[Member]) -> Generator[None]:
    """Read a compacted file back and compare its rows with the ledger; yields between row groups.

    Args:
        path: the file.
        name: what to call it.
        members: the landing files whose rows it must hold, in landing order, and nothing else.

    Raises:
        ContentError: it holds something else, or in another order.
    """
    expected = {member.file_seq: member.sums for member in members}
    found: dict[int, Sums] = {}
    last = (0, -1)
    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        for number in range(file.num_row_groups):
            group: pa.Table = file.read_row_group(number, columns=[*SUMMED, _ORIGIN, _ROW], use_threads=False)
            last = _follow_on(group, last, name)
            for file_seq, sums in _summed(group).items():
                earlier = found.get(file_seq, (0,) * len(sums))
                found[file_seq] = tuple(one + other for one, other in zip(earlier, sums, strict=True))
            yield
    wrong = [file_seq for file_seq in expected.keys() | found.keys() if expected.get(file_seq) != found.get(file_seq)]
    if wrong:
        raise ContentError(f"{name}: its rows of landing file {min(wrong)} are not those of the ledger")


def _follow_on(group: pa.Table, last: tuple[int, int], name: str) -> tuple[int, int]:
    """Check that rows stand in the order they landed in, none missing, and return the last one's place."""
    seqs, rows = group[_ORIGIN].combine_chunks(), group[_ROW].combine_chunks()
    if not len(seqs) or seqs.null_count or rows.null_count:
        raise ContentError(f"{name}: rows without an origin")
    before_seqs = pa.concat_arrays([pa.array([last[0]], pa.int64()), seqs.slice(0, len(seqs) - 1)])
    before_rows = pa.concat_arrays([pa.array([last[1]], pa.int64()), rows.slice(0, len(rows) - 1)])
    goes_on = pc.and_(pc.equal(seqs, before_seqs), pc.equal(rows, pc.add(before_rows, 1)))
    begins = pc.and_(pc.greater(seqs, before_seqs), pc.equal(rows, 0))
    if not pc.all(pc.or_(goes_on, begins)).as_py():
        raise ContentError(f"{name}: its rows are not in the order they landed in")
    return int(seqs[-1].as_py()), int(rows[-1].as_py())


def _summed(group: pa.Table) -> dict[int, Sums]:
    grouped: Any = group.group_by(_ORIGIN, use_threads=False)
    totals: pa.Table = grouped.aggregate(
        [
            *((name, "sum") for name in SUMMED),
            (_ROW, "count"),
            (_COST, "count", pc.CountOptions(mode="only_null")),
        ]
    )
    wanted = [_ORIGIN, f"{_ROW}_count", *(f"{name}_sum" for name in SUMMED), f"{_COST}_count"]
    columns: list[list[int | None]] = [totals[name].to_pylist() for name in wanted]
    return {seq: tuple(value or 0 for value in sums) for seq, *sums in zip(*columns, strict=True) if seq is not None}


def _chunks(keys: list[Any]) -> Generator[list[Any]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
