"""A preloaded parent that forks a process that sends when told to, so that a death costs milliseconds.

Run as `python -m tests.daemon.faults.forking_sender HOME [MUTANT]`. Each byte read starts one, with pages of so many
rows; its pid is printed, and its end answered by an empty line. Ends when stdin closes.

Belongs here: the daemon's cloud worker, alone in a process. Does not belong here: killing it (`campaign`).
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import time
from pathlib import Path

from daemon.clock import SystemClock
from daemon.cloud.worker import CloudWorker, WorkerSettings
from daemon.credentials import MeterHome
from daemon.store.store import Store
from daemon.sync.retry import RetryPolicy
from tests.daemon.faults.mutants import MUTANTS


def send(home: MeterHome, page_rows: int) -> None:
    """Send until killed."""
    clock = SystemClock()
    settings = WorkerSettings(page_rows=page_rows, backoff=RetryPolicy(first_seconds=0.005, cap_seconds=0.02))
    with Store(home.database_path, clock) as store:
        worker = CloudWorker(home, store, clock, settings=settings)
        while True:
            time.sleep(worker.tick().wait_seconds or 0.001)


def main(home: MeterHome, mutant: str | None) -> None:
    if mutant is not None:
        MUTANTS[mutant]()
    gc.collect()
    gc.freeze()  # children that never collect what was there before them copy fewer pages
    while rows := os.read(sys.stdin.fileno(), 1):
        child = os.fork()
        if child == 0:
            send(home, rows[0])
        say(str(child))
        if not ended(child):
            return
        say("")


def ended(child: int) -> bool:
    """Wait for the end of a sender. When our own stdin ends first the campaign is gone: nobody else would end it."""
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if select.select([sys.stdin], [], [], 0.002)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
    return True


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(MeterHome(Path(sys.argv[1])), sys.argv[2] if len(sys.argv) > 2 else None)
