"""Keeping one child process running beside the server.

Belongs here: starting, restarting and stopping it. Does not belong here: what the child does.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

STOP_WITHIN_SECONDS: Final = 20.0
RESTART_AT_FIRST_SECONDS: Final = 1.0
RESTART_AT_MOST_SECONDS: Final = 60.0
_LOOK_EVERY_SECONDS: Final = 0.2

logger = logging.getLogger(__name__)


@contextmanager
def kept_running(command: Sequence[str], *, first_pause: float = RESTART_AT_FIRST_SECONDS) -> Generator[None]:
    """Run the command for as long as the block lasts; started again whenever it ends, stopped at the end.

    Args:
        command: program and arguments. What it prints goes to stderr.
        first_pause: seconds before the first new start; doubled with each one, up to a minute.
    """
    stopping = threading.Event()
    keeper = threading.Thread(target=_keep, args=(command, stopping, first_pause), name="child-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join()


def _keep(command: Sequence[str], stopping: threading.Event, pause: float) -> None:
    while not stopping.is_set():
        # stdout is for the server's one answer. The pipe on stdin ends when this process ends, in whatever way.
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr)  # noqa: S603 - our own command
        try:
            while child.poll() is None and not stopping.wait(_LOOK_EVERY_SECONDS):
                pass
        finally:
            _stop(child)
        if stopping.is_set():
            return
        ended = "the child process (%s) ended with %s; it is started again in %.0f s"
        logger.error(ended, " ".join(command[1:3]), child.returncode, pause)
        stopping.wait(pause)
        pause = min(pause * 2, RESTART_AT_MOST_SECONDS)


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(STOP_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
