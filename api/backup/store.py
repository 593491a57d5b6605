"""Copies of files, each checked by its digest while it is copied.

Belongs here: the shared store `files/` of a backup folder, where a file lies once under its SHA-256 however many
backups name it, and copying that never leaves half a file under a final name. Does not belong here: which files
(`contents`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

from api.backup.errors import BackupError
from pipelines.durable_files import sha256_of_file
from pipelines.lake.landing import sync_folder

_CHUNK_BYTES: Final = 1 << 20
_COPIERS: Final = 4
_AT_ONCE: Final = 256
_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


class FileStore:
    """The files of all backups in one folder."""

    def __init__(self, folder: Path) -> None:
        """Name the store; nothing is created before `open`.

        Args:
            folder: the backup folder.
        """
        self.root = folder / "files"
        self._incoming = self.root / ".incoming"

    def open(self) -> None:
        """Make the store writable and drop what a dead run left behind; only under the folder's lock."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(mode=0o700, parents=True)

    def path(self, sha256: str) -> Path:
        """Return where content of this digest lies."""
        return self.root / sha256[:2] / sha256

    def holds(self, sha256: str, size: int) -> bool:
        """Whether the store has this content, whole: its bytes are read and digested."""
        path = self.path(sha256)
        try:
            return path.stat().st_size == size and sha256_of_file(path) == sha256
        except OSError:
            return False

    def keep(self, source: Path, sha256: str, size: int) -> bool:
        """Make sure that the store holds this content.

        Returns:
            Whether it was copied; False when it was there already, whole.

        Raises:
            BackupError: the source is missing or is not what its digest says.
        """
        if self.holds(sha256, size):
            return False
        target = self.path(sha256)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        copy_checked(source, target, sha256, by_way_of=self._incoming, mode=0o600)
        return True

    def keep_content(self, content: bytes, sha256: str) -> None:
        """Make sure that the store holds these bytes, whose digest the caller computed."""
        incoming = self._incoming / uuid4().hex
        incoming.write_bytes(content)
        try:
            self.keep(incoming, sha256, len(content))
        finally:
            incoming.unlink()

    def settle(self, digests: Iterable[str]) -> None:
        """Make the names of newly kept content durable."""
        for prefix in sorted({one[:2] for one in digests}):
            sync_folder(self.root / prefix)
        sync_folder(self.root)


def copy_checked(source: Path, target: Path, sha256: str, *, by_way_of: Path, mode: int) -> None:
    """Copy a file, digesting it on the way; its final name appears only when it is whole and synced.

    The folder of `target` is not synced: callers do so once for many files.

    Args:
        source: what to copy.
        target: its final name.
        sha256: digest it must have.
        by_way_of: folder for the temporary file, on the file system of `target`.
        mode: permissions of the copy.

    Raises:
        BackupError: the source is missing, unreadable or not what its digest says.
        OSError: the copy could not be written.
    """
    temporary = by_way_of / uuid4().hex
    digest = hashlib.sha256()
    try:
        stream = source.open("rb")
    except OSError as fault:
        raise BackupError(f"{source} cannot be read: {fault.strerror}") from fault
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with stream, os.fdopen(descriptor, "wb", buffering=0) as copy:
            for chunk in _chunks(stream.read, source):
                digest.update(chunk)
                copy.write(chunk)
            if digest.hexdigest() != sha256:
                raise BackupError(f"{source} is damaged: its SHA-256 is not the recorded one")
            os.fsync(copy.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _chunks(read: Callable[[int], bytes], source: Path) -> Iterator[bytes]:
    while True:
        try:
            chunk = read(_CHUNK_BYTES)
        except OSError as fault:
            raise BackupError(f"{source} cannot be read: {fault.strerror}") from fault
        if not chunk:
            return
        yield chunk


def side_by_side(work: Callable[[_Item], _Answer], items: Iterable[_Item]) -> Iterator[_Answer]:
    """Do `work` on every item in a few threads, in order: digests and fsyncs of small files overlap."""
    waiting = iter(items)
    with ThreadPoolExecutor(_COPIERS, thread_name_prefix="copy") as pool:
        while group := list(islice(waiting, _AT_ONCE)):
            yield from pool.map(work, group)
