"""Whatever breaks or is killed, readers keep the last good build and the next refresh heals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from pipelines.build import Build
from pipelines.dbt_runner import warm_dbt
from pipelines.durable_files import TEMPORARY_PREFIX
from pipelines.lake.catalog import SnapshotReader
from pipelines.refresh import RefreshFailed, refresh
from pipelines.run_history import run_history
from tests.pipelines.lake_builder import Lake, calls
from tests.pipelines.published import ask, build_id, everything

# For every point named on a line of its input, forks a refresh that dies by SIGKILL there, and prints how it ended.
# Importing and parsing come before the fork: they take most of a young process' time.
KILLED_REFRESHES = """
import os, signal, sys
from pipelines import build, publish
from pipelines.assets import run
from pipelines.dbt_runner import warm_dbt
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.refresh import refresh

POINTS = {
    "models built": (build, "publish"),
    "snapshot written": (publish, "move_pointer"),
    "pointer moved": (build, "record_build"),
    "fresh warehouse recorded": (build, "adopt_warehouse"),
}
home = Home.locate(sys.argv[1])
run._job(home, run.REFRESH_JOB, warm_dbt(home).project_digest(analysis=True))
for line in sys.stdin:
    point = line.strip()
    child = os.fork()
    if child == 0:
        setattr(*POINTS[point], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        refresh(home, open_database(home.database_url), SystemClock(), full=point == "fresh warehouse recorded")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def kill_at(lake: Lake) -> Iterator[Callable[[str], None]]:
    """Runs a refresh of the lake in a process of its own that is killed at a point."""
    command = [sys.executable, "-c", KILLED_REFRESHES, str(lake.home.root)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        orders, answers = parent.stdin, parent.stdout

        def kill(point: str) -> None:
            orders.write(f"{point}\n")
            orders.flush()
            assert answers.readline().strip() == str(-signal.SIGKILL)

        yield kill
        orders.close()


def test_a_refresh_killed_anywhere_leaves_a_whole_build_and_heals(lake: Lake, kill_at: Callable[[str], None]) -> None:
    before = everything(lake.home)
    lake.land(lake.acme, lake.laptop, calls(10, "second"))
    for point in ("models built", "snapshot written"):
        kill_at(point)
        assert everything(lake.home) == before
    kill_at("pointer moved")
    assert ask(lake.home, "select rows_total from build_info") == [(130,)]
    kill_at("fresh warehouse recorded")
    newest = build_id(lake.home)
    lake.land(lake.acme, lake.laptop, calls(10, "third"))
    healed = refresh(lake.home, lake.engine, lake.clock)
    assert (healed.rows_total, healed.build_id > newest) == (140, True)
    assert ask(lake.home, "select count(*), count(distinct request_id) from fct_requests") == [(140, 140)]
    derived = (lake.home.marts, lake.home.segments, lake.home.roll_up_parts, lake.home.exports)
    folders = (*derived, lake.home.warehouse.parent)
    assert [path for folder in folders for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX)] == []


def test_a_failed_blocking_test_is_named_and_the_next_refresh_heals(lake: Lake) -> None:
    before = build_id(lake.home)
    seq = lake.land(lake.acme, lake.laptop, calls(10, "second"))
    wrong = text("update landed_batches set received_count = received_count + 1 where file_seq = :seq")
    right = text("update landed_batches set received_count = received_count - 1 where file_seq = :seq")
    with lake.engine.begin() as connection:
        connection.execute(wrong, {"seq": seq})
    with pytest.raises(RefreshFailed, match=r"test rows_hold_\w*batches\w* failed: .*"):
        refresh(lake.home, lake.engine, lake.clock)
    assert build_id(lake.home) == before
    newest = run_history(lake.home).get_runs(limit=1)[0]
    assert newest.status.value == "FAILURE"
    with lake.engine.begin() as connection:
        connection.execute(right, {"seq": seq})
    assert refresh(lake.home, lake.engine, lake.clock).rows_total == 130


def test_a_failed_model_is_named_and_a_spoilt_warehouse_is_rebuilt(lake: Lake) -> None:
    spoil(lake, "alter table stg_request_repeats rename column device_id to tampered")
    lake.land(lake.acme, lake.laptop, calls(10, "second"))
    for _ in range(2):
        with pytest.raises(RefreshFailed, match=r"model \w+ failed: .+"):
            refresh(lake.home, lake.engine, lake.clock)
        assert ask(lake.home, "select rows_total from build_info") == [(120,)]
    assert refresh(lake.home, lake.engine, lake.clock).rows_total == 130


def test_a_damaged_landing_file_is_named_and_nothing_moves(lake: Lake) -> None:
    before = build_id(lake.home)
    path = lake.home.landing / lake.landed_path(lake.land(lake.acme, lake.laptop, calls(10, "torn")))
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(RefreshFailed, match=path.name):
        refresh(lake.home, lake.engine, lake.clock)
    path.unlink()
    with pytest.raises(RefreshFailed, match=f"{path.name} cannot be read"):
        refresh(lake.home, lake.engine, lake.clock)
    assert build_id(lake.home) == before


def test_a_full_build_checks_every_landing_file(lake: Lake) -> None:
    path = lake.home.landing / lake.landed_path(1)
    path.write_bytes(path.read_bytes()[:-1])
    assert refresh(lake.home, lake.engine, lake.clock).rows_new == 0  # it was checked when it was built
    with pytest.raises(RefreshFailed, match=path.name):
        refresh(lake.home, lake.engine, lake.clock, full=True)


@pytest.mark.parametrize(
    "loss", ["warehouse missing", "warehouse damaged", "snapshot missing", "segment missing", "part missing"]
)
def test_lost_files_are_noticed_before_anything_is_built_on_them(lake: Lake, loss: str) -> None:
    lose(lake, loss)
    build = Build(lake.home, lake.engine, lake.clock, warm_dbt(lake.home))
    assert build.already_published() is None
    assert build.export().plan.reason == "there is no earlier build to go on from"


def test_missing_marts_are_rebuilt_from_landed_files(lake: Lake) -> None:
    before = everything(lake.home)
    lose(lake, "snapshot missing")
    assert SnapshotReader(lake.home).current() is None
    assert refresh(lake.home, lake.engine, lake.clock).rows_total == 120
    assert everything(lake.home) == before


def lose(lake: Lake, loss: str) -> None:
    """Lose or damage a file that can be rebuilt."""
    if loss == "warehouse missing":
        lake.home.warehouse.unlink()
    elif loss == "warehouse damaged":
        os.truncate(lake.home.warehouse, 5000)
    elif loss == "snapshot missing":
        next(lake.home.marts.glob("marts-*.duckdb")).unlink()
    elif loss == "part missing":
        next(lake.home.roll_up_parts.glob("*.parquet")).unlink()
    else:
        next(lake.home.segments.glob("*.parquet")).unlink()


def spoil(lake: Lake, sql: str) -> None:
    """Change the warehouse behind the build's back."""
    import duckdb

    with duckdb.connect(str(lake.home.warehouse)) as connection:
        connection.execute(sql)
