"""Faults at any system call of a process, SQLite's and DuckDB's own included, put in by `strace`.

Belongs here: attaching strace to a process, what it counted, and aiming it at one call. Does not belong here: what the
process does meanwhile (`operations`).

strace counts calls per thread. A call is aimed at by its name and its number in its thread; when another thread comes
to the same number first, that one is hit instead: `aims` keeps the calls that can be hit.
"""

from __future__ import annotations

import ctypes
import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.faults.system_calls.call_faults import Fault

CALLS = (
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "ftruncate", "truncate", "fallocate", "mkdir", "mkdirat", "rmdir", "link",
    "linkat",
)  # fmt: skip
MISSING = (
    "strace is not installed, or may not attach to processes here: `apt-get install strace` (or your system's package "
    "of that name), in a container with the capability SYS_PTRACE, runs this sweep too"
)
_PR_SET_PTRACER, _ANY_PROCESS = 0x59616D61, 2**64 - 1
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")


class Call(NamedTuple):
    """One call that strace saw.

    Attributes:
        name: of the system call.
        number: which call of this name by its thread, from 1.
        in_home: whether it touches a file of the home.
    """

    name: str
    number: int
    in_home: bool


@functools.cache
def available() -> bool:
    """Whether strace is there and the system lets it attach; tried once."""
    if shutil.which("strace") is None:
        return False
    waits = "import sys; from tests.faults.system_calls.strace_faults import may_be_traced; may_be_traced(); "
    waits += "print(flush=True); sys.stdin.read()"
    command, root = [sys.executable, "-c", waits], Path(__file__).parents[3]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as patient:
        assert patient.stdout is not None
        patient.stdout.readline()
        try:
            Strace(patient.pid, ["-o", "/dev/null", "-e", "trace=fsync"]).detach()
        except CannotAttachError:
            return False
    return True


def may_be_traced() -> None:
    """Let any process of the same user trace this one: by itself Yama lets only ancestors do that."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_ANY_PROCESS), 0, 0, 0)


class CannotAttachError(Exception):
    """strace may not attach to a process."""


class Strace:
    """strace, attached to a running process and its later threads."""

    def __init__(self, pid: int, options: list[str]) -> None:
        self._process = subprocess.Popen(
            ["strace", "-f", "-p", str(pid), *options], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if "attached" not in line:
            self._process.communicate()
            raise CannotAttachError(f"strace cannot attach: {line}")

    def detach(self) -> None:
        """End it; the process goes on unbroken, if it still runs."""
        self._process.terminate()
        self._process.communicate(timeout=60)


def recording(pid: int, log: Path) -> Strace:
    """Attach a strace that only writes down."""
    wanted = ",".join(f"?{name}" for name in CALLS)
    return Strace(pid, ["-y", "-s", "0", "-e", "signal=none", "-e", f"trace={wanted}", "-o", str(log)])


def breaking(pid: int, fault: Fault) -> Strace:
    """Attach a strace that breaks one call."""
    how = "signal=KILL" if fault.name == "kill" else f"error={fault.name}"
    aim = f"{fault.call}:{how}:when={fault.at}"
    return Strace(pid, ["-o", "/dev/null", "-e", "signal=none", "-e", f"trace={fault.call}", "-e", f"inject={aim}"])


def read_calls(log: Path, home: Path) -> list[Call]:
    """Return the calls of a recording, in the order in which they began."""
    counts: dict[tuple[str, str], int] = {}
    calls: list[Call] = []
    for line in log.read_text().splitlines():
        match = _LINE.match(line)
        if match is None or match[2] not in CALLS:
            continue
        thread, name, arguments = match.groups()
        counts[thread, name] = counts.get((thread, name), 0) + 1
        calls.append(Call(name, counts[thread, name], f"{home}/" in arguments or f"{home}>" in arguments))
    return calls


def aims(calls: list[Call]) -> list[Call]:
    """Return the calls on files of the home that can be aimed at."""
    first: dict[tuple[str, int], Call] = {}
    for call in calls:
        first.setdefault((call.name, call.number), call)
    return [call for call in first.values() if call.in_home]
