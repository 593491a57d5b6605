"""Who may delete bytes of the record, and when nobody may.

Belongs here: the one lock between those who need landed bytes to stay where they are for a while (a backup, a
verification) and those who delete what compaction and retention left behind. Does not belong here: deciding what may
go.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager

from pipelines.lake.paths import Home


@contextmanager
def landed_bytes_stay(home: Home) -> Generator[None]:
    """Keep every byte of the record where it is for as long as the block lasts; any number may hold it at once.

    On a file system that is read-only nothing can be deleted, and nothing is locked.

    Raises:
        OSError: the lock file can be neither opened nor made.
    """
    try:
        descriptor = _open(home)
    except OSError as fault:
        if fault.errno != errno.EROFS:
            raise
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def deleting_landed_bytes(home: Home) -> Generator[bool]:
    """Yield whether bytes may be deleted in the block: not while anybody needs them to stay.

    Raises:
        OSError: the landing folder cannot be written.
    """
    descriptor = _open(home)
    try:
        yield _taken(descriptor)
    finally:
        os.close(descriptor)


def _open(home: Home) -> int:
    home.landing.mkdir(parents=True, exist_ok=True)
    return os.open(home.backup_lock, os.O_CREAT | os.O_RDWR, 0o640)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
