"""PostgreSQL as a rival for marts: raw rows, facts by primary key, the same roll-ups as tables and as views.

Belongs here: its tables and statements. Does not belong here: starting it (`postgres_mirror_cluster`), measuring.

It does less than we do: it neither prices rows nor tests what it built. Everything is unlogged, since marts can be
built again, and sorts and hashes get half a gigabyte each.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Final

import duckdb
import psycopg

from pipelines.lake.catalog import quoted
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA
from tests.benchmarks.totals import DAILY_SUMS, MEASURES, Totals, totals_of

_TYPES: Final = {
    "extension<arrow.uuid>": "uuid", "int32": "integer", "int64": "bigint", "string": "text",
    "bool": "boolean", "double": "double precision", "timestamp[us, tz=UTC]": "timestamptz",
}  # fmt: skip
_NAMES: Final = [name for name in LANDING_SCHEMA.names if not name.startswith("origin_")]
_CHUNK_BYTES: Final = 1 << 20
_KEY: Final = "workspace_id, {period}, project, provider, model, device_id, spend_kind"
_MEASURED: Final = (
    "count(*) as requests, count(*) filter (where cost_logged_millicents is null) as unpriced_requests,"
    " count(*) filter (where status <> 'success') as error_requests,"
    " coalesce(sum(cost_logged_millicents), 0)::bigint as cost_logged_millicents, "
    + ", ".join(f"sum({one})::bigint as {one}" for one in MEASURES[4:])
)
_SUMMED: Final = ", ".join(f"sum({one})::bigint as {one}" for one in MEASURES)
_QUARTER_HOUR: Final = "date_bin('15 minutes', requested_at, '2000-01-01 00:00+00')"


def write_csv(home: Home, path: Path, *, deduplicated: bool) -> int:
    """Write landed rows as CSV for `COPY`, in landing order, and return how many.

    Args:
        home: whose landed rows; none of its files has been compacted.
        path: the file to write.
        deduplicated: first copies alone, for a rival whose build is not what is measured.
    """
    names = ", ".join(f"landed.{name}" for name in _NAMES)
    once = "qualify row_number() over (partition by workspace_id, request_id order by file_seq, row_number) = 1"
    with duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(path.parent / "spill")}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create temp table files (path varchar, file_seq bigint)")
        connection.executemany("insert into files values (?, ?)", _landed_files(home))
        rows = connection.execute(
            f"copy (select {names}, file_seq, file_row_number as row_number"
            f" from read_parquet({quoted(home.landing / '*' / '*' / '*.parquet')}, filename = true,"
            " file_row_number = true) as landed"
            f" join files on landed.filename = files.path {once if deduplicated else ''})"
            f" to {quoted(path)} (format csv, header false)"
        ).fetchall()
    return int(rows[0][0])


class Tables:
    """The rival's tables over one connection."""

    def __init__(self, uri: str, zones: dict[str, str]) -> None:
        """Connect.

        Args:
            uri: of its database.
            zones: workspace id to reporting zone, for its days.
        """
        self.connection = psycopg.connect(uri, autocommit=True)
        self.run("set timezone = 'UTC'")
        self.run("set work_mem = '512MB'")
        self.run("set maintenance_work_mem = '512MB'")
        self.run("drop table if exists zones cascade")
        self.run("create table zones (workspace_id uuid primary key, time_zone text)")
        with self.connection.cursor() as cursor:
            cursor.executemany("insert into zones values (%s, %s)", list(zones.items()))

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()

    def run(self, sql: str) -> float:
        """Run a statement and return its seconds."""
        started = perf_counter()
        self.connection.execute(sql.encode())
        return perf_counter() - started

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        return self.connection.execute(sql.encode()).fetchall()

    def rebuild(self, csv: Path) -> float:
        """Build everything anew from rows as CSV; return the seconds, those to drop tables left out."""
        self._begin("raw")
        seconds = self._copy("raw", csv)
        self.run("drop table if exists facts cascade")
        names = ", ".join([*_NAMES, "file_seq", "row_number"])
        seconds += self.run(
            f"create unlogged table facts as select distinct on (workspace_id, request_id) {names}"
            " from raw order by workspace_id, request_id, file_seq, row_number"
        )
        return seconds + self._finish_facts() + self._roll_up()

    def totals(self) -> Totals:
        """Return what its build must agree with ours on."""
        counts = [self.rows(f"select count(*) from {name}")[0][0] for name in ("facts", "spend_15min", "spend_daily")]
        sums = ", ".join(f"sum({one})::bigint" for one in MEASURES)
        return totals_of(counts, self.rows(f"select {DAILY_SUMS}, {sums} from spend_daily group by {DAILY_SUMS}"))

    def load(self, csv: Path) -> None:
        """Fill facts from rows that are first copies already, with indexes, roll-ups and views, ready for queries."""
        self._begin("facts")
        self._copy("facts", csv)
        self._finish_facts()
        self.run("create index facts_newest on facts (workspace_id, requested_at desc, request_id desc)")
        self._roll_up()
        for period, name in (("local_day", "spend_by_day"), ("bucket", "spend_by_bucket")):
            source = "spend_daily" if period == "local_day" else "spend_15min"
            self.run(f"create materialized view {name} as select * from {source}")
            self.run(f"create index {name}_period on {name} (workspace_id, {period})")
        for table in ("facts", "spend_15min", "spend_daily", "spend_by_day", "spend_by_bucket"):
            self.run(f"vacuum analyze {table}")

    def _begin(self, table: str) -> None:
        columns = ", ".join(f"{name} {_type(name)}" for name in _NAMES)
        self.run("drop table if exists raw, facts cascade")
        self.run(f"create unlogged table {table} ({columns}, file_seq bigint, row_number bigint)")

    def _copy(self, table: str, csv: Path) -> float:
        started = perf_counter()
        with (
            self.connection.cursor() as cursor,
            cursor.copy(f"copy {table} from stdin (format csv)".encode()) as copy,
            csv.open("rb") as file,
        ):
            for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
                copy.write(chunk)
        return perf_counter() - started

    def _finish_facts(self) -> float:
        return self.run("alter table facts add primary key (workspace_id, request_id)")

    def _roll_up(self) -> float:
        self.run("drop table if exists spend_15min, spend_daily cascade")
        by_bucket, by_day = _KEY.format(period="bucket"), _KEY.format(period="local_day")
        seconds = self.run(
            f"create unlogged table spend_15min as select workspace_id, {_QUARTER_HOUR} as bucket,"
            " coalesce(project, '(not shared)') as project, provider, model, device_id,"
            f" coalesce(nullif(billing_basis, ''), 'metered') as spend_kind, {_MEASURED} from facts"
            " group by 1, 2, 3, 4, 5, 6, 7"
        )
        seconds += self.run(
            f"create unlogged table spend_daily as select {by_day}, {_SUMMED} from (select spend_15min.*,"
            " (bucket at time zone time_zone)::date as local_day from spend_15min join zones using (workspace_id))"
            f" as dated group by {by_day}"
        )
        return seconds + self.run(f"create index on spend_15min ({by_bucket})")


def _type(name: str) -> str:
    return _TYPES[str(LANDING_SCHEMA.field(name).type)]


def _landed_files(home: Home) -> list[tuple[str, int]]:
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    try:
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("select relative_path, file_seq from landed_files").all()
        return [(str(home.landing / path), int(file_seq)) for path, file_seq in rows]
    finally:
        engine.dispose()
