"""Writing derived files so that a reader sees the old one or the new one, never half of one.

Belongs here: temporary names, fsync, rename and digests of files that can be rebuilt (exports, snapshots, segments).
Does not belong here: landing files, the record itself (`pipelines.lake.landing`), and what any file means.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from pipelines.lake.landing import sync_folder

TEMPORARY_PREFIX: Final = ".tmp-"
"""Start of every temporary name; whoever holds the refresh lock may delete what a dead run left under it."""

_CHUNK_BYTES: Final = 1 << 20


def temporary_beside(path: Path) -> Path:
    """Return a fresh temporary path in the folder of `path`."""
    return path.with_name(f"{TEMPORARY_PREFIX}{uuid4().hex[:12]}-{path.name}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it is synced and takes the place of `path`.

    Args:
        path: final place; its folder is created when missing.

    Yields:
        The temporary path. It is deleted when the block fails.

    Raises:
        OSError: the file could not be made durable; `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        yield temporary
        move_durably(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def move_durably(source: Path, target: Path) -> None:
    """Sync `source`, rename it to `target` (same file system) and sync the folder.

    Raises:
        OSError: as the operating system says; `target` is as it was.
    """
    descriptor = os.open(source, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    source.replace(target)
    sync_folder(target.parent)


def write_if_changed(path: Path, content: bytes) -> bool:
    """Make `path` hold exactly `content`.

    Returns:
        Whether anything was written; an equal file is left alone.
    """
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return False
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return True


def sha256_of_file(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def remove_leftovers(folder: Path, remove: Callable[[Path], None] | None = None) -> int:
    """Delete temporary files of dead runs in `folder`. Call it only under the refresh lock.

    Args:
        folder: where to look, not below it.
        remove: how to delete one; a plain unlink when None.

    Returns:
        How many were deleted.
    """
    if not folder.is_dir():
        return 0
    leftovers = [path for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]
    for path in leftovers:
        (remove or (lambda one: one.unlink(missing_ok=True)))(path)
    return len(leftovers)
