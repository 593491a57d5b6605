"""Deleting bytes of the record that nothing refers to any more.

Belongs here: bytes replaced by compaction, dropped by retention, or left behind by a merge that died. Does not belong
here: files of dead ingest writers (`pipelines.lake.landing`): a landing file that the ledger does not know is never
touched.

Bytes stay ten minutes after the ledger let go of them, for queries that began before, and as long as anybody holds them
(`pipelines.lake.landing_lease`).
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, case, select

from pipelines.compaction.merge import UNFINISHED_SUFFIX
from pipelines.lake.clock import Clock, from_micros, to_micros
from pipelines.lake.file_locks import is_locked
from pipelines.lake.landing import COMPACTED_PREFIX, ORPHAN_GRACE
from pipelines.lake.landing_lease import deleting_landed_bytes
from pipelines.lake.ledger import compacted_files, landed_files, stored_files
from pipelines.lake.paths import Home

_T = TypeVar("_T")
_LOOKED_AT_AT_ONCE: Final = 250
_DELETED_AT_ONCE: Final = 20
"""Before others may have the lock: on a busy disk a file takes milliseconds."""
_DAYS_IN_USE: Final = timedelta(days=2)
"""No writer makes files in a day's folder that long after the day."""


@dataclass
class Swept:
    """What a sweep did and found.

    Attributes:
        deleted: relative paths of the files deleted.
        settled: folders in which everything is in use, by their modification time. They need no other look while that
            is the same, for a day: what is dropped by another process leaves no trace in it.
        settled_on: the day (UTC) `settled` was begun.
    """

    deleted: list[str] = field(default_factory=list[str])
    settled: dict[Path, int] = field(default_factory=dict[Path, int])
    settled_on: date | None = None


@dataclass
class _Found:
    """A folder's files: those that may go, and whether others are waiting for it."""

    deletable: list[Path] = field(default_factory=list[Path])
    waiting: bool = False

    def add(self, path: Path, *, goes: bool) -> None:
        if goes:
            self.deletable.append(path)
        else:
            self.waiting = True


def sweep(home: Home, engine: Engine, clock: Clock, swept: Swept, grace: timedelta = ORPHAN_GRACE) -> Generator[None]:
    """Delete what has not been needed for `grace`, some files at a time; yields between them.

    Call it only under the refresh lock.

    Args:
        home: where landing lives.
        engine: the app database.
        clock: tells how long ago the ledger let go of a file.
        swept: what was done is added to it; folders it knows to be settled are not looked into.
        grace: how long bytes stay after that.
    """
    if swept.settled_on != clock.now().date():
        swept.settled, swept.settled_on = {}, clock.now().date()
    for folder in sorted(home.landing.glob("*/*")):
        changed_at = _changed_at(folder)
        if changed_at is None or folder.parent.name.startswith(".") or swept.settled.get(folder) == changed_at:
            continue
        settled = True
        names = _names_in(folder)
        yield
        for some in _some_at_a_time(names, _LOOKED_AT_AT_ONCE):
            found = _look_at(engine, home.landing, [folder / name for name in some], clock.now() - grace)
            settled = settled and not found.waiting and not found.deletable
            yield
            # What may go once may go for ever; only who holds the bytes has to be asked again.
            for paths in _some_at_a_time(found.deletable, _DELETED_AT_ONCE):
                with deleting_landed_bytes(home) as allowed:
                    if not allowed:
                        return
                    for path in paths:
                        path.unlink(missing_ok=True)
                        swept.deleted.append(str(path.relative_to(home.landing)))
                yield
        with deleting_landed_bytes(home) as allowed:
            if not allowed:
                return
            if not _removed_as_empty(folder, clock) and settled:
                swept.settled[folder] = changed_at
        yield


def _look_at(engine: Engine, landing: Path, paths: Sequence[Path], oldest_kept: datetime) -> _Found:
    found = _Found()
    compacted: dict[str, Path] = {}
    landed: dict[str, str] = {}
    for path in paths:
        name = path.name
        if name.startswith(COMPACTED_PREFIX) and path.suffix == UNFINISHED_SUFFIX:
            found.add(path, goes=not is_locked(path))
        elif name.startswith(COMPACTED_PREFIX) and path.suffix == ".parquet":
            compacted[path.stem.removeprefix(COMPACTED_PREFIX)] = path
        elif path.suffix == ".parquet" and "_" in name:
            landed[str(path.relative_to(landing))] = path.stem.split("_", 1)[1]
    with engine.connect().execution_options(read_only=True) as connection:
        _judge_compacted(connection, compacted, oldest_kept, found)
        for path, let_go_us in _let_go_of(connection, landed.values()):
            if path in landed:
                found.add(landing / path, goes=let_go_us < to_micros(oldest_kept))
    return found


def _judge_compacted(connection: Connection, files: dict[str, Path], oldest_kept: datetime, found: _Found) -> None:
    table = compacted_files.c
    query = select(table.file_id, table.superseded_at_us).where(table.file_id.in_(files))
    known: dict[str, int | None] = {row[0]: row[1] for row in connection.execute(query)}
    for file_id, path in files.items():
        if file_id not in known:
            # A merge that died after its file got its name; its transaction may still be committing in PostgreSQL.
            changed_at = _changed_at(path)
            is_old = changed_at is not None and from_micros(changed_at // 1000) < oldest_kept
            found.add(path, goes=is_old and not is_locked(path))
        elif (let_go_us := known[file_id]) is not None:
            found.add(path, goes=let_go_us < to_micros(oldest_kept))


def _let_go_of(connection: Connection, file_ids: Iterable[str]) -> Generator[tuple[str, int]]:
    """Yield path and instant of those landing files whose rows moved on or were dropped."""
    since = case(
        (landed_files.c.dropped_at_us.is_not(None), landed_files.c.dropped_at_us),
        else_=compacted_files.c.compacted_at_us,
    )
    moved = (
        select(landed_files.c.relative_path, since)
        .select_from(stored_files)
        .where(landed_files.c.file_id.in_(list(file_ids)), since.is_not(None))
    )
    yield from ((row[0], row[1]) for row in connection.execute(moved))


def _removed_as_empty(folder: Path, clock: Clock) -> bool:
    try:
        day = date.fromisoformat(folder.name)
    except ValueError:
        return False
    if not folder.is_dir():
        return True
    if day >= (clock.now() - _DAYS_IN_USE).date() or any(folder.iterdir()):
        return False
    folder.rmdir()
    return True


def _changed_at(path: Path) -> int | None:
    """Return when a file or folder was last changed; None when it is gone, which another sweep may have done."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - paths of a crowded folder take ten times as long to make
    except (FileNotFoundError, NotADirectoryError):
        return []


def _some_at_a_time(things: Sequence[_T], count: int) -> Generator[Sequence[_T]]:
    for start in range(0, len(things), count):
        yield things[start : start + count]
