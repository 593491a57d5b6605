"""Processor time of a server while it is sent to: its process and all that came from it.

Belongs here: reading it. Does not belong here: what is made of it (`ingest`).

Time of the wall on a busy machine says as much about the others as about us; processor time per row says less of them.
"""

from __future__ import annotations

import time
from pathlib import Path

_PROC = Path("/proc")


def processor_seconds(*roots: int) -> float:
    """Return user and system seconds of these processes and their living descendants; 0 where there is no /proc."""
    if not (_PROC / "self" / "task").exists():
        return 0.0
    return sum(_seconds(pid) for root in roots for pid in _tree(root))


def _tree(pid: int) -> list[int]:
    try:
        tasks = list((_PROC / str(pid) / "task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(found for child in children for found in _tree(child))]


def _seconds(pid: int) -> float:
    try:
        # The clock of another process, as clock_getcpuclockid(3) makes it: exact, where /proc counts in hundredths.
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0
