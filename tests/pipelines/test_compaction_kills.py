"""Compaction killed at any step loses nothing, doubles nothing, and the next one clears up."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines.compaction import compact
from pipelines.compaction.published import PublishedState
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from tests.pipelines.lake_builder import Lake, calls
from tests.pipelines.stored_rows import files_on_disk, ledger_rows, live_files, stored_rows

# For every "home step" on a line of its input, forks a process that compacts that home, lets the grace pass and
# compacts again, and is killed by SIGKILL when it comes to that step. Steps are the calls that change what is on disk,
# before and after each. Prints how it ended.
KILLED = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pipelines.compaction import compact, run
from pipelines.compaction.published import PublishedState
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

def counted(holder, name, die_at, steps):
    real = getattr(holder, name)
    def step(*arguments, **named):
        for moment in ("before", "after"):
            if len(steps) == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            steps.append((name, moment))
            if moment == "before":
                answer = real(*arguments, **named)
        return answer
    setattr(holder, name, step)

for line in sys.stdin:
    folder, die_at = line.rsplit(" ", 1)
    child = os.fork()
    if child == 0:
        steps = []
        for holder, name in ((os, "fsync"), (os, "replace"), (os, "unlink"), (run, "record_merge")):
            counted(holder, name, int(die_at), steps)
        home = Home(Path(folder))
        engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
        clock = FixedClock(datetime(2026, 11, 21, 1, tzinfo=UTC))
        for _ in range(2):
            compact(home, engine, clock, published=PublishedState(9, {}))
            clock.advance(timedelta(hours=1))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def landed(tmp_path: Path, upgraded_sqlite: Path) -> Home:
    """A home with three landed files of one day, in two of which are rows of a merge that went before."""
    home = Home(tmp_path / "landed")
    home.root.mkdir()
    shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
    engine = opened(home)
    lake = Lake.at(home, engine)
    lake.people()
    for number in range(2):
        lake.land(lake.acme, lake.laptop, calls(3, f"{number}-"))
    compact(home, engine, FixedClock(datetime(2026, 11, 21, 0, 30, tzinfo=UTC)), published=PublishedState(9, {}))
    lake.land(lake.acme, lake.laptop, calls(4, "late"))
    engine.dispose()
    return home


def opened(home: Home) -> Engine:
    return open_database(f"sqlite:///{home.root / 'app.sqlite'}")


def test_compaction_killed_at_any_step_keeps_every_row_once_and_is_cleared_up(landed: Home, tmp_path: Path) -> None:
    engine = opened(landed)
    rows, told = stored_rows(landed, engine), ledger_rows(engine)
    engine.dispose()
    command = [sys.executable, "-c", KILLED]
    root = Path(__file__).parents[2]
    ends: list[int] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        while not ends or ends[-1] != 0:
            home = Home(tmp_path / f"home{len(ends)}")
            shutil.copytree(landed.root, home.root)
            parent.stdin.write(f"{home.root} {len(ends)}\n")
            parent.stdin.flush()
            ends.append(int(parent.stdout.readline()))
            engine = opened(home)
            assert (stored_rows(home, engine), ledger_rows(engine)) == (rows, told), len(ends)
            clock = FixedClock(LONG_AFTER)
            for _ in range(2):
                assert compact(home, engine, clock, published=PublishedState(9, {})).damaged == []
                clock.advance(timedelta(hours=1))
            assert (stored_rows(home, engine), ledger_rows(engine)) == (rows, told), len(ends)
            assert files_on_disk(home) == live_files(engine), len(ends)
            assert len(live_files(engine)) == 1
            engine.dispose()
        parent.stdin.close()
    # fsync, rename, fsync of the folder, transaction, and four files to delete, before and after each.
    assert ends == [-signal.SIGKILL] * 16 + [0]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_everything_as_it_was(
    landed: Home, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    engine = opened(landed)
    rows, files = stored_rows(landed, engine), files_on_disk(landed)

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, step, fails)
        with pytest.raises(OSError, match="No space left"):
            compact(landed, engine, FixedClock(datetime(2026, 11, 21, 1, tzinfo=UTC)), published=PublishedState(9, {}))
    assert (stored_rows(landed, engine), files_on_disk(landed)) == (rows, files)
    engine.dispose()
