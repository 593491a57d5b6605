"""Row files: whatever is wrong with one, it is noticed, and requests are found all the same."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from api.dashboards.queries import requests as queries
from api.dashboards.queries.marts import Marts
from pipelines.lake import snapshot_rows
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.paths import Home
from pipelines.lake.row_files import RowFile, RowFileError, rows_name
from pipelines.refresh import refresh
from pipelines.row_file_checks import check_bytes, check_row_file
from pipelines.segments import Segment
from tests.api.dashboards.test_row_look_ups import ALWAYS
from tests.pipelines.lake_builder import Lake, named_id
from tests.row_file_homes import WORKSPACES, Shape, make_row_file, publish_rows, publish_segments

SHAPE = Shape(seed=3, sizes=(700, 130), instants=50, hidden=True)
FLIPS = 150
FLIPS_ANSWERED = 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[Segment]]:
    home = Home(tmp_path_factory.mktemp("rows") / "home")
    return home, publish_rows(home, SHAPE)


@pytest.fixture
def rows(made: tuple[Home, list[Segment]], tmp_path: Path) -> tuple[Home, list[Segment]]:
    home = Home(tmp_path / "home")
    shutil.copytree(made[0].root, home.root)
    return home, made[1]


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.config.getoption("--seed"))


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_rows, "LOOK_AGAIN_SECONDS", 0)


@pytest.fixture
def reader(rows: tuple[Home, list[Segment]]) -> Iterator[SnapshotReader]:
    reader = SnapshotReader(rows[0])
    yield reader
    reader.close()


def run(work: Iterator[object]) -> int:
    return sum(1 for _ in work)


def path_of(home: Home, segment: Segment) -> Path:
    return home.segments / rows_name(segment.name)


def is_quick(reader: SnapshotReader) -> bool:
    """Whether row files answer; what they answer is compared elsewhere."""
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot:
        return snapshot.look_up(lambda one: one.by_id(WORKSPACES[0], UUID(int=0))) == (None,)


def open_files(reader: SnapshotReader) -> tuple[RowFile, ...]:
    assert reader._shared is not None
    assert reader._shared.rows.lookup is not None
    return reader._shared.rows.lookup._files


def test_a_whole_file_passes_and_holds_its_segment(rows: tuple[Home, list[Segment]]) -> None:
    home, segments = rows
    for one in segments:
        run(check_bytes(home, one))
        run(check_row_file(home, one))
        assert sum(part.end - part.first for part in RowFile(path_of(home, one), one.sha256).workspaces.values()) == (
            one.row_count
        )


def test_every_flipped_bit_and_every_cut_is_noticed(rows: tuple[Home, list[Segment]], chance: random.Random) -> None:
    home, (one, _) = rows
    path = path_of(home, one)
    whole = path.read_bytes()
    ends = [*range(8 * 8), *range(len(whole) * 8 - 24 * 8, len(whole) * 8)]
    for bit in [*chance.sample(range(len(whole) * 8), FLIPS), *ends]:
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(RowFileError):
            run(check_bytes(home, one))
    for size in (0, 1, 8, 23, 31, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(RowFileError):
            run(check_bytes(home, one))
    path.write_bytes(whole + b"\0")
    with pytest.raises(RowFileError):
        run(check_bytes(home, one))


def test_no_flipped_bit_changes_an_answer(rows: tuple[Home, list[Segment]], chance: random.Random) -> None:
    home, (one, _) = rows
    path, key = path_of(home, one), str(WORKSPACES[0])
    whole = path.read_bytes()
    fell_back = 0

    def answers() -> tuple[object, object]:
        nonlocal fell_back
        reader = SnapshotReader(home)
        snapshot = reader.current()
        assert snapshot is not None
        with snapshot:
            marts = Marts(snapshot)
            page = queries.newest(marts, key, ALWAYS, limit=10**6)
            found = [queries.one(marts, key, request_id) for request_id in ids]
        reader.close()
        fell_back += page is None
        return page, found

    snapshot = SnapshotReader(home).current()
    assert snapshot is not None
    with snapshot, snapshot.cursor() as cursor:
        query = "select request_id from fct_requests where workspace_id = ? order by hash(request_id) limit 5"
        ids = [row[0] for row in cursor.execute(query, [WORKSPACES[0]]).fetchall()]
    page, found = answers()
    assert (page is not None, fell_back) == (True, 0)
    for _ in range(FLIPS_ANSWERED):
        content = bytearray(whole)
        content[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.unlink()  # another file, as a repair or a copy would be
        path.write_bytes(content)
        now = answers()
        assert now in ((page, found), (None, found))
    assert 0 < fell_back <= FLIPS_ANSWERED


def test_the_file_of_another_segment_is_refused(rows: tuple[Home, list[Segment]]) -> None:
    home, (one, other) = rows
    shutil.copy(path_of(home, other), path_of(home, one))
    with pytest.raises(RowFileError, match="other bytes"):
        run(check_bytes(home, one))


def test_readers_take_files_up_when_they_appear_and_let_go_of_damaged_ones(
    rows: tuple[Home, list[Segment]], reader: SnapshotReader
) -> None:
    home, segments = rows
    paths = [path_of(home, one) for one in segments]
    wholes = [path.read_bytes() for path in paths]
    paths[1].unlink()
    assert not is_quick(reader)
    paths[1].write_bytes(wholes[1])
    assert is_quick(reader)
    # All blocks and batches of the open file are damaged in place, its directory is not.
    with paths[0].open("r+b") as stream:
        stream.seek(8)
        stream.write(bytes(len(wholes[0]) * 3 // 4))
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot:
        marts = Marts(snapshot)
        assert queries.newest(marts, str(WORKSPACES[0]), ALWAYS, limit=10**6) is None
    assert not is_quick(reader)
    make_row_file(home, segments[0])
    run(check_row_file(home, segments[0]))
    assert is_quick(reader)


def test_files_stay_open_from_one_build_to_the_next(rows: tuple[Home, list[Segment]], reader: SnapshotReader) -> None:
    home, segments = rows
    assert is_quick(reader)
    before = open_files(reader)
    publish_segments(home, segments, build=2)
    assert is_quick(reader)
    assert open_files(reader) == before


def test_a_request_is_found_by_id_whatever_became_of_the_row_file(lake: Lake) -> None:
    refresh(lake.home, lake.engine, lake.clock)
    (path,) = lake.home.segments.glob("*.rows")
    whole = path.read_bytes()
    for content in (whole, whole[:100], b"", None, bytes(len(whole))):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        reader = SnapshotReader(lake.home)
        snapshot = reader.current()
        assert snapshot is not None
        with snapshot:
            marts = Marts(snapshot)
            found = queries.one(marts, lake.acme, UUID(named_id("request first7")))
            assert found is not None
            assert found["input_tokens"] == 1007
            assert queries.one(marts, lake.acme, UUID(named_id("request nobody made"))) is None
            assert queries.one(marts, named_id("workspace beta"), UUID(named_id("request first7"))) is None
        reader.close()


def test_a_closed_lease_looks_nothing_up(rows: tuple[Home, list[Segment]], reader: SnapshotReader) -> None:
    snapshot = reader.current()
    assert snapshot is not None
    snapshot.close()
    with pytest.raises(ValueError, match="closed"):
        snapshot.look_up(lambda one: one.by_id(WORKSPACES[0], UUID(int=0)))


def test_open_files_are_closed_with_their_last_user(rows: tuple[Home, list[Segment]]) -> None:
    home, (one, _) = rows

    def descriptors() -> int:
        return sum(1 for link in Path("/proc/self/fd").iterdir() if _points_to(link, path_of(home, one)))

    before = descriptors()
    file = RowFile(path_of(home, one), one.sha256)
    assert descriptors() == before + 1
    del file
    assert descriptors() == before


def _points_to(link: Path, path: Path) -> bool:
    try:
        return link.readlink() == path
    except FileNotFoundError:  # the descriptor of the listing itself
        return False
