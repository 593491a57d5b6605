"""Whether derived files are still what they were when they were written.

Belongs here: digests of published files, each read once per process and again whenever the file system shows a change.
Does not belong here: landing files (`pipelines.build` checks them against the ledger), and what to do about a damaged
one.

A file that changes without its size, time or inode changing (a failing disk) is noticed by the next process that looks,
by `verify`, and by the nightly full build.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pipelines.durable_files import sha256_of_file
from pipelines.lake.catalog import read_pointer
from pipelines.lake.part_views import Part
from pipelines.lake.paths import Home
from pipelines.segments import Segment

_log = logging.getLogger(__name__)

Identity = tuple[int, int, int]

_known: dict[Path, tuple[Identity, str]] = {}


def identity(path: Path) -> Identity | None:
    """Return what changes when a file is written or replaced; None when it is missing."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def is_whole(path: Path, sha256: str) -> bool:
    """Whether a file is there and has this digest."""
    now = identity(path)
    if now is None:
        return False
    known = _known.get(path)
    if known is None or known[0] != now:
        try:
            known = now, sha256_of_file(path)
        except OSError:
            return False
        _known[path] = known
    return known[1] == sha256


def published_is_damaged(home: Home, build_id: str, segments: Sequence[Segment], parts: Sequence[Part]) -> bool:
    """Whether a file of a published build is not what was published; it is named in the log."""
    damaged = [one.name for one in segments if not is_whole(home.segments / one.name, one.sha256)]
    damaged += [one.name for one in parts if not is_whole(home.roll_up_parts / one.name, one.sha256)]
    try:
        pointer = read_pointer(home)
    except ValueError:
        pointer = None
    if pointer is not None and pointer.build_id == build_id and pointer.sha256:
        damaged += [] if is_whole(home.marts / pointer.file, pointer.sha256) else [pointer.file]
    if damaged:
        _log.warning("published files are damaged, everything is built anew: %s", ", ".join(damaged))
    return bool(damaged)
