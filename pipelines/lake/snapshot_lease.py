"""Keeping one published snapshot, with every file it names, for as long as an analysis is built of it.

Belongs here: saying which snapshot is needed, and asking. Does not belong here: deleting snapshots
(`pipelines.snapshot_cleanup`), and a purge, which deletes them whoever reads.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager

from pipelines.lake.file_locks import is_locked
from pipelines.lake.paths import Home


@contextmanager
def snapshot_stays(home: Home, build_id: str) -> Generator[None]:
    """Keep the files of a build for as long as the block lasts, or until this process ends.

    One such block at a time per home: take it under the lock of analyses.

    Args:
        home: the installation.
        build_id: a build that is current now, so that nobody is about to delete it.

    Raises:
        OSError: the note cannot be written.
    """
    home.analysis.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.analysed_snapshot, os.O_CREAT | os.O_RDWR, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, build_id.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def build_that_stays(home: Home) -> str | None:
    """Return the build whose files are needed now; None when there is none."""
    if not is_locked(home.analysed_snapshot):
        return None
    try:
        return home.analysed_snapshot.read_text()
    except FileNotFoundError:
        return None
