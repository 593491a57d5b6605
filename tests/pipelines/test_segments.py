from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines import segments
from pipelines.durable_files import TEMPORARY_PREFIX, remove_leftovers, sha256_of_file
from pipelines.lake.paths import Home
from pipelines.segments import Segment, merge_segments, tier, write_segment


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def rows(start: int, count: int) -> str:
    return (
        "select uuid() as request_id, (i % 3)::varchar as workspace_id,"
        " timestamp '2026-01-01' + to_seconds(i) as requested_at,"
        f" i as file_seq, 0 as file_row_number from range({start}, {start + count}) as numbers(i)"
    )


def test_a_segment_is_named_by_its_content_and_sorted(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    home = Home(tmp_path)
    one = write_segment(connection, home, rows(0, 1000))
    path = home.segments / one.name
    assert sha256_of_file(path) == one.sha256
    assert one.name == f"{one.sha256[:32]}.parquet"
    assert one.row_count == 1000
    read = connection.execute(f"select workspace_id, requested_at from '{path}'").fetchall()
    assert read == sorted(read)


def test_the_number_of_segments_stays_bounded_and_no_row_is_lost(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    monkeypatch.setattr(segments, "SMALLEST_TIER_ROWS", 20)
    monkeypatch.setattr(segments, "TIER_FACTOR", 3)
    monkeypatch.setattr(segments, "SEGMENTS_PER_TIER", 3)
    kept: list[Segment] = []
    written = 0
    for number in range(40):
        kept = merge_segments(connection, home, [*kept, write_segment(connection, home, rows(number * 7, 7))])
        written += 7
        assert sum(one.row_count for one in kept) == written
        assert len(kept) <= 2 * 5
    files = [str(home.segments / one.name) for one in kept]
    found = connection.execute("select count(distinct file_seq) from read_parquet($1)", [files]).fetchall()
    assert found == [(written,)]


def test_an_empty_segment_carries_the_columns_and_goes_once_there_are_rows(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    empty = write_segment(connection, home, rows(0, 0))
    assert merge_segments(connection, home, [empty, empty]) == [empty]
    full = write_segment(connection, home, rows(0, 3))
    assert merge_segments(connection, home, [empty, full]) == [full]


def test_large_segments_are_left_alone() -> None:
    assert [tier(rows) for rows in (0, 8_191, 8_192, 65_536, 16_000_000)] == [0, 0, 1, 2, 4]


def test_leftovers_of_dead_runs_are_removed(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY_PREFIX}x").touch()
    (tmp_path / "kept").touch()
    assert remove_leftovers(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert remove_leftovers(tmp_path / "missing") == 0
