"""Segments: the facts as immutable Parquet files, named by what is in them.

Belongs here: writing new rows as a segment, and merging small segments so that their number stays bounded. Does not
belong here: which segments make up a build (`pipelines.publish`), reading them (`pipelines.lake.catalog`), and the row
files beside them (`pipelines.row_files`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from pipelines.durable_files import TEMPORARY_PREFIX, move_durably, sha256_of_file, temporary_beside
from pipelines.lake.catalog import quoted
from pipelines.lake.paths import Home

SMALLEST_TIER_ROWS: Final = 8_192
TIER_FACTOR: Final = 8
SEGMENTS_PER_TIER: Final = 8
"""So many of one size are merged into one; a row is rewritten once per tier, about six times in its life."""
NEVER_MERGED_ROWS: Final = SMALLEST_TIER_ROWS * TIER_FACTOR**2
"""A segment this large (about 40 MB) stays as it is: sorting more at once would need the disk."""
FILE_OPTIONS: Final = (
    "format parquet, parquet_version v2, compression zstd, compression_level 1, write_bloom_filter false,"
    " row_group_size 65536, dictionary_size_limit 1000"
)
"""A quarter less work than DuckDB's own defaults and smaller files; the model that writes new rows is told the same. A
column of more words than the limit is written without dictionary, which would be found in vain."""

ROWS_SORTED_AT_ONCE: Final = 1_000_000
"""New rows beyond this become several segments, one landed after the other: sorting them together would spill."""
NEW_SEGMENT_PREFIX: Final = f"{TEMPORARY_PREFIX}new-"
_NEW_SEGMENT_SUFFIX: Final = "-new.parquet"

# As the model `int_requests_priced` sorts. A stable order: equal rows give equal bytes, and a workspace's period is
# found by row-group statistics.
_ORDER: Final = "workspace_id, requested_at, file_seq, file_row_number"


class Segment(msgspec.Struct, frozen=True):
    """One immutable file of `int_requests_priced` rows.

    Attributes:
        name: file name, the first 32 hex digits of the digest and `.parquet`.
        sha256: digest of its bytes, hex.
        row_count: rows in it.
        level: size tier, 0 is the smallest.
    """

    name: str
    sha256: str
    row_count: int
    level: int


def tier(row_count: int) -> int:
    """Return the size tier of a segment with this many rows."""
    level, limit = 0, SMALLEST_TIER_ROWS
    while row_count >= limit:
        level, limit = level + 1, limit * TIER_FACTOR
    return level


def new_segment_files(home: Home) -> list[Path]:
    """Return the files with new rows that the models of this build wrote, in the order they were written."""
    found = home.segments.glob(f"{NEW_SEGMENT_PREFIX}*{_NEW_SEGMENT_SUFFIX}")
    return sorted(found, key=lambda path: int(path.name[len(NEW_SEGMENT_PREFIX) : -len(_NEW_SEGMENT_SUFFIX)]))


def write_segment(connection: duckdb.DuckDBPyConnection, home: Home, select: str) -> Segment:
    """Write the rows of a query as one segment, durably.

    Args:
        connection: where the query runs.
        home: where segments lie.
        select: SQL of the rows.

    Returns:
        The segment; it may be empty and carries the columns all the same.

    Raises:
        duckdb.Error: as DuckDB says.
        OSError: the file could not be made durable.
    """
    home.segments.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(home.segments / "segment.parquet")
    try:
        connection.execute(f"copy (from ({select}) order by {_ORDER}) to {quoted(temporary)} ({FILE_OPTIONS})")
        return adopt_segment(connection, home, temporary)
    finally:
        temporary.unlink(missing_ok=True)


def adopt_segment(connection: duckdb.DuckDBPyConnection, home: Home, path: Path) -> Segment:
    """Make a sorted file of the segments' folder a segment, durably.

    Args:
        connection: counts the rows.
        home: where segments lie.
        path: the file; it is renamed.

    Returns:
        The segment; it may be empty and carries the columns all the same.

    Raises:
        duckdb.Error: as DuckDB says.
        OSError: the file could not be made durable.
    """
    copied = connection.execute(f"select count(*) from read_parquet({quoted(path)})").fetchall()  # noqa: S608 - our own file
    digest = sha256_of_file(path)
    name = f"{digest[:32]}.parquet"
    move_durably(path, home.segments / name)
    row_count = int(copied[0][0])
    return Segment(name, digest, row_count, tier(row_count))


def merge_segments(connection: duckdb.DuckDBPyConnection, home: Home, segments: Sequence[Segment]) -> list[Segment]:
    """Merge segments of one size until no size has more than a handful.

    Args:
        connection: where merging runs.
        home: where segments lie; the merged files stay until no snapshot names them.
        segments: what a build is made of.

    Returns:
        Segments with the same rows.
    """
    kept = [one for one in segments if one.row_count > 0] or list(segments[:1])
    while group := _mergeable(kept):
        files = ", ".join(quoted(home.segments / one.name) for one in group)
        merged = write_segment(connection, home, f"from read_parquet([{files}])")
        kept = [one for one in kept if one not in group] + [merged]
    return sorted(kept, key=lambda one: (-one.level, one.name))


def _mergeable(segments: Sequence[Segment]) -> list[Segment]:
    """Return the smallest size's segments when there are enough of them, else none."""
    tiers: defaultdict[int, list[Segment]] = defaultdict(list)
    for one in segments:
        if one.row_count < NEVER_MERGED_ROWS:
            tiers[one.level].append(one)
    crowded = [level for level, group in tiers.items() if len(group) >= SEGMENTS_PER_TIER]
    return tiers[min(crowded)] if crowded else []
