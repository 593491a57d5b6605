"""The floor of every build: DuckDB decoding the landed columns a fact needs, once, and nothing else.

Belongs here: that scan. Does not belong here: the process it runs in (`rebuild_worker`).
"""

from __future__ import annotations

from time import perf_counter
from typing import Final

import duckdb

from pipelines.dbt_runner import MEMORY_LIMIT
from pipelines.lake.catalog import quoted
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA

_NOT_NEEDED: Final = frozenset({"origin_file_seq", "origin_row_number"})


def scan(home: Home) -> tuple[int, float]:
    """Return the rows and the seconds of one scan, with the threads and the memory a build has."""
    names = [name for name in LANDING_SCHEMA.names if name not in _NOT_NEEDED]
    # `max` of each column has it decoded, and costs next to nothing itself.
    looked_at = ", ".join(f"max({name})" for name in names)
    files = quoted(home.landing / "*" / "*" / "*.parquet")
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        started = perf_counter()
        row = connection.execute(f"select count(*), {looked_at} from read_parquet({files})").fetchall()[0]
        return row[0], perf_counter() - started
