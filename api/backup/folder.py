"""Where things lie in a backup folder.

    FOLDER/
      backups/20260701T120000.000000Z/   one complete backup: manifest.json, tables/*.parquet
      backups/….unfinished/              one that was interrupted; removed by the next run
      files/ab/ab12…                     landed files by SHA-256, shared by all backups here

Belongs here: names, the lock that lets one backup at a time write here, and the rename that makes one complete. Does
not belong here: content.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from api.backup.errors import BackupError
from api.backup.manifest import MANIFEST_NAME
from api.backup.store import FileStore
from pipelines.lake.landing import sync_folder

_INSTANT: Final = "%Y%m%dT%H%M%S.%fZ"
_COMPLETE: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_UNFINISHED: Final = ".unfinished"


class BackupFolder:
    """A folder that holds any number of backups of one installation."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is created.

        Args:
            root: the folder.
        """
        self.root = root.expanduser().absolute()
        self.store = FileStore(self.root)
        self._backups = self.root / "backups"

    def complete(self) -> list[Path]:
        """Return the complete backups, oldest first."""
        if not self._backups.is_dir():
            return []
        found = [one for one in self._backups.iterdir() if _COMPLETE.fullmatch(one.name)]
        return sorted(one for one in found if (one / MANIFEST_NAME).is_file())

    def find(self, name: str | None) -> Path:
        """Return the backup of this name, the newest when None.

        Raises:
            BackupError: there is none.
        """
        found = self.complete()
        if not found:
            raise BackupError(f"there is no complete backup in {self.root}")
        if name is None:
            return found[-1]
        for one in found:
            if one.name == name:
                return one
        raise BackupError(f"there is no complete backup {name} in {self.root}; the newest is {found[-1].name}")

    @contextmanager
    def being_written(self) -> Generator[None]:
        """Hold the folder for one backup, and clear up after interrupted ones.

        Raises:
            BackupError: somebody else is writing a backup here.
        """
        for folder in (self.root, self._backups, self.store.root):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.root / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(f"another backup is being written to {self.root}; wait for it to end") from None
            for one in self._backups.glob(f"*{_UNFINISHED}"):
                shutil.rmtree(one)
            self.store.open()
            yield
        finally:
            os.close(descriptor)

    def begin(self, at: datetime) -> Path:
        """Return a fresh folder to gather a backup in, named by its instant and not yet a backup."""
        while (self._backups / at.strftime(_INSTANT)).exists():
            at += timedelta(microseconds=1)
        fresh = self._backups / f"{at.strftime(_INSTANT)}{_UNFINISHED}"
        (fresh / "tables").mkdir(mode=0o700, parents=True)
        fresh.chmod(0o700)
        return fresh

    def finish(self, unfinished: Path) -> Path:
        """Give a gathered backup, its manifest included, its final name."""
        sync_folder(unfinished / "tables")
        final = unfinished.with_name(unfinished.name.removesuffix(_UNFINISHED))
        unfinished.rename(final)
        sync_folder(self._backups)
        sync_folder(self.root)
        return final
