"""Keeping a published snapshot, with every file it names, for as long as somebody works with it.

Belongs here: saying which snapshot is needed, by the one analysis that is built of it and by any number of notebooks,
and asking. Does not belong here: deleting snapshots (`pipelines.snapshot_cleanup`), and a purge, which deletes them
whoever reads.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from pipelines.lake.file_locks import is_locked
from pipelines.lake.paths import Home

_MARK: Final = "~"


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


def hold_snapshot(home: Home, build_id: str) -> int:
    """Keep the files of a build until the descriptor returned is closed, or this process ends.

    Any number may. Whoever holds one makes sure afterwards that its snapshot is still there.

    Raises:
        OSError: the note cannot be written.
    """
    home.snapshot_readers.mkdir(parents=True, exist_ok=True)
    while True:
        note = home.snapshot_readers / f"{build_id}{_MARK}{uuid4()}"
        descriptor = os.open(note, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Until it was locked, whoever cleaned up took it for a dead reader's.
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def builds_that_stay(home: Home) -> frozenset[str]:
    """Return every build whose files somebody needs now; what dead readers left is removed."""
    analysed = build_that_stays(home)
    held = {analysed} if analysed else set[str]()
    for note in _notes(home):
        if is_locked(note):
            held.add(note.name.partition(_MARK)[0])
        else:
            note.unlink(missing_ok=True)
    return frozenset(held)


def _notes(home: Home) -> list[Path]:
    return list(home.snapshot_readers.iterdir()) if home.snapshot_readers.is_dir() else []
