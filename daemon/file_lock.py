"""A file that one process holds at a time.

Belongs here: taking and giving back such a lock. Does not belong here: what it stands for (`daemon.config`,
`daemon.cloud.turn`).

The system gives a lock back when its holder ends, however it ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PRIVATE_FILE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700
_LOOK_SECONDS: Final = 0.05


@contextmanager
def held_file(path: Path, *, wait_seconds: float) -> Iterator[bool]:
    """Give whether the caller holds `path`, after waiting for it up to `wait_seconds`; it is given back at the end.

    Raises:
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), _PRIVATE_FILE)
    try:
        deadline = time.monotonic() + wait_seconds
        while not (mine := _locked(descriptor)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        yield mine
    finally:
        os.close(descriptor)  # which gives the lock back


def _locked(descriptor: int) -> bool:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows; there two at once cost duplicates, or one of two changes
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
