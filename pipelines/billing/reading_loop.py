"""The long-lived loop that reads providers' bills, in a thread of the analysis process.

Belongs here: looking for what is due, saying what became of it, and outliving whatever fails. Does not belong here:
which days are read and what is due (`pipelines.billing.run`), the process (`pipelines.analysis.__main__`).

Beside the analysis, because that process gives way to the refresh, and because bills are what it waits for: the loop in
the other thread finds them in the app database and analyses anew.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pipelines.billing.connections import Reach
from pipelines.billing.http import Patience, StoppedError
from pipelines.billing.run import RETRY_AFTER, Reading, Wanted, read_bills
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 15.0
"""A look is one small query; a provider connected in a browser is read so soon."""
AFTER_FAULT_SECONDS: Final = 60.0


def keep_bills_read(
    home: Home, engine: Engine, clock: Clock, stop: threading.Event, reach: Reach | None = None
) -> None:
    """Read whatever is due, until `stop` is set. A connection that fails is asked again in an hour.

    Args:
        home: whose keys open the connections' credentials.
        engine: its app database.
        clock: tells what is due.
        stop: ends it; whoever waits for a provider stops waiting.
        reach: how providers are reached; over the network, with usual patience, when None.
    """
    reach = reach or Reach(patience=Patience(sleep=lambda seconds: _wait(stop, seconds)))
    while not stop.is_set():
        stop.wait(_one_look(home, engine, clock, stop, reach))


def _one_look(home: Home, engine: Engine, clock: Clock, stop: threading.Event, reach: Reach) -> float:
    """Read what is due; return the seconds until the next look."""
    try:
        for reading in read_bills(home, engine, clock, Wanted(only_due=True), reach=reach, stop=stop):
            _tell(reading)
    except (SQLAlchemyError, OSError) as fault:
        _log.error("bills could not be read: %s", next(iter(str(fault).splitlines()), type(fault).__name__))
    except Exception:  # noqa: BLE001 - the loop outlives any one look
        _log.exception("bills could not be read")
    else:
        return LOOK_SECONDS
    return AFTER_FAULT_SECONDS


def _tell(reading: Reading) -> None:
    what = f"bills of {reading.provider} ({reading.kind}, connection {reading.connection_id})"
    if reading.error is not None:
        minutes = RETRY_AFTER.total_seconds() / 60
        _log.warning("%s could not be read, next try in %d min: %s", what, minutes, reading.error)
    elif reading.recorded.new or reading.recorded.restated:
        _log.info("%s: %d days new, %d restated", what, reading.recorded.new, reading.recorded.restated)


def _wait(stop: threading.Event, seconds: float) -> None:
    """Wait for a provider, unless the process is to end.

    Raises:
        StoppedError: it is.
    """
    if stop.wait(seconds):
        raise StoppedError
