"""Deleting bytes of the record that nothing refers to any more.

Belongs here: bytes replaced by compaction, dropped by retention, or left behind by a merge that died. Does not belong
here: files of dead ingest writers (`pipelines.lake.landing`): a landing file that the ledger does not know is never
touched.

Bytes stay ten minutes after the ledger let go of them, for queries that began before, and as long as anybody holds them
(`pipelines.lake.landing_lease`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, case, select

from pipelines.compaction.merge import UNFINISHED_SUFFIX
from pipelines.lake.clock import Clock, from_micros, to_micros
from pipelines.lake.file_locks import is_locked
from pipelines.lake.landing import COMPACTED_PREFIX, ORPHAN_GRACE
from pipelines.lake.landing_lease import deleting_landed_bytes
from pipelines.lake.ledger import compacted_files, landed_files, stored_files
from pipelines.lake.paths import Home

_AT_ONCE: Final = 500
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
    """Delete what has not been needed for `grace`, a folder at a time; yields between folders.

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
        changed_at = folder.stat().st_mtime_ns
        if not folder.is_dir() or folder.parent.name.startswith(".") or swept.settled.get(folder) == changed_at:
            continue
        with deleting_landed_bytes(home) as allowed:
            if not allowed:
                return
            found = _look_into(engine, home.landing, folder, clock.now() - grace)
            for path in found.deletable:
                path.unlink(missing_ok=True)
                swept.deleted.append(str(path.relative_to(home.landing)))
            if not _removed_as_empty(folder, clock) and not found.waiting and not found.deletable:
                swept.settled[folder] = changed_at
        yield


def _look_into(engine: Engine, landing: Path, folder: Path, oldest_kept: datetime) -> _Found:
    found = _Found()
    compacted: dict[str, Path] = {}
    landed: dict[str, str] = {}
    for path in folder.iterdir():
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
    known: dict[str, int | None] = {}
    for file_ids in _chunks(files):
        query = select(table.file_id, table.superseded_at_us).where(table.file_id.in_(file_ids))
        known |= {row[0]: row[1] for row in connection.execute(query)}
    for file_id, path in files.items():
        if file_id not in known:
            # A merge that died after its file got its name; its transaction may still be committing in PostgreSQL.
            found.add(path, goes=_written_at(path) < oldest_kept and not is_locked(path))
        elif (let_go_us := known[file_id]) is not None:
            found.add(path, goes=let_go_us < to_micros(oldest_kept))


def _let_go_of(connection: Connection, file_ids: Iterable[str]) -> Generator[tuple[str, int]]:
    """Yield path and instant of those landing files whose rows moved on or were dropped."""
    since = case(
        (landed_files.c.dropped_at_us.is_not(None), landed_files.c.dropped_at_us),
        else_=compacted_files.c.compacted_at_us,
    )
    for some in _chunks(file_ids):
        moved = (
            select(landed_files.c.relative_path, since)
            .select_from(stored_files)
            .where(landed_files.c.file_id.in_(some), since.is_not(None))
        )
        yield from ((row[0], row[1]) for row in connection.execute(moved))


def _removed_as_empty(folder: Path, clock: Clock) -> bool:
    try:
        day = date.fromisoformat(folder.name)
    except ValueError:
        return False
    if day >= (clock.now() - _DAYS_IN_USE).date() or any(folder.iterdir()):
        return False
    folder.rmdir()
    return True


def _written_at(path: Path) -> datetime:
    return from_micros(path.stat().st_mtime_ns // 1000)


def _chunks(keys: Iterable[str]) -> Generator[list[str]]:
    every = list(keys)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]
