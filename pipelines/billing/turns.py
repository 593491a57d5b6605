"""One reader at a time per connection, over all processes of a home.

Belongs here: the lock. Does not belong here: reading (`run`), and what is read when (`reading_loop`).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pipelines.lake.paths import Home

_LOOK_EVERY_SECONDS: Final = 0.05


class TurnTakenError(Exception):
    """Somebody else reads this connection at the moment."""


@contextmanager
def turn(home: Home, connection_id: str, *, patience_seconds: float = 0.0) -> Generator[None]:
    """Hold the right to read a connection. The kernel frees it when its holder dies, and no file of it stays.

    Args:
        home: whose connection it is.
        connection_id: which one.
        patience_seconds: so long to wait for whoever has it.

    Raises:
        TurnTakenError: somebody else has it.
        OSError: the lock file cannot be made.
    """
    path = home.bill_turns / connection_id
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_seconds
    while (descriptor := _taken(path)) is None:
        if time.monotonic() >= deadline:
            raise TurnTakenError
        time.sleep(_LOOK_EVERY_SECONDS)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()  # before the lock goes: whoever waits for it finds the file gone, and makes another
        os.close(descriptor)


def _taken(path: Path) -> int | None:
    """Return an open descriptor that holds the lock of this file; None when somebody else holds it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None
