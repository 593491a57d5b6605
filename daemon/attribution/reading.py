"""Reading small files of people, none of which can be trusted.

Belongs here: what may be opened at all, and how much of it. Does not belong here: which files (`rcfile`, `repository`).

A file named `.haltonrc` may be a pipe that never answers, a device that acts when it is opened, a link to somebody
else's secret, or a hundred gigabytes; a folder that everybody may write to may hold one that somebody left there to
claim other people's calls.
"""

from __future__ import annotations

import os
import stat
from pathlib import PurePath
from typing import Final

_UNHELD: Final = getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""Flags with which opening a pipe returns at once and a terminal is not taken over."""


class Files:
    """Files as the calling process sees them.

    Attributes:
        root: where its file system begins, seen from here; empty when both see the same.
        owners: users whose files are believed; None where files have no such owner.
    """

    def __init__(self, root: str | None, user: int | None) -> None:
        """Believe files of the system, of this process' own user, and of `user` to whom the calling process belongs."""
        self.root = root or ""
        self.owners = frozenset({0, os.geteuid(), *({user} - {None})}) if os.name == "posix" else None

    def read(self, path: PurePath, limit: int) -> bytes | None:
        """Return a whole file; None when it is missing, of somebody else, no plain file, or larger than `limit` octets.

        A link is followed if it is itself one of the owners'; what it leads to is held to the same.
        """
        seen = f"{self.root}{path}"
        try:
            if not (self._believed(os.lstat(seen)) and self._plain(os.stat(seen))):  # noqa: PTH116 - strings throughout
                return None
            descriptor = os.open(seen, os.O_RDONLY | _UNHELD)
        except (OSError, ValueError):
            return None
        try:
            # Asked again of what was opened: the name may lead elsewhere by now.
            if not self._plain(os.fstat(descriptor)):
                return None
            content = os.read(descriptor, limit + 1)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return content if len(content) <= limit else None

    def is_folder(self, path: PurePath) -> bool:
        """Return whether `path` is a folder, or one's link, of an owner."""
        try:
            state = os.stat(f"{self.root}{path}")  # noqa: PTH116 - strings throughout
        except (OSError, ValueError):
            return False
        return stat.S_ISDIR(state.st_mode) and self._believed(state)

    def _plain(self, state: os.stat_result) -> bool:
        return stat.S_ISREG(state.st_mode) and self._believed(state)

    def _believed(self, state: os.stat_result) -> bool:
        return self.owners is None or state.st_uid in self.owners
