"""The long-lived loop that keeps the marts fresh: `python -m pipelines.refresher --home DIR`.

Belongs here: noticing changes, pacing, backing off after a failure, and stopping cleanly. Does not belong here: a
refresh itself (`pipelines.refresh`), row files (`pipelines.row_file_upkeep`), compaction and retention
(`pipelines.compaction.upkeep`), which go on a slice at a time whenever there is nothing to refresh.
"""

from __future__ import annotations

import argparse
import logging
import logging.config
import os
import signal
import sys
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pipelines.compaction.upkeep import Upkeep
from pipelines.lake.clock import Clock, SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.ledger_watch import Trace, database_trace
from pipelines.logs import log_settings
from pipelines.refresh import RefreshFailed, refresh
from pipelines.row_file_upkeep import RowFileUpkeep

_log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.5
LONGEST_PAUSE: Final = timedelta(seconds=2)
FIRST_BACK_OFF: Final = timedelta(seconds=2)
LONGEST_BACK_OFF: Final = timedelta(minutes=5)
IDLE_REFRESH: Final = timedelta(hours=1)
"""A refresh without any change seen: calendars grow, snapshots expire, a broken mart heals."""


@dataclass
class Pace:
    """When the next refresh is due: at once after a change, later after failures.

    Attributes:
        seen: trace of the database the last successful refresh began with.
        not_before: no refresh before this instant.
        idle_until: a refresh is due then even without a change.
        failures: refreshes failed in a row.
    """

    seen: Trace | None = None
    not_before: datetime | None = None
    idle_until: datetime | None = None
    failures: int = 0

    def is_due(self, trace: Trace, now: datetime) -> bool:
        """Whether to refresh now."""
        if self.not_before is not None and now < self.not_before:
            return False
        return trace != self.seen or (self.idle_until is not None and now >= self.idle_until)

    def succeeded(self, trace: Trace, now: datetime, seconds: float) -> None:
        """Note a refresh that began at `trace`; quick ones follow each other with as long a pause as they took."""
        self.seen, self.failures = trace, 0
        self.not_before = now + min(timedelta(seconds=seconds), LONGEST_PAUSE)
        self.idle_until = now + IDLE_REFRESH

    def failed(self, now: datetime) -> timedelta:
        """Note a failure.

        Returns:
            How long to wait, doubling up to five minutes.
        """
        self.seen = None
        wait = min(FIRST_BACK_OFF * 2 ** min(self.failures, 16), LONGEST_BACK_OFF)
        self.failures += 1
        self.not_before = now + wait
        return wait


def keep_fresh(home: Home, engine: Engine, clock: Clock, stop: threading.Event) -> None:
    """Refresh whenever something changed, until `stop` is set. A failure is logged and tried again later.

    Args:
        home: where everything lies.
        engine: the app database.
        clock: paces the loop.
        stop: ends it between two refreshes.
    """
    pace, upkeep, row_files = Pace(), Upkeep(home, engine, clock), RowFileUpkeep(home, clock)
    while not stop.is_set():
        _one_round(home, engine, clock, pace)
        # Refreshed or not, new rows are looked for again after every slice of upkeep.
        more = row_files.step() or upkeep.step()
        stop.wait(0 if more else POLL_SECONDS)
    row_files.close()
    upkeep.close()


def _one_round(home: Home, engine: Engine, clock: Clock, pace: Pace) -> None:
    try:
        trace = database_trace(engine)
        if not pace.is_due(trace, clock.now()):
            return
        result = refresh(home, engine, clock)
    except (RefreshFailed, SQLAlchemyError) as fault:
        wait = pace.failed(clock.now())
        _log.error("refresh failed, next try in %d s: %s", wait.total_seconds(), fault)
    except Exception:  # noqa: BLE001 - the loop outlives any one build
        wait = pace.failed(clock.now())
        _log.exception("refresh failed unexpectedly, next try in %d s", wait.total_seconds())
    else:
        pace.succeeded(trace, clock.now(), result.seconds)
        if result.rows_new:
            _log.info("%s: %d new rows in %.1f s", result.build_id, result.rows_new, result.seconds)


def main(arguments: list[str] | None = None) -> int:
    """Run the loop until SIGTERM or SIGINT.

    Returns:
        The exit code, 0 after a clean stop.

    Raises:
        SystemExit: an option or `$HALTON_LOG_LEVEL` is wrong, with code 2.
    """
    parser = argparse.ArgumentParser(prog="python -m pipelines.refresher", description="Keep the marts fresh.")
    parser.add_argument("--home", type=Path, default=None, help="home folder; default $HALTON_HOME or ./.halton")
    home = Home.locate(parser.parse_args(arguments).home)
    try:
        logging.config.dictConfig(log_settings())
    except ValueError as fault:
        parser.error(str(fault))
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    engine = open_database(home.database_url)
    loop = threading.Thread(target=keep_fresh, args=(home, engine, SystemClock(), stop), name="refresher")
    loop.start()
    parent = os.getppid()
    # Joined with a timeout: a plain join would keep Python from handling signals.
    while loop.is_alive():
        loop.join(timeout=POLL_SECONDS)
        if os.getppid() != parent:  # the server beside us was killed: nobody would ever stop us
            stop.set()
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
