"""Whether anybody holds a file's lock, which ends with the process that took it, however that ended.

Belongs here: asking. Does not belong here: taking a lock, and what it means (`landing`, `landing_lease`,
`pipelines.compaction`).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def is_locked(path: Path) -> bool:
    """Tell whether a process that lives holds the lock of a file; nobody does when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
