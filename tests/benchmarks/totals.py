"""Holding what we built against what a rival built: equal numbers, or no figure.

Belongs here: the totals that must agree and our own side of them. Does not belong here: the rivals' side (`rivals`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

MEASURES: Final = (
    "requests", "unpriced_requests", "error_requests", "cost_logged_millicents", "input_tokens", "output_tokens",
    "thinking_tokens", "cached_tokens", "cache_write_tokens",
)  # fmt: skip
DAILY_SUMS: Final = "workspace_id, local_day, project"


@dataclass(frozen=True)
class Totals:
    """What a build must agree on.

    Attributes:
        counts: rows of facts, of the quarter-hour and of the daily roll-up.
        sums: measures by (workspace, local day, project).
    """

    counts: tuple[int, int, int]
    sums: Mapping[tuple[str, str, str], tuple[int, ...]]


def totals_of(counts: Sequence[Any], rows: Sequence[Sequence[Any]]) -> Totals:
    """Return totals from the rows of two queries."""
    return Totals(
        (int(counts[0]), int(counts[1]), int(counts[2])),
        {(str(row[0]), str(row[1]), str(row[2])): tuple(int(one) for one in row[3:]) for row in rows},
    )


def our_totals(home: Home) -> Totals:
    """Return the totals of a home's published marts."""
    reader = SnapshotReader(home)
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot, snapshot.cursor() as cursor:
        counts = cursor.execute(
            "select (select count(*) from fct_requests), (select count(*) from mart_spend_15min),"
            " (select count(*) from mart_spend_daily)"
        ).fetchall()[0]
        sums = ", ".join(f"sum({one})" for one in MEASURES)
        rows = cursor.execute(f"select {DAILY_SUMS}, {sums} from mart_spend_daily group by {DAILY_SUMS}").fetchall()
    reader.close()
    return totals_of(counts, rows)


def check_equal(ours: Totals, theirs: Totals) -> None:
    """Stop when two builds of the same rows differ.

    Raises:
        AssertionError: they do; the first differences are named.
    """
    assert ours.counts == theirs.counts, f"rows of facts and roll-ups: ours {ours.counts}, theirs {theirs.counts}"
    differing = [key for key in {*ours.sums, *theirs.sums} if ours.sums.get(key) != theirs.sums.get(key)]
    assert not differing, [(key, ours.sums.get(key), theirs.sums.get(key)) for key in differing[:3]]


def zones_of(home: Home) -> dict[str, str]:
    """Return the reporting zone of each workspace by id."""
    engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
    try:
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("select id, time_zone from workspaces").all()
        return {str(workspace): str(zone) for workspace, zone in rows}
    finally:
        engine.dispose()
