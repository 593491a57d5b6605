"""Deleting the landed files of a workspace: loose ones, compacted ones, unfinished ones.

Belongs here: the folder of one workspace under landing, whose files hold nobody else's rows. Does not belong here: the
ledger, which must have let go of them before.

No grace is kept: a query that still reads one of these files reads on (its file stays until it is closed) or fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipelines.lake.landing import sync_folder
from pipelines.lake.landing_lease import deleting_landed_bytes
from pipelines.lake.paths import Home
from pipelines.refresh_lock import refresh_lock

_TRIES: Final = 10


class BytesNeededError(Exception):
    """A backup or a verification needs the landed files to stay for now; try again when it is over."""


def delete_landed(home: Home, workspace_id: str) -> None:
    """Delete every landed file of a workspace. Waits for a refresh or a slice of compaction to end.

    Raises:
        BytesNeededError: somebody needs landed bytes to stay; nothing was deleted.
        OSError: a file cannot be deleted.
    """
    with refresh_lock(home), deleting_landed_bytes(home) as allowed:
        if not allowed:
            raise BytesNeededError(
                "A backup or a verification is reading the landed files; run the purge again when it is over."
            )
        delete_folder(home.landing / workspace_id)
        sync_folder(home.landing)


def delete_folder(folder: Path, visit: Callable[[Path], None] | None = None) -> None:
    """Delete a folder with all that is in it, also what appears while it is being deleted.

    Args:
        folder: may be missing.
        visit: told of each file before it goes.

    Raises:
        OSError: something cannot be deleted.
    """
    for attempt in range(_TRIES):
        if visit is not None and folder.is_dir():
            for path in sorted(folder.rglob("*")):
                visit(path)
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            if not folder.exists():
                return
        except OSError:
            if attempt == _TRIES - 1:
                raise
        else:
            return
