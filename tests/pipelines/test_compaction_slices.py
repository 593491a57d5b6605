"""Days of very many files: no transaction and no slice of work keeps others waiting for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipelines.compaction import CompactionResult
from pipelines.compaction import run as compaction_run
from pipelines.compaction.published import PublishedState
from pipelines.lake.landing import ORPHAN_GRACE
from pipelines.lake.landing_lease import landed_bytes_stay
from pipelines.lake.paths import Home
from tests.pipelines.lake_builder import NOON, Lake, calls
from tests.pipelines.stored_rows import files_on_disk, live_files, stored_rows
from tests.pipelines.test_compaction import MIDNIGHT, land, run


@pytest.fixture
def lake(home: Home, engine: Engine) -> Lake:
    """An empty lake with people; what is published, the tests say themselves."""
    made = Lake.at(home, engine)
    made.people()
    return made


def members(lake: Lake) -> list[int]:
    """Return how many landing files are in each compacted file in use, in landing order."""
    query = (
        "select count(*) from landed_files join compacted_files on compacted_file_id = compacted_files.file_id"
        " group by compacted_files.file_id, first_file_seq order by first_file_seq"
    )
    with lake.engine.connect() as connection:
        return [row[0] for row in connection.execute(text(query))]


def test_no_transaction_moves_more_landing_files_than_a_compacted_file_may_hold(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.compaction.plan.MOST_MEMBERS", 4)
    moved: list[int] = []
    real: Callable[..., None] = compaction_run.record_merge

    def counted(engine: Engine, merged: Any, clock: Any) -> None:
        moved.append(len(merged.members))
        real(engine, merged, clock)

    monkeypatch.setattr(compaction_run, "record_merge", counted)
    land(lake, 9)
    before = stored_rows(lake.home, lake.engine)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    assert run(lake).merges == 2
    assert (members(lake), len(live_files(lake.engine))) == ([4, 4], 3)
    assert stored_rows(lake.home, lake.engine) == before
    for count, merges in ((1, 1), (4, 2)):
        for number in range(count):
            lake.land(lake.acme, lake.laptop, calls(2, f"late {count} {number} "), received_at=NOON)
        before = stored_rows(lake.home, lake.engine)
        assert run(lake).merges == merges
        assert stored_rows(lake.home, lake.engine) == before
    # The one left alone and a late one; those two and two more, and the last two.
    assert (members(lake), moved) == ([4, 4, 4, 2], [4, 4, 2, 4, 2])
    assert run(lake).merges == 0  # files of so many are done with, however few their rows


def test_a_crowded_day_is_compacted_with_others_getting_the_lock_every_few_files(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.compaction.rows._FILES_TOGETHER", 4)
    monkeypatch.setattr("pipelines.compaction.sweep._DELETED_AT_ONCE", 3)
    land(lake, 12)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    result, published = CompactionResult(), PublishedState(10**9, {})

    def work() -> Iterator[None]:
        return compaction_run.work_of(lake.home, lake.engine, lake.clock, result, published=published)

    read: list[int] = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: [read.append(1), real(path)][1])
    seen = [0, *(len(read) for _ in work())]
    assert max(later - earlier for earlier, later in pairwise(seen)) == 1
    lake.clock.advance(ORPHAN_GRACE + timedelta(seconds=1))
    left: list[int] = []
    going = work()
    while not left or left[-1] > 8:
        next(going)
        left.append(len(files_on_disk(lake.home)))
    assert max(earlier - later for earlier, later in pairwise([13, *left])) == 3
    with landed_bytes_stay(lake.home):  # somebody comes while a folder is being cleared
        assert list(going) == []
        assert len(files_on_disk(lake.home)) == left[-1] > 1
    run(lake)
    assert files_on_disk(lake.home) == live_files(lake.engine)
