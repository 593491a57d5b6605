"""A refresh killed at any instant: readers keep a whole build, the next refresh heals; and eight of them at once."""

from __future__ import annotations

import logging
import random
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.publish import newest_build_id
from pipelines.snapshot_cleanup import SNAPSHOTS_KEPT, SUPERSEDED_KEPT, clean_marts
from tests.faults.builds.landed_totals import LandedCalls, shown, shown_afresh, unnamed_files
from tests.faults.builds.nursery import Ended, Nursery, Order, nursery
from tests.pipelines.lake_builder import Lake, calls

_log = logging.getLogger(__name__)

KILLS = {"refresher": 2, "dagster": 2, "publish": 2}
LONG_KILLS = {"refresher": 34, "dagster": 33, "publish": 33}
KILLS_BETWEEN_HEALS = 2
TOO_LATE = "ended before the kill"
TRIES = 4
SOONER = 0.7
"""What a kill's moment is multiplied by after every attempt that ended before it."""
BUILDERS = 8
# A build goes on for as long as it takes; what lands meanwhile lands in so many files.
FILES_DURING_BUILDS = 12


@dataclass
class Killed:
    """A home under a warm nursery, and what landed in it."""

    lake: Lake
    nursery: Nursery
    landed: LandedCalls
    seconds: float = 0.0
    publish_seconds: float = 0.0
    states: list[str] = field(default_factory=list[str])

    def land(self, count: int = 3) -> None:
        self.landed.land(self.lake, calls(count, f"file {self.landed.newest + 1} call "))

    def heal(self) -> None:
        """Refresh to the end: exact, up to date, nothing left over."""
        (ended,) = self.nursery.run(Order())
        assert ended.code == 0
        self.measured(ended)
        now = shown_afresh(self.lake.home)
        assert now.max_file_seq == self.landed.newest
        assert now.is_exactly(self.landed.up_to(now.max_file_seq)), now
        assert unnamed_files(self.lake.home) == []

    def kill(self, way: str, point: float) -> None:
        """Kill one attempt at a point of its way (0 its begin, 1 its usual end) and hold what readers see to account.

        Args:
            way: `refresher`, `dagster`, or `publish`: a refresh, the point being one of publishing alone.
            point: share of the usual time.
        """
        for number in range(TRIES):
            before = shown_afresh(self.lake.home)
            self.land()
            if way == "publish":
                order = Order(kill_after=point * SOONER**number * self.publish_seconds, from_publish=True)
            else:
                order = Order(way=way, kill_after=point * SOONER**number * self.seconds)
            (ended,) = self.nursery.run(order)
            after = shown_afresh(self.lake.home)
            assert ended.code in (0, -signal.SIGKILL)
            assert after.max_file_seq in (before.max_file_seq, self.landed.newest)
            assert after.is_exactly(self.landed.up_to(after.max_file_seq)), (way, point, after)
            if ended.code:
                self.states.append("new" if after.max_file_seq == self.landed.newest else "old")
                return
            # The machine had more time for this one than for the one it was measured by.
            self.measured(ended)
        self.states.append(TOO_LATE)

    def measured(self, ended: Ended) -> None:
        """Take a child that built and published by itself for the usual one."""
        if ended.publish_seconds is not None:
            self.seconds, self.publish_seconds = ended.seconds, ended.publish_seconds


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[Killed]:
    home = Home(tmp_path_factory.mktemp("killed") / "home")
    home.root.mkdir()
    shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        engine = open_database(home.database_url)
        lake, landed = Lake.at(home, engine), LandedCalls()
        lake.people()
        landed.land(lake, calls(60, "first"))
        with nursery(home) as warm:
            yield Killed(lake, warm, landed)
        engine.dispose()


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Fixed dice; in the long form others each time, their seed logged."""
    seed = random.randrange(2**32) if request.config.getoption("--long") else 1
    _log.info("seed %d", seed)
    return random.Random(seed)


def test_killed_at_any_point_readers_keep_a_whole_build_and_the_next_refresh_heals(
    killed: Killed, dice: random.Random, request: pytest.FixtureRequest
):
    kills = LONG_KILLS if request.config.getoption("--long") else KILLS
    killed.land()
    killed.heal()
    for way, count in kills.items():
        for number in range(count):
            killed.kill(way, (number + dice.random()) / count)
            if (number + 1) % KILLS_BETWEEN_HEALS == 0 or number + 1 == count:
                killed.heal()
    _log.info("%s", {state: killed.states.count(state) for state in sorted(set(killed.states))})
    assert killed.states.count(TOO_LATE) <= sum(kills.values()) // 2
    # What was superseded goes when its time is over.
    later = SystemClock().now() + SUPERSEDED_KEPT + timedelta(minutes=1)
    clean_marts(killed.lake.home, later)
    assert len(list(killed.lake.home.marts.glob("marts-*.duckdb"))) == SNAPSHOTS_KEPT
    assert unnamed_files(killed.lake.home) == []


def test_eight_builds_at_once_go_one_after_another_while_rows_land(killed: Killed):
    home = killed.lake.home
    killed.land()
    seen = {shown_afresh(home).build_id}
    killed.nursery.give(Order(children=BUILDERS))
    done = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        reader, last = SnapshotReader(home), False
        while not last:
            last = done.wait(0.05)  # what was published last is read too, however long the reads before it took
            now = shown(reader)
            seen.add(now.build_id)
            if not now.is_exactly(killed.landed.up_to(now.max_file_seq)):
                wrong.append(now)
        reader.close()

    watching = threading.Thread(target=read)
    watching.start()
    for _ in range(FILES_DURING_BUILDS):
        killed.land(2)
        done.wait(0.5)
    ended = killed.nursery.taken()
    done.set()
    watching.join()
    assert [one.code for one in ended] == [0] * BUILDERS
    assert wrong == []
    assert len(seen) > 1
    builds = sorted(one.building for one in ended)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(builds))
    killed.land()
    killed.heal()
    assert newest_build_id(home) == shown_afresh(home).build_id
