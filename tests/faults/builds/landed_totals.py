"""What a lake's landed calls add up to, and what a published build says they do.

Belongs here: the sums of both sides. Does not belong here: landing and building.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipelines.durable_files import TEMPORARY_PREFIX
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.paths import Home
from pipelines.lake.row_files import rows_name
from pipelines.publish import snapshot_files
from tests.pipelines.lake_builder import Lake

Sums = tuple[int, int, int]
"""Requests, input tokens, logged millicents."""

MARTS = ("mart_spend_15min", "mart_spend_daily", "mart_spend_monthly")
_MART = "select sum(requests), sum(input_tokens), sum(cost_logged_millicents) from "
_ROWS = "select count(*), sum(input_tokens), sum(cost_logged_millicents), count(distinct request_id) from fct_requests"


@dataclass
class LandedCalls:
    """Calls landed so far, each id once, by the file they came in."""

    by_file: dict[int, list[dict[str, Any]]] = field(default_factory=dict[int, list[dict[str, Any]]])

    def land(self, lake: Lake, rows: list[dict[str, Any]]) -> None:
        """Land rows in one file and remember them."""
        self.by_file[lake.land(lake.acme, lake.laptop, rows)] = rows

    def up_to(self, file_seq: int) -> Sums:
        """Return the sums of every file up to one."""
        rows = [row for seq, held in self.by_file.items() if seq <= file_seq for row in held]
        cost = sum(row["cost_logged_millicents"] or 0 for row in rows)
        return len(rows), sum(row["input_tokens"] for row in rows), cost

    @property
    def newest(self) -> int:
        """The newest file's number."""
        return max(self.by_file)


@dataclass(frozen=True)
class Shown:
    """What one published build shows: the newest file in it, and its sums by table."""

    build_id: str
    max_file_seq: int
    rows_total: int
    sums: dict[str, Sums]
    distinct_ids: int

    def is_exactly(self, expected: Sums) -> bool:
        """Whether facts, every roll-up and the stated total agree with `expected`."""
        same = all(one == expected for one in self.sums.values())
        return same and self.rows_total == self.distinct_ids == expected[0]


def shown(reader: SnapshotReader) -> Shown:
    """Read the sums of the build in force through one lease."""
    snapshot = reader.current()
    assert snapshot is not None, "nothing is published"
    with snapshot, snapshot.cursor() as cursor:
        *facts, distinct = (int(value) for value in cursor.execute(_ROWS).fetchall()[0])
        sums: dict[str, Sums] = {"fct_requests": (facts[0], facts[1], facts[2])}
        for mart in MARTS:
            requests, tokens, cost = (int(value) for value in cursor.execute(_MART + mart).fetchall()[0])
            sums[mart] = (requests, tokens, cost)
        stated = cursor.execute("select build_id from marts.build_info").fetchall()[0][0]
        assert stated == snapshot.build_id
        return Shown(snapshot.build_id, snapshot.max_file_seq, snapshot.rows_total, sums, distinct)


def shown_afresh(home: Home) -> Shown:
    """Read the sums of the build in force as a process does that has just started."""
    reader = SnapshotReader(home)
    try:
        return shown(reader)
    finally:
        reader.close()


def unnamed_files(home: Home) -> list[str]:
    """Return what no build and no rule accounts for: leftovers of dead runs under a home's derived folders."""
    snapshots = {path.name for path in home.marts.glob("marts-b*.duckdb")}
    files = [found for file in snapshots if (found := snapshot_files(home, file)) is not None]
    named = {one.name for found in files for one in found.segments}
    known = {
        home.marts: snapshots | {"CURRENT", "segments", "roll-ups", "spill"},
        home.roll_up_parts: {one.name for found in files for one in found.parts},
        home.segments: named | {rows_name(name) for name in named},
        home.warehouse.parent: {"warehouse.duckdb", "warehouse.duckdb.wal", "refresh.lock", "spill"},
    }
    found = [path for folder, names in known.items() for path in folder.iterdir() if path.name not in names]
    found += [path for path in home.exports.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]
    return sorted(str(path.relative_to(home.root)) for path in found)
