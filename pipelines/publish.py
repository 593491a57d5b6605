"""Publishing: from the private warehouse to a snapshot that readers open.

Belongs here: what a snapshot contains, the checks before it counts, and moving `CURRENT`. Does not belong here: opening
snapshots (`pipelines.lake.catalog`), deleting old ones (`pipelines.snapshot_cleanup`), segments and parts themselves
(`pipelines.segments`, `pipelines.roll_up_parts`).

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
from pipelines.lake.catalog import BUILD_INSTANT, CurrentPointer, build_instant, quoted, read_pointer
from pipelines.lake.part_views import PART_COLUMNS, PARTS_TABLE, Part, by_table, read_parts, rows_of
from pipelines.lake.paths import Home
from pipelines.roll_up_parts import ROLL_UPS, PartError, publish_parts
from pipelines.segments import Segment, adopt_segment, merge_segments, new_segment_files
from pipelines.warehouse import FACTS, warehouse_opened

_log = logging.getLogger(__name__)

# Table to its order on disk: what pages ask for lies together.
_COPIED_TABLES: Final = {
    "dim_workspaces": "workspace_id",
    "dim_projects": "workspace_id, project",
    "dim_reattributions": "workspace_id, decision_number",
    "dim_devices": "workspace_id, device_id",
    "dim_models": "provider, model",
    "fct_batches": "workspace_id, received_at",
    "fct_request_conflicts": "workspace_id, request_id",
    "fct_device_sightings": "workspace_id, request_id",
}
PUBLISHED_TABLES: Final = (*_COPIED_TABLES, *dict.fromkeys(one.source for one in ROLL_UPS))
"""Models that readers see, besides the facts."""


class PublishError(Exception):
    """The warehouse does not hold what a snapshot must; nothing was published."""


@dataclass(frozen=True)
class Publication:
    """What is to be published.

    Attributes:
        build_id: name of the new build.
        built_at: when, aware UTC.
        base_segments: segments of the build this one goes on from; empty for a full one.
        base_parts: parts of its roll-ups; without them all are written.
        max_file_seq: the newest landing file built.
        rate_book_version: the rate book rows were priced by.
    """

    build_id: str
    built_at: datetime
    base_segments: Sequence[Segment]
    max_file_seq: int
    rate_book_version: str
    base_parts: Sequence[Part] = ()


@dataclass(frozen=True)
class PublishedFiles:
    """The immutable files a snapshot names.

    Attributes:
        segments: of facts.
        parts: of roll-ups; none in a snapshot of an earlier release.
    """

    segments: Sequence[Segment]
    parts: Sequence[Part]


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
    return f"{instant.strftime(BUILD_INSTANT)}-{secrets.token_hex(4)}"


def snapshot_name(build_id: str) -> str:
    """Return the snapshot's file name in the marts folder."""
    return f"marts-{build_id}.duckdb"


def named_files(home: Home, file: str) -> PublishedFiles | None:
    """Return the files a snapshot names, whether they are there or not; None when the snapshot cannot be read."""
    path = home.marts / file
    if not path.is_file():
        return None
    try:
        connection = duckdb.connect(str(path), read_only=True)
        try:
            rows = connection.execute("select name, sha256, row_count, level from segments").fetchall()
            connection.execute("select build_id from build_info").fetchall()
            parts = read_parts(connection, path.stem)
        finally:
            connection.close()
    except duckdb.Error as fault:
        _log.warning("the snapshot %s cannot be read: %s", file, fault)
        return None
    return PublishedFiles([Segment(*row) for row in rows], parts)


def snapshot_files(home: Home, file: str) -> PublishedFiles | None:
    """Return the files a snapshot names; None when it or one of them is missing or cannot be read."""
    files = named_files(home, file)
    if files is None:
        return None
    paths = [home.segments / one.name for one in files.segments]
    paths += [home.roll_up_parts / one.name for one in files.parts]
    return files if all(path.is_file() for path in paths) else None


def snapshot_segments(home: Home, file: str) -> list[Segment] | None:
    """Return the segments a snapshot names; None when it or a file it names is missing or cannot be read."""
    files = snapshot_files(home, file)
    return None if files is None else list(files.segments)


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
        try:
            parts = publish_parts(connection, home, publication.base_parts)
        except PartError as fault:
            raise PublishError(str(fault)) from fault
        _check_totals(parts, facts, rows_total)
        with replacing(home.marts / snapshot_name(publication.build_id)) as temporary:
            _write_snapshot(connection, home, temporary, publication, PublishedFiles(segments, parts))
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


def _check_totals(parts: Sequence[Part], facts: int, rows_total: int) -> None:
    """Hold segments, facts and every roll-up against each other: a lost or doubled row must not be published."""
    counts = {FACTS: facts}
    counts |= {table: sum(one.requests for one in its_parts) for table, its_parts in by_table(parts).items()}
    for name, counted in counts.items():
        if counted != rows_total:
            raise PublishError(f"{name} holds {counted} requests, the segments hold {rows_total}")


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])


def _write_snapshot(
    connection: duckdb.DuckDBPyConnection, home: Home, path: Path, publication: Publication, files: PublishedFiles
) -> None:
    connection.execute(f"attach {quoted(path)} as snapshot")
    try:
        for table, order in _COPIED_TABLES.items():
            connection.execute(f"create table snapshot.{table} as from {table} order by {order}")
        connection.execute(
            "create table snapshot.segments (name varchar, sha256 varchar, row_count bigint, level integer)"
        )
        connection.executemany(
            "insert into snapshot.segments values (?, ?, ?, ?)",
            [(one.name, one.sha256, one.row_count, one.level) for one in files.segments],
        )
        connection.execute(f"create table snapshot.{PARTS_TABLE} ({PART_COLUMNS})")
        places = ", ".join("?" for _ in Part.__struct_fields__)
        connection.executemany(
            f"insert into snapshot.{PARTS_TABLE} values ({places})",  # noqa: S608 - our own names
            [msgspec.structs.astuple(one) for one in files.parts],
        )
        _show_roll_ups(connection, home, files.parts)
        connection.execute(
            "create table snapshot.build_info as select $build_id::varchar as build_id,"
            " $built_at::timestamp as built_at, (select max(received_at) from fct_batches) as data_as_of,"
            " $max_file_seq::bigint as max_file_seq, $rows_total::bigint as rows_total,"
            " $rate_book_version::varchar as rate_book_version",
            {
                "build_id": publication.build_id,
                "built_at": publication.built_at.astimezone(UTC).replace(tzinfo=None),
                "max_file_seq": publication.max_file_seq,
                "rows_total": sum(one.row_count for one in files.segments),
                "rate_book_version": publication.rate_book_version,
            },
        )
    finally:
        connection.execute("detach snapshot")


def _show_roll_ups(connection: duckdb.DuckDBPyConnection, home: Home, parts: Sequence[Part]) -> None:
    """Let the snapshot show its roll-ups to whoever opens it with DuckDB in the marts folder; ours have a catalog."""
    # Paths are relative, so that a home can be moved; a folder with a comma cannot be a search path.
    movable = "," not in str(home.marts)
    if movable:
        connection.execute(f"set file_search_path = {quoted(home.marts)}")

    def place(name: str) -> str:
        path = home.roll_up_parts / name
        return quoted(path.relative_to(home.marts) if movable else path)

    for table, its_parts in by_table(parts).items():
        connection.execute(f"create view snapshot.{table} as {rows_of(its_parts, place)}")
