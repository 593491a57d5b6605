"""The process that keeps the analysis up to date: `python -m pipelines.analysis --home DIR [--once]`.

Belongs here: options, signals, and giving way to everything else on the machine. Does not belong here: when to analyse
(`pipelines.analysis.loop`), to read bills (`pipelines.billing.reading_loop`) and to export (`pipelines.exports.loop`).

A process of its own, because dbt runs one invocation at a time per process and the refresh must never wait for it, nor
for a provider that answers slowly: bills are read, and scheduled exports written, in threads beside the analysis.
"""

from __future__ import annotations

import argparse
import json
import logging
import logging.config
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Final

from pipelines.analysis.build import opened_build
from pipelines.analysis.loop import POLL_SECONDS, keep_analysed
from pipelines.analysis.run import AnalysisFailed, analyse
from pipelines.billing.reading_loop import keep_bills_read
from pipelines.exports.loop import keep_exported
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.logs import log_settings

NICENESS: Final = 19
"""The API and the refresh come first: at 10 an analysis made a refresh beside it half as long again."""
STOP_SECONDS: Final = 5.0
"""So long an analysis, or a provider's answer, that is under way may go on after the process was told to stop."""


def main(arguments: list[str] | None = None) -> int:
    """Run the loop until SIGTERM or SIGINT, or one analysis.

    Returns:
        The exit code: 0 after a clean stop; 1 when the one analysis failed, and says why on stderr, or a loop ended.

    Raises:
        SystemExit: an option or `$HALTON_LOG_LEVEL` is wrong, with code 2.
    """
    parser = argparse.ArgumentParser(prog="python -m pipelines.analysis", description="Keep the analysis up to date.")
    parser.add_argument("--home", type=Path, default=None, help="home folder; default $HALTON_HOME or ./.halton")
    parser.add_argument("--once", action="store_true", help="build it once if anything changed, and print what it is")
    parser.add_argument("--sources", type=Path, help="only make this database with what models read")
    options = parser.parse_args(arguments)
    home = Home.locate(options.home)
    try:
        logging.config.dictConfig(log_settings())
    except ValueError as fault:
        parser.error(str(fault))
    if options.sources is not None:
        return _sources(home, options.sources)
    return _once(home) if options.once else _loop(home)


def _once(home: Home) -> int:
    os.nice(NICENESS)
    engine = open_database(home.database_url)
    try:
        result = analyse(home, engine, SystemClock())
    except AnalysisFailed as fault:
        print(f"the analysis failed: {fault}", file=sys.stderr)  # noqa: T201 - its answer
        return 1
    finally:
        engine.dispose()
    told = result and {
        "analysis_id": result.analysis_id,
        "build_id": result.build_id,
        "is_new": result.is_new,
        "seconds": round(result.seconds, 3),
    }
    print(json.dumps(told))  # noqa: T201 - its answer
    return 0


def _sources(home: Home, database: Path) -> int:
    engine = open_database(home.database_url)
    try:
        with opened_build(home, engine, SystemClock()) as build:
            shutil.move(build.lay_sources(), database)
    finally:
        engine.dispose()
    return 0


def _loop(home: Home) -> int:
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    os.nice(NICENESS)
    engine = open_database(home.database_url)
    given = (home, engine, SystemClock(), stop)
    loops = [
        threading.Thread(target=keep_analysed, args=given, name="analysis"),
        threading.Thread(target=keep_bills_read, args=given, name="bills"),
        threading.Thread(target=keep_exported, args=given, name="exports"),
    ]
    for loop in loops:
        loop.start()
    parent = os.getppid()
    # Joined with a timeout: a plain join would keep Python from handling signals.
    while all(loop.is_alive() for loop in loops) and not stop.is_set():
        loops[0].join(timeout=POLL_SECONDS)
        if os.getppid() != parent:  # the server beside us was killed: nobody would ever stop us
            stop.set()
    was_told = stop.is_set()
    stop.set()
    deadline = time.monotonic() + STOP_SECONDS
    for loop in loops:
        loop.join(timeout=max(0.0, deadline - time.monotonic()))
    if any(loop.is_alive() for loop in loops):
        # An analysis half-way is worth nothing, and whoever comes next deletes it; a bill half-way was not written.
        os._exit(0 if was_told else 1)
    engine.dispose()
    return 0 if was_told else 1


if __name__ == "__main__":
    sys.exit(main())
