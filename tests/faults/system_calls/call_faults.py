"""Faults at our own calls of the operating system, put in from inside the process: they need no tool and run anywhere.

Belongs here: counting `os.write`, `os.fsync` and the like on files of one home, and failing one of them. Does not
belong here: calls SQLite, DuckDB and Arrow make by themselves (`strace_faults` reaches those), what is done meanwhile
(`operations`).
"""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITE_BYTES = "Path.write_bytes"
ON_DESCRIPTORS = ("write", "pwrite", "writev", "fsync", "fdatasync", "ftruncate")
ON_PATHS = ("rename", "replace", "unlink", "remove", "mkdir", "rmdir", "truncate", "link")


@dataclass(frozen=True)
class Fault:
    """What happens at a call.

    Attributes:
        name: `kill` (before the call), `torn` (killed after half of a write), `ENOSPC` or `EIO`.
        at: which call, from 1; with strace, which call of `call` by one thread.
        call: name of the system call; empty for faults from inside, which count all calls together.
    """

    name: str
    at: int
    call: str = ""


class CallFaults:
    """Counts the calls of this process that touch files below one folder, and breaks one of them."""

    def __init__(self, root: Path, fault: Fault | None = None) -> None:
        self.calls: list[str] = []
        self._root, self._fault = str(root), fault
        self._armed = True
        for name in ON_DESCRIPTORS:
            self._patch(os, name, self._is_file)
        for name in ON_PATHS:
            self._patch(os, name, self._is_below)
        self._patch(Path, "write_bytes", self._is_below)
        self._patch(Path, "write_text", self._is_below)

    def disarm(self) -> None:
        """Let every further call through."""
        self._armed = False

    def _patch(self, owner: Any, name: str, concerns: Callable[[Any], bool]) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def counted(target: Any, *rest: Any, **options: Any) -> Any:
            if self._armed and concerns(target):
                self.calls.append(name)
                if self._fault is not None and len(self.calls) == self._fault.at:
                    self._break(name, original, target, rest)
            return original(target, *rest, **options)

        setattr(owner, name, counted)

    def _break(self, name: str, original: Callable[..., Any], target: Any, rest: tuple[Any, ...]) -> None:
        assert self._fault is not None
        if self._fault.name == "torn" and name in ("write", "write_bytes", "write_text"):
            original(target, rest[0][: len(rest[0]) // 2])
        if self._fault.name in ("torn", "kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self._fault.name)
        raise OSError(number, os.strerror(number))

    def _is_file(self, descriptor: int) -> bool:
        mode = os.fstat(descriptor).st_mode
        return stat.S_ISREG(mode) or stat.S_ISDIR(mode)

    def _is_below(self, path: Any) -> bool:
        return str(path).startswith(self._root)
