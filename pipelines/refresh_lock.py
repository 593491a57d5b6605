"""One refresh at a time per home.

Belongs here: the lock. Does not belong here: what is done under it (`pipelines.refresh`, `pipelines.assets`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.lake.paths import Home


@contextmanager
def refresh_lock(home: Home) -> Iterator[None]:
    """Hold the home's refresh lock, waiting for whoever has it. The kernel frees it when its holder dies.

    Raises:
        OSError: the lock file cannot be opened.
    """
    home.refresh_lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.refresh_lock, os.O_CREAT | os.O_RDWR, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
