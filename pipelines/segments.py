"""Segments: the facts as immutable Parquet files, named by what is in them.

Belongs here: writing new rows as a segment, and merging small segments so that their number stays bounded. Does not
belong here: which segments make up a build (`pipelines.publish`), reading them (`pipelines.lake.catalog`), and the row
files beside them (`pipelines.row_files`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import duckdb
import msgspec

from pipelines.durable_files import move_durably, sha256_of_file, temporary_beside
from pipelines.lake.catalog import quoted
from pipelines.lake.paths import Home

SMALLEST_TIER_ROWS: Final = 8_192
TIER_FACTOR: Final = 8
SEGMENTS_PER_TIER: Final = 8
"""So many of one size are merged into one; a row is rewritten once per tier, about six times in its life."""
NEVER_MERGED_ROWS: Final = SMALLEST_TIER_ROWS * TIER_FACTOR**2
"""A segment this large (about 40 MB) stays as it is: sorting more at once would need the disk."""
_ROW_GROUP_ROWS: Final = 32_768
"""One request with all its columns costs the decoding of one row group."""

# A stable order: equal rows give equal bytes, and a workspace's period is found by row-group statistics.
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
        copied = connection.execute(
            f"copy (from ({select}) order by {_ORDER}) to {quoted(temporary)}"
            f" (format parquet, compression zstd, row_group_size {_ROW_GROUP_ROWS})"
        ).fetchall()
        digest = sha256_of_file(temporary)
        name = f"{digest[:32]}.parquet"
        move_durably(temporary, home.segments / name)
    finally:
        temporary.unlink(missing_ok=True)
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
