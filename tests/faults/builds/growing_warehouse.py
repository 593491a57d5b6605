"""Many small builds in little time, published by the product's own functions.

Belongs here: letting a built warehouse grow by single requests without dbt, and remembering what each build of it must
show. Does not belong here: readers (`swap_readers`) and the swaps themselves (the tests).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from pipelines.lake.paths import Home
from pipelines.publish import Publication, new_build_id, newest_build_id, publish, snapshot_name, snapshot_segments
from pipelines.segments import FILE_OPTIONS, NEW_SEGMENT_PREFIX
from pipelines.warehouse import FACTS
from tests.faults.builds.built_home import noon_call
from tests.faults.builds.landed_totals import MARTS, Sums
from tests.pipelines.lake_builder import NOON

MEASURES: Final = (
    "input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens", "uncached_input_tokens",
    "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "billable_output_tokens",
    "cost_logged_millicents", "cost_priced_picousd",
)  # fmt: skip
_KEY: Final = ("workspace_id", "provider", "model", "device_id", "spend_kind")
# The request at noon: a priced one of a named project, in New York's morning of the same day.
_PERIODS: Final = {
    "mart_spend_15min": f"bucket_starts_at = timestamp '{NOON:%Y-%m-%d %H:%M:%S}'",
    "mart_spend_daily": f"local_day = date '{NOON:%Y-%m-%d}'",
    "mart_spend_monthly": f"local_month = date '{NOON:%Y-%m-01}'",
}


@dataclass
class GrowingWarehouse:
    """A home's warehouse, in which `noon_call` is one of the requests.

    Attributes:
        home: where it is published.
        sums: what the newest build shows, in all workspaces.
        max_file_seq: the newest landing file, real or not.
        expected: what each build shows, by its id.
    """

    home: Home
    sums: Sums
    max_file_seq: int
    expected: dict[str, Sums] = field(default_factory=dict[str, Sums])

    def publish_next(self, now: datetime) -> str:
        """Add one request to facts and roll-ups and publish the warehouse; return the build's id."""
        before = newest_build_id(self.home)
        assert before is not None
        segments = snapshot_segments(self.home, snapshot_name(before))
        assert segments is not None
        self._grow([self.home.segments / one.name for one in segments])
        build_id = new_build_id(now, before)
        publication = Publication(build_id, now, segments, self.max_file_seq, "2026-11-01")
        published = publish(self.home, self.home.warehouse, publication)
        assert (published.rows_new, published.rows_total) == (1, self.sums[0])
        self.expected[build_id] = self.sums
        return build_id

    def _grow(self, segments: list[Path]) -> None:
        self.max_file_seq += 1
        with duckdb.connect(str(self.home.warehouse)) as connection:
            facts = [*segments, self.home.segments / f"{NEW_SEGMENT_PREFIX}1-new.parquet"]
            connection.execute(
                f"create or replace temp table noon as from read_parquet({[str(one) for one in segments]})"
                " where input_tokens = ? limit 1",
                [noon_call()["input_tokens"]],
            )
            connection.execute(
                "copy (select * replace (uuid() as request_id, $seq::bigint as file_seq) from noon)"
                f" to '{facts[-1]}' ({FILE_OPTIONS})",
                {"seq": self.max_file_seq},
            )
            connection.execute(f"create or replace view {FACTS} as from read_parquet({[str(one) for one in facts]})")
            grown = ", ".join(f"{one} = {one} + (select {one} from noon)" for one in MEASURES)
            same = " and ".join(f"{one} = (select {one} from noon)" for one in _KEY)
            for mart in MARTS:
                same_period = f"{same} and project = (select project from noon) and {_PERIODS[mart]}"
                sql = f"update {mart} set requests = requests + 1, {grown} where {same_period}"
                (changed,) = connection.execute(sql).fetchall()
                assert changed == (1,)
            (added,) = connection.execute("select input_tokens, cost_logged_millicents from noon").fetchall()
        self.sums = (self.sums[0] + 1, self.sums[1] + added[0], self.sums[2] + added[1])
