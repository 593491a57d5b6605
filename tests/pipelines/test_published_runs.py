"""A build of many rows becomes several segments, one landed after the other, and loses none."""

from __future__ import annotations

import duckdb
import pytest

from pipelines import publish
from pipelines.publish import Publication, new_build_id, newest_build_id, snapshot_name, snapshot_segments
from pipelines.refresh import RefreshFailed, refresh
from tests.pipelines.lake_builder import Lake, calls
from tests.pipelines.published import ask


def publication(lake: Lake) -> Publication:
    now, before = lake.clock.now(), newest_build_id(lake.home)
    assert before is not None
    segments = snapshot_segments(lake.home, snapshot_name(before))
    assert segments is not None
    return Publication(new_build_id(now, before), now, segments, 1, "book")


@pytest.mark.parametrize("at_once", [1, 45, 10_000])
def test_runs_of_files_hold_every_row_once(lake: Lake, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr("pipelines.build.ROWS_SORTED_AT_ONCE", at_once)
    monkeypatch.setattr("pipelines.segments.SEGMENTS_PER_TIER", 100)
    lake.land(lake.acme, lake.laptop, calls(50, "more"))
    published = refresh(lake.home, lake.engine, lake.clock, full=True)
    assert (published.rows_new, published.rows_total) == (170, 170)
    assert ask(lake.home, "select count(*), count(distinct request_id) from fct_requests") == [(170, 170)]
    segments = ask(lake.home, "select count(*) from segments")[0][0]
    assert (segments > 1) == (at_once < 170)


def test_sums_that_fit_eight_bytes_are_published_in_eight(lake: Lake) -> None:
    kinds = dict(
        ask(
            lake.home, "select column_name, column_type from (describe mart_spend_daily) where column_name = 'requests'"
        )
    )
    assert kinds == {"requests": "BIGINT"}


def test_sums_that_do_not_fit_are_published_whole(lake: Lake) -> None:
    huge = 2**64
    with duckdb.connect(str(lake.home.warehouse)) as warehouse:
        warehouse.execute(f"update mart_spend_daily set cost_priced_picousd = {huge}")
    publish.publish(lake.home, lake.home.warehouse, publication(lake))
    assert ask(lake.home, "select max(cost_priced_picousd) from mart_spend_daily") == [(huge,)]


def test_a_lost_segment_is_still_noticed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    found = publish.new_segment_files
    monkeypatch.setattr("pipelines.build.ROWS_SORTED_AT_ONCE", 10)
    monkeypatch.setattr(publish, "new_segment_files", lambda home: found(home)[1:])
    lake.land(lake.acme, lake.laptop, calls(50, "more"))
    with pytest.raises(RefreshFailed, match="requests"):
        refresh(lake.home, lake.engine, lake.clock, full=True)
    assert ask(lake.home, "select rows_total from build_info") == [(120,)]
