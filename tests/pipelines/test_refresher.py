from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import refresher
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from pipelines.refresh import RefreshFailed, RefreshResult
from pipelines.refresher import Pace, keep_fresh
from tests.pipelines.lake_builder import NOON, Lake, calls
from tests.pipelines.published import ask


def test_a_change_is_due_at_once_and_an_equal_trace_is_not() -> None:
    pace = Pace()
    assert pace.is_due((1,), NOON)
    pace.succeeded((1,), NOON, seconds=2.0)
    later = NOON + timedelta(seconds=3)
    assert not pace.is_due((1,), later)
    assert not pace.is_due((2,), NOON + timedelta(seconds=1))  # the machine gets a rest as long as the build
    assert pace.is_due((2,), later)
    assert pace.is_due((1,), NOON + timedelta(hours=1))


def test_failures_back_off_up_to_five_minutes() -> None:
    pace = Pace()
    waits = [pace.failed(NOON).total_seconds() for _ in range(10)]
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 300
    assert not pace.is_due((1,), NOON + timedelta(minutes=4))
    assert pace.is_due((1,), NOON + timedelta(minutes=6))
    pace.succeeded((1,), NOON, 1.0)
    assert pace.failed(NOON).total_seconds() == 2


def test_the_loop_outlives_failures_and_says_why(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, clock = threading.Event(), FixedClock(NOON)
    outcomes = [RefreshFailed("model stg_requests failed: no space"), RuntimeError("surprise"), None]

    def refresh(*_: object) -> RefreshResult:
        outcome = outcomes.pop(0)
        clock.advance(timedelta(minutes=10))
        if outcome is not None:
            raise outcome
        stop.set()
        return RefreshResult("b1", 3, 3, 0.1)

    monkeypatch.setattr(refresher, "refresh", refresh)
    monkeypatch.setattr(refresher, "POLL_SECONDS", 0.001)
    real = Pace.failed
    monkeypatch.setattr(Pace, "failed", lambda pace, now: real(pace, now - timedelta(hours=1)))
    with caplog.at_level("INFO"):
        keep_fresh(lake.home, lake.engine, clock, stop)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "refresh failed, next try in 2 s: model stg_requests failed: no space"
    assert told[1] == "refresh failed unexpectedly, next try in 4 s"
    assert told[2] == "b1: 3 new rows in 0.1 s"


def test_the_process_logs_what_its_level_lets_through(
    home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def told(*_: object) -> None:
        log = logging.getLogger("pipelines.refresher")
        log.info("said at info")
        log.warning("said at warning")
        os.kill(os.getpid(), signal.SIGTERM)

    root, kept = logging.getLogger(), {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(refresher, "keep_fresh", told)
    seen: dict[str | None, bool] = {}
    try:
        for chosen in (None, "", "Warning", "INFO", "debug"):
            if chosen is not None:
                monkeypatch.setenv("HALTON_LOG_LEVEL", chosen)
            assert refresher.main(["--home", str(home.root)]) == 0
            errors = capfd.readouterr().err
            assert "WARNING pipelines.refresher said at warning" in errors
            seen[chosen] = "INFO pipelines.refresher said at info" in errors
        monkeypatch.setenv("HALTON_LOG_LEVEL", "loud")
        with pytest.raises(SystemExit, match="2"):
            refresher.main(["--home", str(home.root)])
        assert "HALTON_LOG_LEVEL is 'loud'; it must be one of debug, info, warning" in capfd.readouterr().err
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for one, handler in kept.items():
            signal.signal(one, handler)
    assert seen == {None: True, "": True, "Warning": False, "INFO": True, "debug": True}


def test_the_process_publishes_what_lands_and_stops_on_sigterm(lake: Lake) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.refresher", "--home", str(lake.home.root)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        lake.land(lake.acme, lake.laptop, calls(4, "live"))
        deadline = time.monotonic() + 200
        while ask(lake.home, "select rows_total from build_info") != [(124,)]:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert out == ""
    assert "4 new rows" in err
    assert "Traceback" not in err
