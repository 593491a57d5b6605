"""A build of many rows becomes several segments, one after the other in time, and loses none."""

from __future__ import annotations

import duckdb
import pytest

from pipelines import publish
from pipelines.publish import Publication, PublishError, new_build_id, newest_build_id
from tests.pipelines.lake_builder import Lake
from tests.pipelines.published import ask


def publication(lake: Lake) -> Publication:
    now = lake.clock.now()
    return Publication(new_build_id(now, newest_build_id(lake.home)), now, (), 0, 1, "book")


@pytest.mark.parametrize("at_once", [1, 45, 10_000])
def test_runs_of_days_hold_every_row_once(lake: Lake, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(publish, "_ROWS_SORTED_AT_ONCE", at_once)
    monkeypatch.setattr("pipelines.segments.SEGMENTS_PER_TIER", 100)
    published = publish.publish(lake.home, lake.home.warehouse, publication(lake))
    assert (published.rows_new, published.rows_total) == (120, 120)
    assert ask(lake.home, "select count(*), count(distinct request_id) from fct_requests") == [(120, 120)]
    segments = ask(lake.home, "select count(*) from segments")[0][0]
    assert (segments > 1) == (at_once < 120)


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


def test_a_lost_row_is_still_noticed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = publish._new_rows
    monkeypatch.setattr(publish, "_ROWS_SORTED_AT_ONCE", 10)
    monkeypatch.setattr(publish, "_new_rows", lambda *given: runs(*given)[1:])
    with pytest.raises(PublishError, match="requests"):
        publish.publish(lake.home, lake.home.warehouse, publication(lake))
