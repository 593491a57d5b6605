"""One at a time: the right to send, or to change the link, among this machine's processes.

Belongs here: the lock on `cloud.lock`. Does not belong here: the daemon's own lock (`daemon.service`), how a file is
locked (`daemon.file_lock`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from daemon.credentials import MeterHome
from daemon.file_lock import held_file


def turn(home: MeterHome, *, wait_seconds: float = 0.0) -> AbstractContextManager[bool]:
    """Give whether the caller has its turn, after waiting for it up to `wait_seconds`; it ends with the block."""
    return held_file(home.root / "cloud.lock", wait_seconds=wait_seconds)
