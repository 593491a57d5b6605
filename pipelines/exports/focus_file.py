"""One workspace's FOCUS 1.2 rows as a file.

Belongs here: reading them from the published analysis and writing CSV or Parquet. Does not belong here: the columns'
spelling and format (`focus`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.durable_files import replacing
from pipelines.exports.focus import FOCUS_TABLE, focus_columns, focus_csv, focus_text
from pipelines.exports.settings import ExportError
from pipelines.lake.analysis_catalog import AnalysisReader
from pipelines.lake.paths import Home
from pipelines.lake.read_cursor import ReadCursor

_ROWS_AT_ONCE: Final = 2_000
_PARQUET: Final = ".parquet"


@dataclass(frozen=True)
class FocusFile:
    """What was written.

    Attributes:
        file: where.
        rows: how many.
        billed_usd: sum of BilledCost.
        build_id: the build of the marts the analysis was made of.
        analysis_id: the analysis.
    """

    file: str
    rows: int
    billed_usd: Decimal
    build_id: str
    analysis_id: str

    def as_dict(self) -> dict[str, Any]:
        """Return it for a JSON answer."""
        return {
            "file": self.file,
            "rows": self.rows,
            "billed_usd": focus_text(self.billed_usd),
            "build_id": self.build_id,
            "analysis_id": self.analysis_id,
        }

    def summary(self) -> str:
        """Return it in words."""
        return f"{self.rows} rows, {focus_text(self.billed_usd)} USD billed, of {self.analysis_id}"


def write_focus(
    home: Home, workspace_id: str, out: str, month: date | None, safe_text: Callable[[str | None], str | None]
) -> FocusFile:
    """Write a workspace's rows.

    Args:
        home: the installation.
        workspace_id: whose.
        out: a `.csv` or `.parquet` file; `-` writes CSV to stdout.
        month: first day of the one billing period wanted; None wants all.
        safe_text: makes text of the CSV that no spreadsheet takes for a formula.

    Raises:
        ExportError: there is no analysis with FOCUS yet, or the file's name says no format.
        OSError: it cannot be written.
    """
    if out != "-" and Path(out).suffix not in (".csv", _PARQUET):
        raise ExportError("the file's name must end in .csv or .parquet")
    with closing(AnalysisReader(home)) as reader:
        analysis = reader.current()
        if analysis is None:
            raise ExportError("nothing is analysed yet; halton-cloud refresh --analysis does it")
        with analysis, analysis.cursor() as cursor:
            if not has_focus(cursor):
                raise ExportError("the published analysis is of an earlier release; refresh --analysis makes a new one")
            given = {"workspace_id": workspace_id, **({"month": month} if month else {})}
            sql = focus_columns(month=month is not None)
            where = " and billing_period_start = cast($month as timestamp)" if month else ""
            of = f"from {FOCUS_TABLE} where workspace_id = $workspace_id{where}"
            found = cursor.execute(f"select count(*), coalesce(sum(billed_cost), 0) {of}", given).fetchall()[0]
            if out.endswith(_PARQUET):
                _write_parquet(cursor, sql, given, Path(out))
            else:
                _write_csv(cursor, sql, given, out, safe_text)
        return FocusFile(out, found[0], Decimal(found[1]), analysis.build_id, analysis.analysis_id)


def has_focus(cursor: ReadCursor) -> bool:
    """Whether an analysis holds FOCUS; one of an earlier release does not."""
    known = "select 1 from duckdb_tables() where database_name = 'analysis' and table_name = $name"
    return cursor.execute(known, {"name": FOCUS_TABLE}).fetchone() is not None


def focus_rows(cursor: ReadCursor, sql: str, given: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query a few at a time."""
    cursor.execute(sql, given)
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield from rows


def _write_parquet(cursor: ReadCursor, sql: str, given: dict[str, Any], out: Path) -> None:
    batches = cursor.arrow_batches(sql, given)
    with (
        replacing(out.absolute()) as temporary,
        pq.ParquetWriter(temporary, batches.schema, compression="zstd") as file,
    ):
        for batch in batches:
            file.write_table(pa.Table.from_batches([batch]))


def _write_csv(cursor: ReadCursor, sql: str, given: dict[str, Any], out: str, safe_text: Any) -> None:
    chunks = focus_csv(focus_rows(cursor, sql, given), safe_text)
    if out == "-":
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        return
    with replacing(Path(out).absolute()) as temporary, temporary.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
