"""The thread of a server that signs grown chains once a day.

Belongs here: when to look. Does not belong here: signing (`digests`).

Every worker process has one; whoever comes first in a UTC day signs, the others find nothing to do. The first look
comes a minute after the start, so that a server that is only tried out leaves no trace of it.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from sqlalchemy import Engine

from api.audit.digests import Signer, sign_grown_chains
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home

logger = logging.getLogger(__name__)
FIRST_LOOK_SECONDS: Final = 60.0
LOOK_EVERY_SECONDS: Final = 600.0
STOP_WITHIN_SECONDS: Final = 10.0


class DigestKeeper:
    """Signs grown chains from a thread of its own, from `start` to `stop`."""

    def __init__(
        self, home: Home, engine: Engine, clock: Clock, *, first_look_seconds: float = FIRST_LOOK_SECONDS
    ) -> None:
        self._home = home
        self._engine = engine
        self._clock = clock
        self._first_look_seconds = first_look_seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="audit-digests", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being signed, for at most 10 seconds, and end; doing it twice changes nothing."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(STOP_WITHIN_SECONDS)

    def _run(self) -> None:
        pause = self._first_look_seconds
        while not self._stopping.wait(pause):
            pause = LOOK_EVERY_SECONDS
            try:
                signed = sign_grown_chains(self._engine, Signer.of(self._home), self._clock.now())
            except Exception:  # a keeper that dies would be noticed by nobody
                logger.exception("audit digests could not be signed; trying again")
            else:
                if signed:
                    logger.info("signed the audit digests of %d workspaces", signed)
