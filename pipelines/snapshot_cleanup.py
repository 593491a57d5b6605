"""Deleting snapshots, segments and parts of roll-ups that nobody needs any more.

Belongs here: how long a superseded snapshot stays, and which segments, row files and parts are still named. Does not
belong here: landing files and anything else that cannot be rebuilt.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from pipelines.durable_files import TEMPORARY_PREFIX, remove_leftovers
from pipelines.lake.catalog import build_instant
from pipelines.lake.paths import Home
from pipelines.lake.row_files import rows_name
from pipelines.lake.snapshot_lease import builds_that_stay
from pipelines.publish import snapshot_files
from pipelines.row_files import remove_unless_in_use

SNAPSHOTS_KEPT: Final = 5
SUPERSEDED_KEPT: Final = timedelta(minutes=10)
"""A query that began just before a swap has this long to read its segments."""


def expired_builds(build_ids: Sequence[str], now: datetime) -> list[str]:
    """Return the builds whose snapshots may go.

    Args:
        build_ids: of all snapshots on disk.
        now: aware UTC.

    Returns:
        Ids, oldest first: neither among the newest five nor superseded within the last ten minutes.
    """
    ordered = sorted(build_ids)
    superseded_at = {older: build_instant(newer) for older, newer in pairwise(ordered)}
    candidates = ordered[:-SNAPSHOTS_KEPT]
    return [one for one in candidates if now - superseded_at[one] >= SUPERSEDED_KEPT]


def clean_marts(home: Home, now: datetime) -> int:
    """Delete expired snapshots, leftovers of dead runs, and what no snapshot names. Only under the refresh lock.

    Returns:
        How many files were deleted.
    """
    deleted = remove_leftovers(home.marts) + remove_leftovers(home.roll_up_parts)
    deleted += remove_leftovers(home.segments, remove_unless_in_use)
    snapshots = {path.stem.removeprefix("marts-"): path for path in home.marts.glob("marts-b*.duckdb")}
    needed = builds_that_stay(home)
    for build_id in (one for one in expired_builds(list(snapshots), now) if one not in needed):
        snapshots.pop(build_id).unlink(missing_ok=True)
        deleted += 1
    named = frozenset[str]().union(*(_names(home.root, path.name) for path in snapshots.values()))
    for folder in (home.segments, home.roll_up_parts):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in named and not path.name.startswith(TEMPORARY_PREFIX):
                path.unlink(missing_ok=True)
                deleted += 1
    return deleted


@lru_cache(maxsize=4096)
def _names(root: Path, file: str) -> frozenset[str]:
    """Return the files a snapshot names, row files included; a snapshot never changes: it is opened once."""
    files = snapshot_files(Home(root), file)
    if files is None:
        return frozenset()
    segments = [one.name for one in files.segments]
    return frozenset([*segments, *map(rows_name, segments), *(one.name for one in files.parts)])
