"""Work beside the server that comes up now and then: exports of everything, and purges. `python -m api.upkeep`.

Belongs here: one run of all that is due, under the home's maintenance lock. Does not belong here: noticing that
something is due (`api.background`), the work itself (`api.exporting`, `api.purge`).

Killed anywhere, the next run goes on.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import logging.config
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from api.db.session import transaction
from api.exporting.making import make_exports
from api.logs import log_settings
from api.purge import PurgeResult, purge_due
from api.workspaces.exports import expire_exports
from pipelines.lake.clock import Clock, SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

_log = logging.getLogger(__name__)


class BusyError(Exception):
    """Another process makes exports or purges in this home just now."""


@contextmanager
def maintenance(home: Home) -> Generator[None]:
    """Hold the home's maintenance lock.

    Raises:
        BusyError: another process holds it.
    """
    descriptor = os.open(home.maintenance_lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("Another process is making exports or purging workspaces here; try again later.") from None
        yield
    finally:
        os.close(descriptor)


def do_what_is_due(home: Home, engine: Engine, clock: Clock) -> tuple[int, list[PurgeResult]]:
    """Let exports expire, make those that were asked for, purge what is due. Call it under the maintenance lock.

    Returns:
        How many exports were made, and the purges.

    Raises:
        Exception: whatever stopped a purge; it goes on with the next call.
    """
    with transaction(engine) as session:
        expire_exports(session, home, clock.now())
    made = make_exports(home, engine, clock)
    return made, purge_due(home, engine, clock)


def main(arguments: list[str] | None = None) -> int:
    """Do what is due once.

    Returns:
        The exit code: 0 when all of it was done, or another process is at it.
    """
    parser = argparse.ArgumentParser(prog="python -m api.upkeep", description="Make exports, purge workspaces.")
    parser.add_argument("--home", type=Path, default=None, help="home folder; default $HALTON_HOME or ./.halton")
    home = Home.locate(parser.parse_args(arguments).home)
    logging.config.dictConfig(log_settings())
    engine = open_database(home.database_url, pool_size=2)
    try:
        with maintenance(home):
            do_what_is_due(home, engine, SystemClock())
    except BusyError as busy:
        _log.info("%s", busy)
    except Exception:  # noqa: BLE001 - the log is all there is to tell it to
        _log.exception("upkeep stopped and will be tried again")
        return 1
    finally:
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
