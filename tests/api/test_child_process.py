"""The child beside the server: restarted when it ends, stopped with the server."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from api.child_process import kept_running

WRITES_ITS_PID = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).open('a').write(f'{os.getpid()}\\n');"


def pids(log: Path, at_least: int) -> list[int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [int(line) for line in log.read_text().splitlines()] if log.exists() else []
        if len(found) >= at_least:
            return found
        time.sleep(0.05)
    raise AssertionError("the child was not started often enough")


def test_a_child_that_ends_is_started_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "pids"
    with kept_running([sys.executable, "-c", WRITES_ITS_PID + "sys.exit(3)", str(log)], first_pause=0.01):
        assert len(set(pids(log, at_least=3))) >= 3
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("stubborn", [False, True])
def test_the_child_is_gone_when_the_block_ends(
    *, stubborn: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.child_process.STOP_WITHIN_SECONDS", 0.5)
    log = tmp_path / "pids"
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" if stubborn else ""
    with kept_running([sys.executable, "-c", ignore + WRITES_ITS_PID + "time.sleep(60)", str(log)]):
        (pid,) = pids(log, at_least=1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
