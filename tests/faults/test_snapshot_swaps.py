"""1,000 snapshot swaps under eight readers: every answer is of one build, the old or the new, and none is an error."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, cycle
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from api.api_keys import create_api_key
from api.app import create_app
from api.audit import OPERATOR
from api.db.session import transaction
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.publish import move_pointer
from pipelines.snapshot_cleanup import SNAPSHOTS_KEPT, SUPERSEDED_KEPT, clean_marts
from tests.faults.builds.built_home import first_calls, shared_built_home
from tests.faults.builds.growing_warehouse import GrowingWarehouse
from tests.faults.builds.landed_totals import LandedCalls, shown
from tests.faults.builds.swap_readers import (
    EXPECTED_FILE,
    Tally,
    answers_so_far,
    catalog_answers,
    http_answers,
    read_until,
)
from tests.pipelines.lake_builder import NOON, named_id

_log = logging.getLogger(__name__)

SWAPS = 1000
LONG_SWAPS = 20_000
READERS = 8
# A reader opens a new build in some 40 ms; it need not meet each one, but must not be left behind either.
PAUSE_SECONDS = 0.004
SWAPS_BETWEEN_ANSWERS = 16
FEWEST_ANSWERS = 10
PATIENCE_SECONDS = 3500
BUILDS = 8
PUBLISHED_UNDER_A_LEASE = 12


@dataclass
class Swapping:
    """A home with many builds on disk."""

    home: Home
    warehouse: GrowingWarehouse
    key: str

    def swap(self, times: int, answers: Callable[[], list[int]]) -> int:
        """Point readers to one build after another, never far ahead of them, until each has met several.

        Args:
            times: at least so many swaps.
            answers: how many answers each reader has got so far.

        Returns:
            How many swaps there were.
        """
        builds, patience = cycle(self.warehouse.expected), time.monotonic() + PATIENCE_SECONDS
        for number in count():
            if number >= times and min(answers()) >= FEWEST_ANSWERS:
                return number
            before = sum(answers())
            move_pointer(self.home, next(builds))
            time.sleep(PAUSE_SECONDS)
            while number % SWAPS_BETWEEN_ANSWERS == 0 and sum(answers()) == before:
                assert time.monotonic() < patience, "nobody reads any more"
                time.sleep(0.001)
        raise AssertionError


@pytest.fixture(scope="module")
def swapping(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[Swapping]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home = Home(tmp_path_factory.mktemp("swaps") / "home")
        shutil.copytree(shared_built_home(tmp_path_factory, upgraded_sqlite), home.root)
        engine = open_database(home.database_url)
        with transaction(engine) as session:
            key = create_api_key(session, named_id("workspace acme"), name="t", actor=OPERATOR, at=NOON)
        engine.dispose()
        warehouse = GrowingWarehouse(home, LandedCalls({1: first_calls()}).up_to(1), max_file_seq=1)
        for _ in range(BUILDS):
            warehouse.publish_next(NOON)
        yield Swapping(home, warehouse, key)


@pytest.fixture
def swaps(request: pytest.FixtureRequest) -> int:
    return LONG_SWAPS if request.config.getoption("--long") else SWAPS


def test_threads_of_one_server_never_see_a_mixed_answer(swapping: Swapping, swaps: int):
    home, expected = swapping.home, swapping.warehouse.expected
    engine = open_database(home.database_url)
    app = create_app(home, engine=engine, clock=FixedClock(NOON + timedelta(minutes=5)))
    shared = SnapshotReader(home)
    tallies = [Tally() for _ in range(READERS)]
    answers = [
        http_answers(TestClient(app), swapping.key, expected, number)
        if number % 2
        else catalog_answers(shared, expected)
        for number in range(READERS)
    ]
    stop = threading.Event()
    threads = [
        threading.Thread(target=read_until, args=(stop.is_set, answer, tally))
        for answer, tally in zip(answers, tallies, strict=True)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        done = swapping.swap(swaps, lambda: [tally.answers for tally in tallies])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    hold_to_account(tallies, done, time.monotonic() - began)
    app.state.snapshots.close()
    shared.close()
    engine.dispose()


def test_processes_never_see_a_mixed_answer(swapping: Swapping, swaps: int, tmp_path: Path):
    stop = tmp_path / "stop"
    (tmp_path / EXPECTED_FILE).write_bytes(msgspec.json.encode(swapping.warehouse.expected))
    command = [
        sys.executable,
        "-m",
        "tests.faults.builds.swap_readers",
        str(swapping.home.root),
        swapping.key,
        str(stop),
    ]
    root = Path(__file__).parents[2]
    with subprocess.Popen([*command, str(READERS)], stdout=subprocess.PIPE, text=True, cwd=root) as readers:
        assert readers.stdout is not None
        assert readers.stdout.readline() == "reading\n"
        began = time.monotonic()
        try:
            done = swapping.swap(swaps, lambda: answers_so_far(tmp_path, READERS))
        finally:
            stop.touch()
        readers.wait(timeout=120)
    tallies = [msgspec.json.decode(path.read_bytes(), type=Tally) for path in tmp_path.glob("tally-*.json")]
    hold_to_account(tallies, done, time.monotonic() - began)


def hold_to_account(tallies: list[Tally], swaps: int, seconds: float) -> None:
    """Every reader read on to the end, over several builds, and met nothing wrong."""
    _log.info(
        "%d swaps in %.1f s, %d answers, %d of another build than the one before",
        swaps, seconds, sum(one.answers for one in tallies), sum(one.swaps for one in tallies),
    )  # fmt: skip
    assert [one.wrong for one in tallies] == [[]] * READERS
    assert all(one.swaps > 1 for one in tallies)


def test_a_lease_outlives_many_swaps_with_clean_up_and_files_stay_few(swapping: Swapping):
    home, warehouse = swapping.home, swapping.warehouse
    reader = SnapshotReader(home)
    now = NOON + timedelta(hours=1)
    warehouse.publish_next(now)
    lease = reader.current()
    assert lease is not None
    held = warehouse.expected[lease.build_id]
    step = SUPERSEDED_KEPT / (PUBLISHED_UNDER_A_LEASE + 1)
    for _ in range(PUBLISHED_UNDER_A_LEASE):
        now += step
        warehouse.publish_next(now)
        clean_marts(home, now)
        newest = shown(reader)
        assert newest.is_exactly(warehouse.expected[newest.build_id])
        with lease.cursor() as cursor:
            count = cursor.execute("select count(*), sum(input_tokens) from fct_requests").fetchall()[0]
            roll_up = cursor.execute("select sum(requests), sum(input_tokens) from mart_spend_daily").fetchall()[0]
        assert count == roll_up == held[:2]
    lease.close()
    clean_marts(home, now + SUPERSEDED_KEPT)
    assert len(list(home.marts.glob("marts-*.duckdb"))) == SNAPSHOTS_KEPT
    assert shown(reader).is_exactly(warehouse.sums)
    reader.close()
