"""Keeping the process that draws: started with the first chart, replaced when it died, ended with the server.

Belongs here: its life, its time, and what its death means for the chart it drew. Does not belong here: drawing
(`drawer`).
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Lock
from typing import IO, Any, Final

from api.drawing.frames import DRAWN, framed, next_message
from api.reports.children import bare_environment, tail
from pipelines.charts import Theme, sized

WALL_SECONDS: Final = 15.0
"""For one chart, the start of the process included. One takes a tenth of a second."""
WAIT_SECONDS: Final = 10.0
"""For the charts before it: one is drawn at a time."""
_LAST_WORDS_SECONDS: Final = 0.5
_ERRORS_READ: Final = 4_096
_MODULE: Final = "api.drawing.drawer"

_log = logging.getLogger(__name__)


class NotDrawnError(Exception):
    """A chart was not drawn: it took too long, ended the process that drew it, or others take too long."""


@dataclass(frozen=True)
class _Running:
    child: subprocess.Popen[bytes]
    connection: socket.socket
    folder: tempfile.TemporaryDirectory[str]
    errors: IO[bytes]


class ChartWorker:
    """Draws charts in a process of its own, which may die of one. Safe for many threads.

    Attributes:
        wall_seconds: the process is ended when a chart takes longer.
        is_drawing: whether the process was given a chart it has not answered for yet.
    """

    def __init__(self, *, wall_seconds: float = WALL_SECONDS) -> None:
        """Nothing is started before the first chart.

        Args:
            wall_seconds: the process is ended when a chart takes longer.
        """
        self.wall_seconds = wall_seconds
        self._lock = Lock()
        self._running: _Running | None = None
        self._end: weakref.finalize[..., ChartWorker] | None = None
        self._is_closed = False
        self.is_drawing = False

    @property
    def pid(self) -> int | None:
        """Of the process that draws; None while there is none."""
        running = self._running
        return None if running is None else running.child.pid

    def svg(
        self,
        name: str,
        rows: Sequence[Mapping[str, Any]],
        theme: Theme,
        *,
        width: int,
        series: Sequence[str] | None = None,
    ) -> bytes:
        """Return a chart drawn; arguments as `pipelines.charts.svg` takes them.

        Raises:
            ChartError: there is no such chart, or rows do not fit it.
            NotDrawnError: it was not drawn. The next one is drawn by a new process.
        """
        message = json.dumps([name, sized(name, rows, theme, width=width, series=series)]).encode()
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise NotDrawnError("the charts before it take too long")
        try:
            return self._drawn(name, message)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process and wait for it; nothing is drawn afterwards."""
        with self._lock:
            self._is_closed = True
            self._stop()

    def _drawn(self, name: str, message: bytes) -> bytes:
        if self._is_closed:
            raise NotDrawnError("the server is stopping")
        running, until = self._ready(), time.monotonic() + self.wall_seconds
        connection = running.connection

        def read(count: int) -> bytes:
            connection.settimeout(_left(until))
            return connection.recv(count)

        try:
            connection.settimeout(_left(until))
            connection.sendall(framed(message))
            self.is_drawing = True
            answer = next_message(read)
        except ValueError as error:
            raise NotDrawnError(str(error)) from None
        except OSError:
            answer = None
        finally:
            self.is_drawing = False
        if answer is None:
            self._replace(f"it was ended by the chart {name}, or for its time")
            raise NotDrawnError("it took too long, or ended the process that drew it")
        if not answer.startswith(DRAWN):
            raise NotDrawnError(answer[1:].decode(errors="replace"))
        return answer[1:]

    def _ready(self) -> _Running:
        """Return a process that lives: one that died between two charts was ended by neither."""
        if self._running is not None and self._running.child.poll() is not None:
            self._replace("it ended between two charts")
        if self._running is None:
            try:
                self._running = _started(self.wall_seconds)
            except OSError as error:
                raise NotDrawnError(f"no process could be started: {error.strerror}") from None
            self._end = weakref.finalize(self, _ended, self._running)
        return self._running

    def _replace(self, why: str) -> None:
        """End the process, and say in the log what it said last."""
        running = self._running
        if running is None:
            return
        with suppress(subprocess.TimeoutExpired):
            running.child.wait(_LAST_WORDS_SECONDS)
        said = tail(os.pread(running.errors.fileno(), _ERRORS_READ, max(0, running.errors.seek(0, 2) - _ERRORS_READ)))
        self._stop()
        _log.warning("the process that draws charts is replaced (%d): %s: %s", running.child.returncode, why, said)

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._running, self._end = None, None


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _started(wall_seconds: float) -> _Running:
    with ExitStack() as undone:
        folder = tempfile.TemporaryDirectory(prefix="halton-charts-")
        undone.callback(folder.cleanup)
        errors = undone.enter_context(tempfile.TemporaryFile())
        ours, theirs = socket.socketpair()
        undone.callback(ours.close)
        with theirs:
            child = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", _MODULE, str(wall_seconds)],
                stdin=theirs.fileno(),
                stdout=errors,
                stderr=errors,
                cwd=folder.name,
                env=bare_environment(folder.name),
            )
        undone.pop_all()
    return _Running(child, ours, folder, errors)


def _ended(running: _Running) -> None:
    """End a process at once: it holds nothing that could be lost."""
    running.connection.close()
    running.child.kill()
    running.child.wait()
    running.errors.close()
    running.folder.cleanup()
