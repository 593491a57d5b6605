"""Finding the rate a request was priced by.

Belongs here: one row of the exported rate book by its id. Does not belong here: pricing (`dbt_project`) and where
prices come from (`pipelines.rates`). A rate's id is a digest of what it says: a row found by id is the row priced by.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.lake.paths import Home

RATE_BOOK_FILE: Final = "rate_book.parquet"
RATE_COLUMN_OF_KIND: Final = {
    "uncached_input": "uncached_input_picousd_per_token",
    "cache_read": "cache_read_picousd_per_token",
    "cache_write_5m": "cache_write_5m_picousd_per_token",
    "cache_write_1h": "cache_write_1h_picousd_per_token",
    "output": "output_picousd_per_token",
}


def find_rate(home: Home, rate_id: str) -> dict[str, Any] | None:
    """Return the columns of a rate by name; None when the book does not list it (any more)."""
    path = home.exports / RATE_BOOK_FILE
    try:
        found = ds.dataset(path).to_table(filter=pc.field("rate_id") == rate_id)
    except (OSError, pa.ArrowException):
        return None
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows[0] if rows else None
