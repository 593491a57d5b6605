"""Reading the log file.

Belongs here: its last lines, and those still to come. Does not belong here: writing it (`journal`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BLOCK: Final = 65_536
_LOOK_SECONDS: Final = 0.2


def last_lines(path: Path, number: int) -> list[str]:
    """Return the last lines of the file, none when there is no file; read from its end, however large it is."""
    if number == 0 or not path.exists():
        return []
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        tail = b""
        while at > 0 and tail.count(b"\n") <= number:
            step = min(_BLOCK, at)
            at = file.seek(at - step)
            tail = file.read(step) + tail
            file.seek(at)
    return tail.decode("utf-8", "replace").splitlines()[-number:]


def following(path: Path) -> Iterator[str]:
    """Yield lines as they are written, from now on, also after the file was rotated away. Never ends."""
    at = path.stat().st_size if path.exists() else 0
    identity = path.stat().st_ino if path.exists() else None
    rest = b""
    while True:
        if path.exists():
            facts = path.stat()
            if facts.st_ino != identity or facts.st_size < at:
                identity, at, rest = facts.st_ino, 0, b""
            with path.open("rb") as file:
                file.seek(at)
                new = file.read()
            at += len(new)
            *lines, rest = (rest + new).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines)
        time.sleep(_LOOK_SECONDS)
