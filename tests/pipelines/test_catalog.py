from __future__ import annotations

import itertools
import os
import threading
import time
from pathlib import Path

import duckdb
import pytest

from pipelines.lake.catalog import SnapshotReader, read_pointer
from pipelines.lake.paths import Home
from pipelines.lake.read_cursor import NotReadingError
from pipelines.publish import (
    Publication,
    move_pointer,
    newest_build_id,
    publish,
    snapshot_name,
    snapshot_segments,
)
from tests.pipelines.lake_builder import NOON, Lake, calls
from tests.pipelines.published import ask, everything
from tests.pipelines.published_parts import as_published_by_an_earlier_release


def test_nothing_published_is_no_snapshot(tmp_path: Path) -> None:
    assert SnapshotReader(Home(tmp_path)).current() is None


@pytest.mark.parametrize(
    "sql",
    [
        "create table made_up (a int)",
        "insert into marts.build_info select * from marts.build_info",
        "drop view fct_requests",
        "set threads = 4",
        "detach marts",
        "attach '/tmp/other.duckdb'",
        "copy (select 1) to '{segments}/evil.parquet'",
        "select 1; drop view fct_requests",
        "install httpfs",
        "call pragma_version()",
    ],
)
def test_only_reading_statements_pass(lake: Lake, sql: str) -> None:
    with pytest.raises(NotReadingError):
        ask(lake.home, sql.format(segments=lake.home.segments))
    assert ask(lake.home, "select count(*) from fct_requests") == [(120,)]


@pytest.mark.parametrize(
    "source",
    ["read_text('/etc/passwd')", "'{home}/exports/workspaces.parquet'", "glob('/*')", "read_csv('/proc/self/environ')"],
)
def test_nothing_outside_the_lake_can_be_read(lake: Lake, source: str) -> None:
    with pytest.raises(duckdb.PermissionException):
        ask(lake.home, f"select * from {source.format(home=lake.home.root)}")


def test_a_lease_outlives_the_swap_and_the_reader(lake: Lake) -> None:
    reader = SnapshotReader(lake.home)
    first = reader.current()
    assert first is not None
    cursor = first.cursor()
    publish_copy(lake.home, "b20300101T000000-00000000")
    second = reader.current()
    assert second is not None
    assert first.build_id < second.build_id
    reader.close()
    assert cursor.execute("select build_id from build_info").fetchall() == [(first.build_id,)]
    first.close()
    first.close()
    assert cursor.execute("select count(*) from fct_requests").fetchall() == [(120,)]
    with pytest.raises(ValueError, match="closed"):
        first.cursor()
    with second:
        assert second.cursor().execute("select rows_total from build_info").fetchone() == (120,)


def test_a_damaged_new_snapshot_leaves_the_last_good_one_served(lake: Lake) -> None:
    reader = SnapshotReader(lake.home)
    good = reader.current()
    assert good is not None
    (lake.home.marts / "marts-b20300101T000000-00000000.duckdb").write_bytes(b"not a database")
    move_pointer(lake.home, "b20300101T000000-00000000")
    still = reader.current()
    assert still is not None
    assert still.build_id == good.build_id
    lake.home.current_pointer.write_text("{}")
    assert reader.current() is not None
    assert SnapshotReader(lake.home).current() is None


def test_a_pointer_out_of_the_marts_folder_is_refused(lake: Lake) -> None:
    lake.home.current_pointer.write_text('{"build_id": "b1", "file": "../app.sqlite"}')
    with pytest.raises(ValueError, match="outside"):
        read_pointer(lake.home)


def test_instants_and_the_data_as_of_are_utc(lake: Lake) -> None:
    with SnapshotReader(lake.home).current() as snapshot:  # pyright: ignore[reportOptionalContextManager]
        assert snapshot.data_as_of == NOON
        assert (snapshot.max_file_seq, snapshot.rows_total) == (1, 120)


def test_every_cursor_has_the_settings_of_its_snapshot(lake: Lake) -> None:
    settings = "select current_setting('TimeZone'), current_setting('parquet_metadata_cache')"
    assert ask(lake.home, settings) == [("UTC", True)]


def test_sums_without_devices_are_those_with_them(lake: Lake) -> None:
    by = "workspace_id, local_day, project, provider, model, spend_kind, withheld_reason"
    sums = "sum(requests), sum(cost_priced_picousd), sum(input_tokens)"
    with_devices = ask(lake.home, f"select {by}, {sums} from mart_spend_daily group by all order by all")
    without = ask(lake.home, f"select {by}, {sums} from spend_daily_without_devices group by all order by all")
    assert without == with_devices
    assert len(without) == ask(lake.home, "select count(*) from spend_daily_without_devices")[0][0]


def test_a_snapshot_of_an_earlier_release_answers_all_the_same(lake: Lake) -> None:
    before = everything(lake.home)
    as_published_by_an_earlier_release(lake.home)
    assert everything(lake.home) == before
    assert ask(lake.home, "select sum(requests) from spend_daily_without_devices") == [(120,)]


def test_readers_during_swaps_never_see_two_builds_mixed(lake: Lake) -> None:
    """Eight readers while the pointer goes to and fro between a build of 120 rows and one of 121."""
    from pipelines.refresh import refresh

    old = read_pointer(lake.home)
    lake.land(lake.acme, lake.laptop, calls(1, "more"))
    new = refresh(lake.home, lake.engine, lake.clock)
    assert old is not None
    rows = {old.build_id: 120, new.build_id: 121}
    reader, stop = SnapshotReader(lake.home), threading.Event()
    seen: list[str] = []
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            snapshot = reader.current()
            assert snapshot is not None
            with snapshot, snapshot.cursor() as cursor:
                told = cursor.execute("select build_id, rows_total from build_info").fetchall()[0]
                mart = cursor.execute("select sum(requests) from mart_spend_daily").fetchall()[0][0]
                facts = cursor.execute("select count(*) from fct_requests").fetchall()[0][0]
            seen.append(told[0])
            if told != (snapshot.build_id, rows[snapshot.build_id]) or {mart, facts} != {told[1]}:
                wrong.append((snapshot.build_id, told, mart, facts))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    for number in itertools.count():
        if number >= 40 and (set(seen) == set(rows) or time.monotonic() > deadline):
            break
        move_pointer(lake.home, old.build_id if number % 2 else new.build_id)
        stop.wait(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert set(seen) == set(rows)


def publish_copy(home: Home, build_id: str) -> None:
    """Publish the warehouse once more, whole, under another id."""
    before = newest_build_id(home)
    assert before is not None
    segments = snapshot_segments(home, snapshot_name(before))
    assert segments is not None
    publish(home, home.warehouse, Publication(build_id, NOON, segments, 1, "v"))
    assert os.path.exists(home.marts / f"marts-{build_id}.duckdb")  # noqa: PTH110
