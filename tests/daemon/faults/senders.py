"""Processes that send and can be killed: the daemon itself, and its worker alone, which starts in milliseconds.

Belongs here: starting and ending them. Does not belong here: when (`campaign`).
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from daemon.credentials import MeterHome

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 60.0
FEWEST_ROWS, MOST_ROWS = 3, 12


class KillableSender(Protocol):
    """One home's sender, one life after another."""

    forgives_quickly: bool
    """Whether it tries again within milliseconds when a server died under it."""

    def start(self) -> None:
        """Begin a life."""
        ...

    def kill(self) -> None:
        """End it by SIGKILL and wait until it is gone."""
        ...


class WorkerAlone:
    """The cloud worker in a forked process; its pages have another size in every life.

    Attributes:
        pid: of the running one.
    """

    forgives_quickly = True

    def __init__(self, process: subprocess.Popen[bytes], chance: random.Random) -> None:
        self._process = process
        self._chance = chance
        self.pid = 0

    def start(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(bytes([self._chance.randint(FEWEST_ROWS, MOST_ROWS)]))
        self._process.stdin.flush()
        self.pid = int(self._line())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert self._line() == b"\n"

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the parent of the senders ended"
        return line


@contextmanager
def worker_alone(home: MeterHome, chance: random.Random, mutant: str | None = None) -> Iterator[WorkerAlone]:
    """Run the parent of workers; at the end it takes the last of them with it."""
    command = [
        sys.executable,
        "-m",
        "tests.daemon.faults.forking_sender",
        str(home.root),
        *([mutant] if mutant else []),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdin is not None
        try:
            yield WorkerAlone(parent, chance)
        finally:
            parent.stdin.close()
            parent.wait(timeout=PATIENCE_SECONDS)


class WholeDaemon:
    """The daemon's process, as its keeper starts it."""

    forgives_quickly = False

    def __init__(self, home: MeterHome) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ours, its = socket.socketpair()
        ours.settimeout(PATIENCE_SECONDS)
        command = [sys.executable, "-m", "daemon.service.process", "--home", str(self._home.root)]
        command += ["--channel", str(its.fileno()), "--capture-port", "0"]
        said = self._home.root / "said.txt"
        with ours, said.open("wb") as stderr:
            with its:
                self._process = subprocess.Popen(command, pass_fds=[its.fileno()], cwd=ROOT, stderr=stderr)
            # The end of the process is the end of what it says.
            assert b"ready" in ours.recv(65_536), said.read_text() + self._home.log_path.read_text()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)


@contextmanager
def whole_daemon(home: MeterHome) -> Iterator[WholeDaemon]:
    """Run daemons; the last one ends with the block."""
    daemon = WholeDaemon(home)
    try:
        yield daemon
    finally:
        daemon.kill()
