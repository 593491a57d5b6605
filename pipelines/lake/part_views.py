"""Roll-ups as immutable Parquet parts, and the one way to read a table of them.

Belongs here: what a snapshot says of its parts, and the query over them. Does not belong here: writing parts
(`pipelines.roll_up_parts`) and when one may be deleted (`pipelines.snapshot_cleanup`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import duckdb
import msgspec

PARTS_TABLE: Final = "roll_up_parts"
"""Table of a snapshot with one row per part; snapshots of earlier releases have tables of all roll-ups instead."""


class Part(msgspec.Struct, frozen=True):
    """One immutable file with the rows of a roll-up's period.

    Attributes:
        table_name: roll-up, as readers call it.
        period: day (`2026-11-15`) or month (`2026-11`; while some of its days have parts of their own, the others);
            empty when the roll-up has no rows at all.
        name: file name, the first 32 hex digits of the digest and `.parquet`.
        sha256: digest of its bytes, hex.
        row_count: rows in it.
        requests: sum of their requests.
        wide_columns: names, with commas between, of sums beyond 64 bits: Parquet has no 128-bit integers, so they are
            decimals without places in the file.
        fingerprint: of the rows it was written from and of how.
    """

    table_name: str
    period: str
    name: str
    sha256: str
    row_count: int
    requests: int
    wide_columns: str
    fingerprint: str


PART_COLUMNS: Final = (
    "table_name varchar, period varchar, name varchar, sha256 varchar, row_count bigint, requests bigint,"
    " wide_columns varchar, fingerprint varchar"
)


def read_parts(connection: duckdb.DuckDBPyConnection, database: str) -> list[Part]:
    """Return the parts of a snapshot, each table's by period.

    Args:
        connection: has the snapshot.
        database: under which name.

    Returns:
        None of a snapshot of an earlier release.

    Raises:
        duckdb.Error: it cannot be read.
    """
    known = connection.execute(
        "select count(*) from duckdb_tables() where database_name = ? and table_name = ?", [database, PARTS_TABLE]
    ).fetchall()
    if known == [(0,)]:
        return []
    names = ", ".join(Part.__struct_fields__)
    rows = connection.execute(f'select {names} from "{database}".{PARTS_TABLE} order by table_name, period').fetchall()  # noqa: S608 - our own names
    return [Part(*row) for row in rows]


def by_table(parts: Iterable[Part]) -> dict[str, list[Part]]:
    """Return parts by the roll-up they belong to."""
    tables: defaultdict[str, list[Part]] = defaultdict(list)
    for part in parts:
        tables[part.table_name].append(part)
    return dict(tables)


def rows_of(parts: Sequence[Part], literal_of: Callable[[str], str]) -> str:
    """Return the query of all rows of one roll-up.

    Args:
        parts: its parts, at least one, in the order rows are wanted.
        literal_of: SQL literal of where the file of a name lies.
    """
    wide = sorted({column for part in parts for column in part.wide_columns.split(",") if column})
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts:
        alike[part.wide_columns].append(literal_of(part.name))
    # A reader takes the types of the first file for all of them: those with other types are read apart.
    casts = f" replace ({', '.join(f'cast({column} as hugeint) as {column}' for column in wide)})" if wide else ""
    return " union all ".join(f"select *{casts} from read_parquet([{', '.join(files)}])" for files in alike.values())  # noqa: S608 - our own names
