"""Processes by their sockets on Linux, from `/proc`.

Belongs here: from a socket to the process that holds it, and reading that process. Does not belong here: finding the
socket (`tcp_ends`, `tcp_table`), other systems (`portable`), what the facts mean (`surroundings`, `chain`).

Links out of `/proc` are read and never followed, so that a dead network file system cannot hold a look-up.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

from daemon.attribution.finding import Finding, read_variables
from daemon.attribution.proc_files import numbers_in, owner_of, read_entry, read_link
from daemon.attribution.tcp_ends import OpenSocket, address_of, ask_kernel
from daemon.attribution.tcp_table import find_in_table

BUDGET: Final = 0.25
"""Seconds after which a search gives up."""
_RECENT_MAX: Final = 32
_KNOWN_MAX: Final = 256
_ENVIRONMENT_MAX: Final = 1 << 21
_TEXT_MAX: Final = 1 << 14
_LINKS_BETWEEN_LOOKS: Final = 512
_START_TIME: Final = 19
_ENVIRONMENT_START: Final = 47
"""Places in `/proc/PID/stat`, counted from the state."""


@dataclass(frozen=True)
class _Known:
    """What does not change while a process runs one program."""

    environment: Mapping[str, str]
    executable: str | None
    control_groups: str
    root: str | None


class LinuxProcesses:
    """Finds processes in `/proc`; safe to be used by several threads."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._lock = Lock()
        self._recent: OrderedDict[int, None] = OrderedDict()
        self._known: OrderedDict[tuple[int, bytes, bytes], _Known] = OrderedDict()

    def find(self, client: tuple[str, int], server: tuple[str, int]) -> Finding | None:
        """Return the process that holds the client's end of a connection, None when none can be seen."""
        deadline = time.monotonic() + BUDGET
        socket = self._socket(client, server)
        if socket is None or not socket.inode:
            return None
        link = f"socket:[{socket.inode}]"
        for pid in self._candidates(socket.user):
            if self._holds(pid, link, deadline):
                self._remember(pid)
                return self._read(pid, socket.user)
            if time.monotonic() > deadline:
                return None
        return None

    def _socket(self, client: tuple[str, int], server: tuple[str, int]) -> OpenSocket | None:
        ends = address_of(client), address_of(server)
        try:
            return ask_kernel(*ends)
        except OSError:
            return find_in_table(self._proc, *ends)

    def _candidates(self, user: int) -> Iterator[int]:
        """Yield processes: lately found ones first, then the user's own from the newest on, then everybody else's."""
        with self._lock:
            recent = list(reversed(self._recent))
        yield from recent
        tried = {os.getpid(), *recent}
        others: list[int] = []
        for pid in numbers_in(self._proc):
            if pid in tried:
                continue
            if owner_of(f"{self._proc}/{pid}") == user:
                yield pid
            else:
                others.append(pid)
        # Programs that changed their user after they had opened the socket, or that let nobody look at them but root.
        yield from others

    def _holds(self, pid: int, link: str, deadline: float) -> bool:
        try:
            folder = os.open(f"{self._proc}/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            # The greatest first: a connection that was just made has one of the last descriptors.
            for looked, number in enumerate(numbers_in(folder), start=1):
                if read_link(str(number), folder) == link:
                    return True
                if looked % _LINKS_BETWEEN_LOOKS == 0 and time.monotonic() > deadline:
                    return False
        except OSError:
            return False
        finally:
            os.close(folder)
        return False

    def _remember(self, pid: int) -> None:
        with self._lock:
            self._recent[pid] = None
            self._recent.move_to_end(pid)
            while len(self._recent) > _RECENT_MAX:
                self._recent.popitem(last=False)

    def _read(self, pid: int, user: int) -> Finding:
        folder = f"{self._proc}/{pid}"
        known = self._facts(pid, folder)
        workdir = read_link(f"{folder}/cwd")
        return Finding(
            pid=pid,
            workdir=workdir.removesuffix(" (deleted)") if workdir else None,
            environment=known.environment,
            executable=known.executable,
            control_groups=known.control_groups,
            root=known.root,
            user=user,
        )

    def _facts(self, pid: int, folder: str) -> _Known:
        key = _identity(pid, read_entry(f"{folder}/stat", _TEXT_MAX))
        with self._lock:
            known = self._known.get(key) if key else None
        if known is not None:
            return known
        its_files, own_files = read_link(f"{folder}/ns/mnt"), read_link(f"{self._proc}/self/ns/mnt")
        known = _Known(
            environment=read_variables(_pairs(read_entry(f"{folder}/environ", _ENVIRONMENT_MAX))),
            executable=read_link(f"{folder}/exe"),
            control_groups=read_entry(f"{folder}/cgroup", _TEXT_MAX).decode(errors="replace"),
            root=f"{folder}/root" if its_files and own_files and its_files != own_files else None,
        )
        if key:
            with self._lock:
                self._known[key] = known
                while len(self._known) > _KNOWN_MAX:
                    self._known.popitem(last=False)
        return known


def _identity(pid: int, stat: bytes) -> tuple[int, bytes, bytes] | None:
    """Return what no two programs share: number, start time, and where the environment lies.

    A process that turns into another program by `exec` keeps the first two; the third is drawn anew each time.
    """
    fields = stat.rpartition(b")")[2].split()
    return (pid, fields[_START_TIME], fields[_ENVIRONMENT_START]) if len(fields) > _ENVIRONMENT_START else None


def _pairs(environment: bytes) -> Iterator[tuple[str, str]]:
    for entry in environment.split(b"\0"):
        name, _, value = entry.partition(b"=")
        yield os.fsdecode(name), os.fsdecode(value)
