"""Row files are made after publishing, a little at a time, and come and go with their segments."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines import row_file_upkeep
from pipelines.durable_files import TEMPORARY_PREFIX
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from pipelines.lake.row_files import RowFileError, rows_name
from pipelines.refresh import refresh
from pipelines.row_file_checks import check_row_file
from pipelines.row_file_upkeep import RowFileUpkeep, complete_row_files
from pipelines.row_files import write_row_file
from pipelines.segments import Segment, write_segment
from pipelines.snapshot_cleanup import clean_marts
from pipelines.verify import verify
from tests.pipelines.lake_builder import NOON, Lake, calls
from tests.row_file_homes import Shape, publish_rows, publish_segments, rows_sql

SHAPE = Shape(seed=3, sizes=(700, 130), instants=50, hidden=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[Segment]]:
    home = Home(tmp_path_factory.mktemp("rows") / "home")
    return home, publish_rows(home, SHAPE)


@pytest.fixture
def rows(made: tuple[Home, list[Segment]], tmp_path: Path) -> tuple[Home, list[Segment]]:
    home = Home(tmp_path / "home")
    shutil.copytree(made[0].root, home.root)
    return home, made[1]


def run(work: Iterator[object]) -> int:
    return sum(1 for _ in work)


def path_of(home: Home, segment: Segment) -> Path:
    return home.segments / rows_name(segment.name)


def test_making_one_is_paused_and_resumed_with_cleaning_in_between(
    rows: tuple[Home, list[Segment]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, (one, _) = rows
    monkeypatch.setattr("pipelines.row_files._CHUNK_ROWS", 128)
    path_of(home, one).unlink()
    abandoned = home.segments / f"{TEMPORARY_PREFIX}1-dead.rows"
    abandoned.touch()
    steps = 0
    for _ in write_row_file(home, one):
        clean_marts(home, NOON)
        assert not path_of(home, one).exists()
        assert not abandoned.exists()
        steps += 1
    assert steps == 7  # six chunks, then the ids
    run(check_row_file(home, one))
    given_up = write_row_file(home, one)
    next(given_up)
    given_up.close()
    assert [path for path in home.segments.iterdir() if path.name.startswith(TEMPORARY_PREFIX)] == []


def test_upkeep_makes_what_is_missing_or_damaged_and_nothing_twice(
    rows: tuple[Home, list[Segment]], caplog: pytest.LogCaptureFixture
) -> None:
    home, segments = rows
    clock = FixedClock(NOON)
    paths = [path_of(home, one) for one in segments]
    wholes = [path.read_bytes() for path in paths]
    upkeep = RowFileUpkeep(home, clock)
    while upkeep.step():
        pass
    assert caplog.records == []
    paths[0].unlink()
    content = bytearray(wholes[1])
    content[len(content) // 2] ^= 1
    paths[1].write_bytes(content)
    assert not upkeep.step()
    assert not paths[0].exists()  # nothing was published, and it was looked at just now
    clock.advance(row_file_upkeep.LOOK_AGAIN)
    while upkeep.step():
        pass
    for one in segments:  # equal rows need not be equal bytes: what lies under a null is nobody's
        run(check_row_file(home, one))
    assert [one.message for one in caplog.records if "made anew" in one.message] != []
    inodes = [path.stat().st_ino for path in paths]
    complete_row_files(home, clock)
    assert [path.stat().st_ino for path in paths] == inodes


def test_what_cannot_be_laid_out_stays_without_and_is_left_alone_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, clock = Home(tmp_path), FixedClock(NOON)
    shape = Shape(seed=1, sizes=(), instants=5, hidden=False)
    with duckdb.connect() as connection:
        odd = write_segment(connection, home, f"select *, {{'a': 1}} as odd from ({rows_sql(shape, 0, 20)})")
    publish_segments(home, [odd])
    upkeep = RowFileUpkeep(home, clock)
    assert not upkeep.step()
    assert "odd (struct" in caplog.text
    reported = len(caplog.records)
    publish_segments(home, [odd], build=2)
    assert not upkeep.step()
    assert len(caplog.records) == reported
    clock.advance(timedelta(hours=1))
    assert not upkeep.step()
    assert len(caplog.records) == reported + 1
    assert not path_of(home, odd).exists()


@pytest.mark.parametrize("order", ["requested_at desc", "workspace_id desc, requested_at"])
def test_rows_in_another_order_are_refused(tmp_path: Path, order: str) -> None:
    home = Home(tmp_path)
    home.segments.mkdir(parents=True)
    shape = Shape(seed=1, sizes=(), instants=50, hidden=False)
    path = home.segments / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"copy (from ({rows_sql(shape, 0, 400)}) order by {order}) to '{path}'")
    with pytest.raises(RowFileError, match="order"):
        run(write_row_file(home, Segment(path.name, "0" * 64, 400, 0)))
    assert [one.name for one in home.segments.iterdir()] == ["a.parquet"]


def test_they_go_with_their_segments_and_lists_of_earlier_releases_go_too(rows: tuple[Home, list[Segment]]) -> None:
    home, (one, other) = rows
    (home.segments / f"{one.name.removesuffix('.parquet')}.ids").touch()
    for path in home.marts.glob("marts-*.duckdb"):
        path.unlink()
    publish_segments(home, [one])
    clean_marts(home, NOON)
    assert sorted(path.name for path in home.segments.iterdir()) == sorted([one.name, rows_name(one.name)])
    assert other.name != one.name


def test_a_refresh_makes_small_ones_and_survives_being_unable_to(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lake.land(lake.acme, lake.laptop, calls(5, "second"))
    refresh(lake.home, lake.engine, lake.clock)
    segments = list(lake.home.segments.glob("*.parquet"))
    assert all(path.with_suffix(".rows").is_file() for path in segments)

    def full(*_: object) -> Iterator[None]:
        raise OSError(28, "No space left on device")

    lake.land(lake.acme, lake.laptop, calls(5, "third"))
    monkeypatch.setattr(row_file_upkeep, "write_row_file", full)
    assert refresh(lake.home, lake.engine, lake.clock).rows_new == 5
    assert "No space left" in caplog.text
    monkeypatch.setattr(row_file_upkeep, "SMALL_ROWS", 0)
    monkeypatch.undo()
    assert refresh(lake.home, lake.engine, lake.clock).rows_new == 0
    assert all(path.with_suffix(".rows").is_file() for path in lake.home.segments.glob("*.parquet"))


def _flipped(path: Path, _other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def _of_other_rows(path: Path, other: Path) -> None:
    """Make a file whose every CRC holds, of rows that are not the segment's."""
    shutil.copy(other, path)


@pytest.mark.parametrize(
    ("damage", "told"),
    [(None, None), (Path.unlink, None), (_flipped, "is damaged"), (_of_other_rows, "differs from its segment")],
    ids=["whole", "missing", "flipped", "of other rows"],
)
def test_verify_tells_of_row_files_that_are_not_their_segments(
    lake: Lake, damage: Callable[..., None] | None, told: str | None, tmp_path: Path
) -> None:
    refresh(lake.home, lake.engine, lake.clock)
    (path,) = lake.home.segments.glob("*.rows")
    with duckdb.connect() as connection:
        home = Home(tmp_path / "forged")
        changed = f"select * replace (input_tokens + 1 as input_tokens) from '{path.with_suffix('.parquet')}'"
        forged = write_segment(connection, home, changed)
        (sha256,) = connection.execute(
            f"select sha256 from (select sha256(content) from read_blob('{path.with_suffix('.parquet')}')) as t(sha256)"
        ).fetchall()[0]
    run(write_row_file(home, Segment(forged.name, sha256, forged.row_count, 0)))
    if damage is Path.unlink:
        path.unlink()
    elif damage is not None:
        damage(path, path_of(home, forged))
    report = verify(lake.home, lake.engine)
    differences = [one for one in report.differences if ".rows" in one]
    assert report.checked.get("row files", 0) == (0 if damage is Path.unlink else 1)
    if told is None:
        assert differences == []
    else:
        (difference,) = differences
        assert told in difference
        assert path.name in difference
