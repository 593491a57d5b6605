"""Processes by their sockets where there is no `/proc`, from psutil.

Belongs here: macOS and Windows. Does not belong here: Linux (`linux`), what the facts mean (`surroundings`, `chain`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import psutil

from daemon.attribution.finding import Finding, read_variables

BUDGET: Final = 0.25
"""Seconds after which a search gives up."""


class PortableProcesses:
    """Finds processes through psutil; safe to be used by several threads."""

    def find(self, client: tuple[str, int], server: tuple[str, int]) -> Finding | None:
        """Return the process that holds the client's end of a connection, None when none can be seen."""
        wanted = ((client[0], client[1]), (server[0], server[1]))
        deadline = time.monotonic() + BUDGET
        try:
            pid = next((one.pid for one in psutil.net_connections("tcp") if (one.laddr, one.raddr) == wanted), None)
        except psutil.Error:
            # macOS lists everybody's connections to root only, each process' own to its user.
            pid = _holder(wanted, deadline)
        return None if pid is None or pid == os.getpid() else _read(pid)


def _holder(wanted: tuple[tuple[str, int], tuple[str, int]], deadline: float) -> int | None:
    for process in _newest_first():
        with suppress(psutil.Error, OSError):
            if any((one.laddr, one.raddr) == wanted for one in process.net_connections("tcp")):
                return process.pid
        if time.monotonic() > deadline:
            return None
    return None


def _newest_first() -> Iterator[psutil.Process]:
    for pid in sorted(psutil.pids(), reverse=True):
        if pid != os.getpid():
            with suppress(psutil.Error):
                yield psutil.Process(pid)


def _read(pid: int) -> Finding:
    process = psutil.Process(pid)
    workdir = executable = None
    environment: dict[str, str] = {}
    user: int | None = None
    with suppress(psutil.Error, OSError):
        user = process.uids().real if os.name == "posix" else None
    with suppress(psutil.Error, OSError):
        workdir = process.cwd() or None
    with suppress(psutil.Error, OSError):
        executable = process.exe() or None
    with suppress(psutil.Error, OSError):
        environment = read_variables(process.environ().items())
    return Finding(pid=pid, workdir=workdir, environment=environment, executable=executable, user=user)
