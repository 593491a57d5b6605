"""Publishing an analysis: from its private database to a file that readers open.

Belongs here: what the file holds, moving `ANALYSIS`, and deleting earlier files. Does not belong here: opening them
(`pipelines.lake.analysis_catalog`), and the marts (`pipelines.publish`).

An analysis becomes visible only by the rename of `ANALYSIS`, after its file is whole on disk.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from pipelines.analysis.inputs import AnalysisInputs
from pipelines.durable_files import move_durably, remove_leftovers, replacing, sha256_of_file, temporary_beside
from pipelines.lake.analysis_catalog import ANALYSIS_TABLE, AnalysisPointer, read_analysis_pointer
from pipelines.lake.catalog import quoted
from pipelines.lake.paths import Home
from pipelines.refresh_lock import refresh_lock
from pipelines.snapshot_cleanup import SUPERSEDED_KEPT
from pipelines.warehouse import warehouse_opened

_INSTANT_FORMAT: Final = "a%Y%m%dT%H%M%S"
_PREFIX: Final = "analysis-"


class AnalysisPublishError(Exception):
    """The analysis may not be published; what readers saw before stays."""


@dataclass(frozen=True)
class AnalysisPublication:
    """What is to be published.

    Attributes:
        snapshot: file name of the snapshot it was made of.
        inputs: what else it was made from.
        built_at: when, aware.
        tables: of the database, those that readers see.
    """

    snapshot: str
    inputs: AnalysisInputs
    built_at: datetime
    tables: Sequence[str]


def publish_analysis(home: Home, database: Path, publication: AnalysisPublication) -> AnalysisPointer:
    """Publish the tables of a built database.

    Args:
        home: where the file is to lie.
        database: where the tables are.
        publication: what is published.

    Returns:
        The pointer as it is now.

    Raises:
        AnalysisPublishError: the snapshot it was made of has been deleted, as a purge does.
        duckdb.Error: as DuckDB says.
        OSError: a file could not be made durable.
    """
    analysis_id = new_analysis_id(publication.built_at, _newest_id(home))
    file = analysis_name(analysis_id)
    # Written beside the marts: what is unfinished in their folder is deleted by whoever refreshes.
    temporary = temporary_beside(home.analysis / file)
    try:
        _write_file(database, temporary, analysis_id, publication)
        pointer = AnalysisPointer(
            analysis_id, publication.inputs.build_id, file, sha256_of_file(temporary), publication.inputs.digest()
        )
        with refresh_lock(home):
            if not (home.marts / publication.snapshot).is_file():
                raise AnalysisPublishError(f"{publication.snapshot} was deleted while it was analysed")
            move_durably(temporary, home.marts / file)
            with replacing(home.analysis_pointer) as content:
                content.write_bytes(msgspec.json.encode(pointer))
            clean_analyses(home, publication.built_at)
    finally:
        temporary.unlink(missing_ok=True)
    return pointer


def new_analysis_id(now: datetime, after: str | None) -> str:
    """Return an id for `now` that sorts after the id `after`, whatever the clock did since."""
    instant = now.astimezone(UTC).replace(microsecond=0)
    if after is not None and instant <= analysis_instant(after):
        instant = analysis_instant(after) + timedelta(seconds=1)
    return f"{instant.strftime(_INSTANT_FORMAT)}-{secrets.token_hex(4)}"


def analysis_instant(analysis_id: str) -> datetime:
    """Return the instant in an id, aware UTC, to the second."""
    return datetime.strptime(analysis_id.partition("-")[0], _INSTANT_FORMAT).replace(tzinfo=UTC)


def analysis_name(analysis_id: str) -> str:
    """Return the file name of an analysis in the marts folder."""
    return f"{_PREFIX}{analysis_id}.duckdb"


def analysis_files(home: Home) -> dict[str, Path]:
    """Return the published files on disk by analysis id, oldest first."""
    found = sorted(home.marts.glob(f"{_PREFIX}a*.duckdb"))
    return {path.stem.removeprefix(_PREFIX): path for path in found}


def clean_analyses(home: Home, now: datetime) -> int:
    """Delete files superseded for as long as snapshots are kept. Only under the refresh lock.

    Returns:
        How many were deleted.
    """
    files = analysis_files(home)
    pointer = read_analysis_pointer(home)
    deleted = 0
    for older, newer in pairwise(files):
        is_current = pointer is not None and pointer.file == files[older].name
        if not is_current and now - analysis_instant(newer) >= SUPERSEDED_KEPT:
            files[older].unlink(missing_ok=True)
            deleted += 1
    return deleted


def remove_unfinished(home: Home, delete: Callable[[Path], None]) -> None:
    """Delete what killed builds left behind. Only under the lock of analyses."""
    remove_leftovers(home.analysis, delete)


def _newest_id(home: Home) -> str | None:
    try:
        pointer = read_analysis_pointer(home)
    except ValueError:
        pointer = None
    return max([*analysis_files(home), *([pointer.analysis_id] if pointer else [])], default=None)


def _write_file(database: Path, path: Path, analysis_id: str, publication: AnalysisPublication) -> None:
    with warehouse_opened(database) as connection:
        connection.execute(f"attach {quoted(path)} as analysis")
        try:
            for table in sorted(publication.tables):
                # By workspace first, and the same rows always in the same order.
                connection.execute(f'create table analysis."{table}" as from "{table}" order by all')
            _write_info(connection, analysis_id, publication)
        finally:
            connection.execute("detach analysis")


def _write_info(connection: duckdb.DuckDBPyConnection, analysis_id: str, publication: AnalysisPublication) -> None:
    connection.execute(
        f"create table analysis.{ANALYSIS_TABLE} as select $analysis_id::varchar as analysis_id,"  # noqa: S608 - ours
        " $build_id::varchar as build_id, $built_at::timestamp as built_at,"
        " (select data_as_of from published.build_info) as data_as_of,"
        " (select rows_total from published.build_info) as rows_total,"
        " (select max_file_seq from published.build_info) as max_file_seq, $inputs::varchar as inputs",
        {
            "analysis_id": analysis_id,
            "build_id": publication.inputs.build_id,
            "built_at": publication.built_at.astimezone(UTC).replace(tzinfo=None),
            "inputs": msgspec.json.encode(publication.inputs, order="deterministic").decode(),
        },
    )
