"""Row files torn, flipped or gone: named, never believed, made anew; requests are found all the same."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.dashboards.filters import Filters
from api.dashboards.queries import requests as queries
from api.dashboards.queries.marts import Marts
from pipelines.lake import snapshot_rows
from pipelines.lake.catalog import SnapshotReader, read_pointer
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.lake.row_files import RowFileError, rows_name
from pipelines.publish import snapshot_segments
from pipelines.refresh import refresh
from pipelines.row_file_checks import check_bytes
from pipelines.row_file_upkeep import RowFileUpkeep
from pipelines.run_history import run_history
from pipelines.segments import Segment
from pipelines.verify import verify
from tests.faults.builds.built_home import shared_built_home
from tests.pipelines.lake_builder import Lake, calls

REFRESHES = 2
FLIPS, LONG_FLIPS = 300, 10_000
FLIPS_PER_ANSWER = 10
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@dataclass
class Rows:
    """A published home whose row files are whole, and what is asked of it."""

    lake: Lake
    segments: list[Segment]
    wholes: dict[Path, bytes]
    ids: list[UUID]

    def path(self, segment: Segment) -> Path:
        return self.lake.home.segments / rows_name(segment.name)

    def answers(self, reader: SnapshotReader) -> tuple[Any, bool]:
        """Return a page and single requests as the dashboards ask for them, and whether row files answered the page."""
        snapshot = reader.current()
        assert snapshot is not None
        with snapshot:
            marts, key = Marts(snapshot), self.lake.acme
            page = queries.newest(marts, key, ALWAYS, limit=10**6)
            rows = queries.page(marts, key, ALWAYS, Filters(), limit=10**6) if page is None else page
            return (rows, [queries.one(marts, key, one) for one in self.ids]), page is not None

    def answers_afresh(self) -> tuple[Any, bool]:
        reader = SnapshotReader(self.lake.home)
        try:
            return self.answers(reader)
        finally:
            reader.close()

    def is_noticed(self, segment: Segment) -> bool:
        """Whether reading every byte ends with the file's name."""
        try:
            for _ in check_bytes(self.lake.home, segment):
                pass
        except RowFileError as fault:
            return self.path(segment).name in str(fault)
        return False

    def heal(self) -> None:
        """Let the upkeep of a refresher that has just started do what there is to do."""
        upkeep = RowFileUpkeep(self.lake.home, self.lake.clock)
        while upkeep.step():
            pass
        # Not compared byte for byte: where a value is null, what Arrow keeps in its place is anything.
        assert not any(self.is_noticed(segment) for segment in self.segments)


def damaged_in_place(path: Path, content: bytes | bytearray) -> None:
    """Change a file under whoever has it open, as a disk would."""
    with path.open("r+b") as stream:
        stream.write(content)
        stream.truncate()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[Rows]:
    """A home of several segments; every test leaves its row files whole."""
    home = Home(tmp_path_factory.mktemp("damaged-rows") / "home")
    shutil.copytree(shared_built_home(tmp_path_factory, upgraded_sqlite), home.root)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        environment.setattr(snapshot_rows, "LOOK_AGAIN_SECONDS", 0)
        engine = open_database(home.database_url)
        lake = Lake(home, engine)
        for number in range(REFRESHES):
            lake.land(lake.acme, lake.laptop, calls(150, f"rows {number} "))
            refresh(home, engine, lake.clock)
        yield found(lake)
        run_history(home).dispose()
        engine.dispose()


def found(lake: Lake) -> Rows:
    reader = SnapshotReader(lake.home)
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot, snapshot.cursor() as cursor:
        query = "select request_id from fct_requests where workspace_id = ? order by hash(request_id) limit 12"
        ids = [row[0] for row in cursor.execute(query, [UUID(lake.acme)]).fetchall()]
    reader.close()
    pointer = read_pointer(lake.home)
    assert pointer is not None
    segments = [one for one in snapshot_segments(lake.home, pointer.file) or () if one.row_count]
    rows = Rows(lake, segments, {}, ids)
    rows.wholes |= {rows.path(one): rows.path(one).read_bytes() for one in segments}
    assert len(segments) > 1
    assert len(ids) == 12
    return rows


def test_a_torn_row_file_is_named_bypassed_and_made_anew(rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    right, quick = rows.answers_afresh()
    assert quick
    for segment in rows.segments:
        path = rows.path(segment)
        whole = rows.wholes[path]
        for size in (0, 3, len(whole) // 2, len(whole) - 1):
            live = SnapshotReader(rows.lake.home)
            assert rows.answers(live) == (right, True)
            damaged_in_place(path, whole[:size])
            assert rows.is_noticed(segment), size
            assert rows.answers(live)[0] == right
            caplog.clear()
            assert rows.answers_afresh() == (right, False)
            assert path.name in caplog.text
            rows.heal()
            assert rows.answers(live) == (right, True)
            live.close()
        damaged_in_place(path, whole[: len(whole) // 2])
        # Lake fills in no chain of batches.
        differences = [one for one in verify(rows.lake.home, rows.lake.engine).differences if "chain" not in one]
        assert [one for one in differences if path.name in one or segment.name in one] == differences != []
        rows.heal()


def test_no_flipped_bit_of_a_row_file_goes_unnoticed_or_changes_an_answer(
    rows: Rows, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(request.config.getoption("--seed"))
    right, _ = rows.answers_afresh()
    bypassed = 0
    for number in range(LONG_FLIPS if request.config.getoption("--long") else FLIPS):
        segment = rows.segments[number % len(rows.segments)]
        path = rows.path(segment)
        content = bytearray(rows.wholes[path])
        bit = chance.randrange(len(content) * 8)
        content[bit // 8] ^= 1 << bit % 8
        damaged_in_place(path, content)
        assert rows.is_noticed(segment), bit
        if number % FLIPS_PER_ANSWER == 0:
            answers, quick = rows.answers_afresh()
            assert answers == right, bit
            bypassed += not quick
            rows.heal()
        damaged_in_place(path, rows.wholes[path])
    assert bypassed > 0
    assert rows.answers_afresh() == (right, True)


def test_row_files_that_are_gone_are_made_with_the_next_refresh(rows: Rows) -> None:
    right, _ = rows.answers_afresh()
    for path in rows.wholes:
        path.unlink()
    assert rows.answers_afresh() == (right, False)
    rows.lake.land(rows.lake.acme, rows.lake.laptop, calls(2, "after all were gone "))
    refresh(rows.lake.home, rows.lake.engine, rows.lake.clock)
    now = found(rows.lake)
    assert not any(now.is_noticed(segment) for segment in now.segments)
    answers, quick = now.answers_afresh()
    assert quick
    new = {one["request_id"] for one in calls(2, "after all were gone ")}
    assert [one for one in answers[0] if one.request_id not in new] == right[0]
