"""Publishing: from the private warehouse to a snapshot that readers open.

Belongs here: what a snapshot contains, the checks before it counts, and moving `CURRENT`. Does not belong here: opening
snapshots (`pipelines.lake.catalog`), deleting old ones (`pipelines.snapshot_cleanup`), segments themselves
(`pipelines.segments`).

A snapshot becomes visible only by the rename of `CURRENT`, after everything it names is on disk.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from pipelines.durable_files import replacing, sha256_of_file
from pipelines.lake.catalog import WITHOUT_DEVICES, CurrentPointer, quoted, read_pointer
from pipelines.lake.paths import Home
from pipelines.segments import Segment, adopt_segment, merge_segments, new_segment_files
from pipelines.warehouse import FACTS, warehouse_opened

_log = logging.getLogger(__name__)

_INSTANT_FORMAT: Final = "b%Y%m%dT%H%M%S"
# Table to its order on disk: what pages ask for lies together.
PUBLISHED_TABLES: Final = {
    "dim_workspaces": "workspace_id",
    "dim_projects": "workspace_id, project",
    "dim_devices": "workspace_id, device_id",
    "dim_models": "provider, model",
    "mart_spend_15min": "workspace_id, bucket_starts_at",
    "mart_spend_daily": "workspace_id, local_day",
    "mart_spend_monthly": "workspace_id, local_month",
    "fct_batches": "workspace_id, received_at",
    "fct_request_conflicts": "workspace_id, request_id",
    "fct_device_sightings": "workspace_id, request_id",
}


# What the incremental models remember to find stale periods; of no use to readers.
_BOOKKEEPING: Final = frozenset({"last_file_seq", "visibility_version"})
_SPEND: Final = "mart_spend_"
_DAILY: Final = "mart_spend_daily"
_BIGGEST_BIGINT: Final = 2**63 - 1


class PublishError(Exception):
    """The warehouse does not hold what a snapshot must; nothing was published."""


@dataclass(frozen=True)
class Publication:
    """What is to be published.

    Attributes:
        build_id: name of the new build.
        built_at: when, aware UTC.
        base_segments: segments of the build this one goes on from; empty for a full one.
        max_file_seq: the newest landing file built.
        rate_book_version: the rate book rows were priced by.
    """

    build_id: str
    built_at: datetime
    base_segments: Sequence[Segment]
    max_file_seq: int
    rate_book_version: str


@dataclass(frozen=True)
class Published:
    """A build that readers see.

    Attributes:
        rows_total: requests in it, each once.
        rows_new: how many of them are not in the build before.
    """

    build_id: str
    rows_new: int
    rows_total: int


def new_build_id(now: datetime, after: str | None) -> str:
    """Return a build id for `now` that sorts after the id `after`, whatever the clock did since."""
    instant = now.astimezone(UTC).replace(microsecond=0)
    if after is not None and instant <= build_instant(after):
        instant = build_instant(after) + timedelta(seconds=1)
    return f"{instant.strftime(_INSTANT_FORMAT)}-{secrets.token_hex(4)}"


def build_instant(build_id: str) -> datetime:
    """Return the instant in a build id, aware UTC, to the second."""
    return datetime.strptime(build_id.partition("-")[0], _INSTANT_FORMAT).replace(tzinfo=UTC)


def snapshot_name(build_id: str) -> str:
    """Return the snapshot's file name in the marts folder."""
    return f"marts-{build_id}.duckdb"


def snapshot_segments(home: Home, file: str) -> list[Segment] | None:
    """Return the segments a snapshot names; None when it or one of them is missing or cannot be read."""
    path = home.marts / file
    if not path.is_file():
        return None
    try:
        connection = duckdb.connect(str(path), read_only=True)
        try:
            rows = connection.execute("select name, sha256, row_count, level from segments").fetchall()
            connection.execute("select build_id from build_info").fetchall()
        finally:
            connection.close()
    except duckdb.Error as fault:
        _log.warning("the snapshot %s cannot be read: %s", file, fault)
        return None
    segments = [Segment(*row) for row in rows]
    return segments if all((home.segments / one.name).is_file() for one in segments) else None


def publish(home: Home, warehouse: Path, publication: Publication) -> Published:
    """Write the snapshot of a finished build and point readers to it.

    Args:
        home: where marts lie.
        warehouse: the database dbt built in, closed.
        publication: what to publish.

    Returns:
        What is served from now on.

    Raises:
        PublishError: totals in the warehouse contradict each other; `CURRENT` has not moved.
        OSError: something could not be made durable; `CURRENT` has not moved.
    """
    with warehouse_opened(warehouse) as connection:
        _refuse_inexact_columns(connection)
        facts = _count(connection, f"select count(*) from {FACTS}")  # noqa: S608 - before its files get their names
        segments = list(publication.base_segments)
        new = [adopt_segment(connection, home, path) for path in new_segment_files(home)]
        segments = merge_segments(connection, home, [*segments, *new])
        rows_total = sum(one.row_count for one in segments)
        _check_totals(connection, facts, rows_total)
        with replacing(home.marts / snapshot_name(publication.build_id)) as temporary:
            _write_snapshot(connection, temporary, publication, segments)
    move_pointer(home, publication.build_id)
    return Published(publication.build_id, sum(one.row_count for one in new), rows_total)


def move_pointer(home: Home, build_id: str) -> None:
    """Make `CURRENT` name a snapshot that is on disk."""
    with replacing(home.current_pointer) as temporary:
        file = snapshot_name(build_id)
        pointer = CurrentPointer(build_id, file, sha256_of_file(home.marts / file))
        temporary.write_bytes(msgspec.json.encode(pointer))


def newest_build_id(home: Home) -> str | None:
    """Return the newest id among the published pointer and the snapshots on disk."""
    try:
        pointer = read_pointer(home)
    except ValueError:
        pointer = None
    found = [path.stem.removeprefix("marts-") for path in home.marts.glob("marts-b*.duckdb")]
    return max([*found, *([pointer.build_id] if pointer else [])], default=None)


def _refuse_inexact_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Parquet has no 128-bit integers; DuckDB would write them as floats."""
    described = connection.execute(f"describe {FACTS}").fetchall()
    wide = [name for name, kind, *_ in described if kind in ("HUGEINT", "UHUGEINT")]
    if wide:
        raise PublishError(f"{FACTS} has columns that Parquet cannot hold exactly: {', '.join(wide)}")


def _column_names(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in connection.execute(f"describe {table}").fetchall()]


def _published_columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Return what is selected of a table: no bookkeeping, and sums in eight bytes wherever all of them fit."""
    described = connection.execute(f"describe {table}").fetchall()
    kept = [(name, kind) for name, kind, *_ in described if not _is_bookkeeping(table, name)]
    wide = [name for name, kind in kept if kind == "HUGEINT"]
    largest: dict[str, int] = {}
    if wide:
        asked = ", ".join(f"coalesce(max(abs({name})), 0)" for name in wide)
        largest = dict(zip(wide, connection.execute(f"select {asked} from {table}").fetchall()[0], strict=True))  # noqa: S608
    narrow = {name for name, most in largest.items() if most <= _BIGGEST_BIGINT}
    return [f"cast({name} as bigint) as {name}" if name in narrow else name for name, _ in kept]


def _sum_over_devices(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the daily roll-up without devices, for as long as the connection lasts."""
    columns = [name for name in _column_names(connection, _DAILY) if not _is_bookkeeping(_DAILY, name)]
    first_measure = columns.index("requests")
    key = ", ".join(name for name in columns[:first_measure] if name != "device_id")
    sums = ", ".join(f"sum({name}) as {name}" for name in columns[first_measure:])
    connection.execute(
        f"create or replace temp table {WITHOUT_DEVICES} as select {key}, {sums} from {_DAILY} group by {key}"  # noqa: S608 - our own names
    )


def _is_bookkeeping(table: str, column: str) -> bool:
    return table.startswith(_SPEND) and column in _BOOKKEEPING


def _check_totals(connection: duckdb.DuckDBPyConnection, facts: int, rows_total: int) -> None:
    """Hold segments, facts and every roll-up against each other: a lost or doubled row must not be published."""
    counts = {FACTS: facts} | {
        mart: _count(connection, f"select coalesce(sum(requests), 0) from {mart}")  # noqa: S608 - names are ours
        for mart in PUBLISHED_TABLES
        if mart.startswith(_SPEND)
    }
    for name, counted in counts.items():
        if counted != rows_total:
            raise PublishError(f"{name} holds {counted} requests, the segments hold {rows_total}")


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])


def _write_snapshot(
    connection: duckdb.DuckDBPyConnection, path: Path, publication: Publication, segments: Sequence[Segment]
) -> None:
    connection.execute(f"attach {quoted(path)} as snapshot")
    try:
        _sum_over_devices(connection)
        for table, order in [*PUBLISHED_TABLES.items(), (WITHOUT_DEVICES, "workspace_id, local_day")]:
            columns = ", ".join(_published_columns(connection, table))
            connection.execute(f"create table snapshot.{table} as select {columns} from {table} order by {order}")  # noqa: S608 - our own names
        connection.execute(
            "create table snapshot.segments (name varchar, sha256 varchar, row_count bigint, level integer)"
        )
        connection.executemany(
            "insert into snapshot.segments values (?, ?, ?, ?)",
            [(one.name, one.sha256, one.row_count, one.level) for one in segments],
        )
        connection.execute(
            "create table snapshot.build_info as select $build_id::varchar as build_id,"
            " $built_at::timestamp as built_at, (select max(received_at) from fct_batches) as data_as_of,"
            " $max_file_seq::bigint as max_file_seq, $rows_total::bigint as rows_total,"
            " $rate_book_version::varchar as rate_book_version",
            {
                "build_id": publication.build_id,
                "built_at": publication.built_at.astimezone(UTC).replace(tzinfo=None),
                "max_file_seq": publication.max_file_seq,
                "rows_total": sum(one.row_count for one in segments),
                "rate_book_version": publication.rate_book_version,
            },
        )
    finally:
        connection.execute("detach snapshot")
