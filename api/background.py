"""Noticing that an export or a purge is due, and starting the process that does it.

Belongs here: looking, starting, waiting longer after a failure, and stopping. Does not belong here: the work
(`api.upkeep`), which is a process of its own so that calls never wait for it and its memory is given back.

Every worker process has one such thread; the maintenance lock lets one process work at a time.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.db.session import reading
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


class Background:
    """Starts what is due from a thread of its own, from `start` to `stop`."""

    def __init__(self, home: Home, engine: Engine, clock: Clock) -> None:
        self._home, self._engine, self._clock = home, engine, clock
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
            due = is_export_work_due(session, now) or is_any_due(session, now)
        return due and not is_locked(self._home.maintenance_lock)

    def _run(self) -> None:
        pause = LOOK_EVERY_SECONDS
        while not self._stopping.wait(pause):
            pause = LOOK_EVERY_SECONDS
            try:
                if self.is_due() and not self._work():
                    pause = min(FIRST_BACK_OFF_SECONDS * 2**self._failures, LONGEST_BACK_OFF_SECONDS)
                    self._failures += 1
            except (OSError, SQLAlchemyError) as fault:
                logger.warning("what is due cannot be looked for: %s", type(fault).__name__)

    def _work(self) -> bool:
        """Run the process to its end; False when it failed."""
        command = [sys.executable, "-m", "api.upkeep", "--home", str(self._home.root)]
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
