"""All requests of a workspace as Parquet and as CSV, read from one published build.

Belongs here: columns as they are published, streamed a batch at a time. Does not belong here: the CSV of a dashboard's
filter (`api.dashboards.request_csv`).

Every published request is in both files, those of archived or withheld projects included; `withheld_reason` says why
dashboards leave one out. Text that a spreadsheet would take for a formula has a `'` before it in the CSV only.
"""

from __future__ import annotations

from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.csv

from pipelines.lake.arrow import parquet
from pipelines.lake.catalog import Snapshot

_FORMULA_STARTS: Final = "^[=+\\-@\\t\\r\\n＝＋－＠]"  # noqa: RUF001 - the full-width twins are meant
_NOTHING_PUBLISHED: Final = pa.schema([pa.field("request_id", pa.string())])
_csv: Any = pyarrow.csv


def write_requests_parquet(snapshot: Snapshot | None, workspace_id: str, stream: IO[bytes]) -> int:
    """Write them as Parquet; instants are UTC.

    Returns:
        How many there are.
    """
    if snapshot is None:
        with parquet.ParquetWriter(_sink(stream), _NOTHING_PUBLISHED) as writer:
            writer.write_table(_NOTHING_PUBLISHED.empty_table())
        return 0
    rows = 0
    with snapshot.cursor() as cursor:
        batches = cursor.arrow_batches("from fct_requests where workspace_id = $id", {"id": workspace_id})
        schema = pa.schema([_in_utc(field) for field in _fields(batches.schema)])
        with parquet.ParquetWriter(_sink(stream), schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_table(pa.Table.from_batches([batch]).cast(schema))
                rows += batch.num_rows
    return rows


def write_requests_csv(snapshot: Snapshot | None, workspace_id: str, stream: IO[bytes]) -> int:
    """Write them as CSV, UTF-8 with a header.

    Returns:
        How many there are.
    """
    sink = _sink(stream)
    if snapshot is None:
        with _csv.CSVWriter(sink, _NOTHING_PUBLISHED):
            return 0
    rows = 0
    with snapshot.cursor() as cursor:
        published: pa.Schema = cursor.arrow_table("select * from fct_requests limit 0").schema
        cells = ", ".join(f"{_cell(field)} as {_name(field)}" for field in _fields(published))
        batches = cursor.arrow_batches(
            f"select {cells} from fct_requests where workspace_id = $id",  # noqa: S608 - names of our own columns
            {"id": workspace_id},
        )
        with _csv.CSVWriter(sink, batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
    return rows


def _sink(stream: IO[bytes]) -> Any:
    handle: Any = stream
    return pa.PythonFile(handle, mode="w")


def _fields(schema: pa.Schema) -> list[pa.Field[Any]]:
    fields: list[pa.Field[Any]] = list(schema)
    return fields


def _in_utc(field: pa.Field[Any]) -> pa.Field[Any]:
    return field.with_type(pa.timestamp("us", tz="UTC")) if pa.types.is_timestamp(field.type) else field


def _cell(field: pa.Field[Any]) -> str:
    """Return the SQL of a column's cell."""
    name = _name(field)
    if pa.types.is_timestamp(field.type):
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
        text = f"cast({name} as varchar)"
        return f"case when regexp_matches({text}, '{_FORMULA_STARTS}') then '''' || {text} else {text} end"
    if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
        return name
    return f"cast({name} as varchar)"


def _name(field: pa.Field[Any]) -> str:
    return '"' + field.name.replace('"', '""') + '"'
