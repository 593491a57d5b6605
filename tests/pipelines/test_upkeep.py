"""Background compaction: when it looks for work, how it gives way, and what it does after a failure."""

from __future__ import annotations

import fcntl
import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines import sliced_work
from pipelines.compaction.published import PublishedState
from pipelines.compaction.upkeep import AFTER_A_FAILURE, DAMAGED_LEFT_ALONE, LOOK_AGAIN, SHORTEST_PAUSE, Upkeep
from pipelines.lake.landing import ORPHAN_GRACE
from pipelines.lake.paths import Home
from tests.conftest import on_sqlite
from tests.pipelines.lake_builder import Lake, calls
from tests.pipelines.stored_rows import files_on_disk, live_files, stored_rows

pytestmark = on_sqlite


@pytest.fixture
def lake(home: Home, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Three files of yesterday that are said to be published, and nothing that is told to Dagster."""
    made = Lake.at(home, engine)
    made.people()
    for number in range(3):
        made.land(made.acme, made.laptop, calls(4, f"{number}-"))
    made.clock.advance(timedelta(days=1))
    home.marts.mkdir()
    publish(home, "one")
    monkeypatch.setattr("pipelines.compaction.run.published_state", lambda _: PublishedState(10**9, {}))
    monkeypatch.setattr("pipelines.assets.compaction.report_compaction", lambda *_: None)
    return made


def publish(home: Home, build: str) -> None:
    home.current_pointer.with_name("next").write_text(build)
    home.current_pointer.with_name("next").replace(home.current_pointer)


def until_idle(upkeep: Upkeep) -> int:
    """Step until there is no more to do at once, and return how many steps that took."""
    steps = 1
    while upkeep.step():
        steps += 1
    return steps


def test_nothing_is_looked_at_before_the_first_build(lake: Lake) -> None:
    lake.home.current_pointer.unlink()
    assert not Upkeep(lake.home, lake.engine, lake.clock).step()
    assert len(live_files(lake.engine)) == 3


def test_work_is_done_in_slices_between_which_others_get_the_lock(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored_rows(lake.home, lake.engine)
    upkeep = Upkeep(lake.home, lake.engine, lake.clock)
    real = sliced_work.go_on
    monkeypatch.setattr(sliced_work, "go_on", lambda work, home: real(work, home, seconds=0))
    steps = 0
    while upkeep.step():
        steps += 1
        lock = os.open(lake.home.refresh_lock, os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises when it is held
        os.close(lock)
    assert steps > 5
    assert len(live_files(lake.engine)) == 1
    assert stored_rows(lake.home, lake.engine) == before


def test_a_merge_that_was_under_way_leaves_nothing_when_the_refresher_stops(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_on_disk(lake.home)
    upkeep = Upkeep(lake.home, lake.engine, lake.clock)
    real = sliced_work.go_on
    monkeypatch.setattr(sliced_work, "go_on", lambda work, home: real(work, home, seconds=0))
    while not [path for path in files_on_disk(lake.home) if path.endswith(".part")]:
        assert upkeep.step()
    upkeep.close()
    assert files_on_disk(lake.home) == files


def test_work_is_looked_for_after_a_build_and_every_ten_minutes(lake: Lake) -> None:
    upkeep = Upkeep(lake.home, lake.engine, lake.clock)
    until_idle(upkeep)
    replaced = len(files_on_disk(lake.home)) - 1
    yesterday = lake.clock.now() - timedelta(days=1)
    lake.land(lake.acme, lake.laptop, calls(1, "late"), received_at=yesterday)
    until_idle(upkeep)
    assert len(live_files(lake.engine)) == 2  # not published yet, as far as it knows
    publish(lake.home, "two")
    until_idle(upkeep)
    assert len(live_files(lake.engine)) == 2  # builds may follow each other quickly
    lake.clock.advance(SHORTEST_PAUSE)
    until_idle(upkeep)
    assert len(live_files(lake.engine)) == 1
    lake.clock.advance(LOOK_AGAIN + ORPHAN_GRACE)
    until_idle(upkeep)
    assert replaced == 3
    assert files_on_disk(lake.home) == live_files(lake.engine)


def test_a_failure_is_logged_and_tried_again_later(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    upkeep = Upkeep(lake.home, lake.engine, lake.clock)

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        assert until_idle(upkeep) >= 1
    assert "compaction failed and will be tried again" in caplog.text
    assert not upkeep.step()
    assert len(live_files(lake.engine)) == 3
    lake.clock.advance(AFTER_A_FAILURE)
    until_idle(upkeep)
    assert len(live_files(lake.engine)) == 1


def test_a_damaged_group_is_named_once_an_hour(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    victim: Path = lake.home.landing / lake.landed_path(2)
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-9])
    upkeep = Upkeep(lake.home, lake.engine, lake.clock)
    for _ in range(3):
        until_idle(upkeep)
        lake.clock.advance(LOOK_AGAIN)
    assert caplog.text.count(f"{victim.name} is damaged") == 1
    victim.write_bytes(whole)
    lake.clock.advance(DAMAGED_LEFT_ALONE)
    until_idle(upkeep)
    assert len(live_files(lake.engine)) == 1
