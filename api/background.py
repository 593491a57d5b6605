"""Noticing that an export, a purge or a report is due, and starting the process that does it.

Belongs here: looking, starting, waiting longer after a failure, and stopping. Does not belong here: the work
(`api.upkeep`, `api.reports.making`), which is a process of its own so that calls never wait for it and its memory is
given back.

Every worker process has one such thread per duty; the duty's lock lets one process work at a time.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.db.session import reading
from api.reports.issuing import is_report_due
from api.workspaces.deletion import is_any_due
from api.workspaces.exports import is_export_work_due
from pipelines.lake.clock import Clock
from pipelines.lake.file_locks import is_locked
from pipelines.lake.paths import Home

logger = logging.getLogger(__name__)
LOOK_EVERY_SECONDS: Final = 3.0
FIRST_BACK_OFF_SECONDS: Final = 30.0
LONGEST_BACK_OFF_SECONDS: Final = 3600.0
STOP_WITHIN_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Duty:
    """Work that comes up now and then.

    Attributes:
        module: run with `--home`; it does all that is due and ends.
        lock: file that a process holds while it is at it.
        is_due: tells cheaply whether there is something to do.
        look_every_seconds: pause between two looks.
    """

    module: str
    lock: Callable[[Home], Path]
    is_due: Callable[[Session, datetime], bool]
    look_every_seconds: float = LOOK_EVERY_SECONDS


def _upkeep_due(session: Session, at: datetime) -> bool:
    return is_export_work_due(session, at) or is_any_due(session, at)


UPKEEP: Final = Duty("api.upkeep", lambda home: home.maintenance_lock, _upkeep_due)
REPORTS: Final = Duty("api.reports.making", lambda home: home.reports_lock, is_report_due, look_every_seconds=1.0)


class Background:
    """Starts what is due from a thread of its own, from `start` to `stop`."""

    def __init__(self, home: Home, engine: Engine, clock: Clock, duty: Duty = UPKEEP) -> None:
        self._home, self._engine, self._clock, self._duty = home, engine, clock, duty
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0

    def start(self) -> None:
        """Begin to look."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what is under way is stopped and goes on at the next start."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_SECONDS * 2)

    def is_due(self) -> bool:
        """Tell whether there is something to do that nobody does yet."""
        with reading(self._engine) as session:
            now = self._clock.now()
            due = self._duty.is_due(session, now)
        return due and not is_locked(self._duty.lock(self._home))

    def _run(self) -> None:
        pause = self._duty.look_every_seconds
        while not self._stopping.wait(pause):
            pause = self._duty.look_every_seconds
            try:
                if self.is_due() and not self._work():
                    pause = min(FIRST_BACK_OFF_SECONDS * 2**self._failures, LONGEST_BACK_OFF_SECONDS)
                    self._failures += 1
            except (OSError, SQLAlchemyError) as fault:
                logger.warning("what is due cannot be looked for: %s", type(fault).__name__)

    def _work(self) -> bool:
        """Run the process to its end; False when it failed."""
        command = [sys.executable, "-m", self._duty.module, "--home", str(self._home.root)]
        # stdout is for the server's one answer.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)  # noqa: S603 - our own command
        while child.poll() is None and not self._stopping.wait(0.2):
            pass
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(STOP_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if child.returncode == 0:
            self._failures = 0
        return child.returncode == 0
