"""A whole compaction: retention's days, every group's merges, and the sweep; at once, or a slice of time at a time.

Belongs here: the order of work, and what is told at the end. Does not belong here: its slices (`pipelines.sliced_work`)
and when it runs (`pipelines.refresher`, `pipelines.assets.compaction`, `halton-cloud compact`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from pipelines.compaction.content import ContentError, read_members
from pipelines.compaction.merge import DamagedFilesError, MergeFile, check_digests
from pipelines.compaction.plan import Group, Unit, groups_with_work, is_over, next_merge, read_units
from pipelines.compaction.published import PublishedState, published_state
from pipelines.compaction.record import OvertakenError, record_merge
from pipelines.compaction.sweep import Swept, sweep
from pipelines.lake.clock import Clock
from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import Home
from pipelines.retention import drop_expired
from pipelines.sliced_work import BETWEEN_SLICES_SECONDS, go_on

_log = logging.getLogger(__name__)

Progress = Callable[[str], None]
"""Told of each thing done, in one plain line."""


@dataclass
class CompactionResult:
    """What a compaction did.

    Attributes:
        merges: how often files were merged into one.
        files_before: files that were merged.
        files_after: files that hold their rows now.
        rows: rows rewritten.
        bytes_before: size of the files that were merged.
        bytes_after: size of the files that were written.
        days_dropped: received days whose files retention let go of.
        swept: files that nothing needed any more and were deleted.
        damaged: a sentence per file that is not what the ledger says; its group was left alone.
        damaged_groups: those groups.
    """

    merges: int = 0
    files_before: int = 0
    files_after: int = 0
    rows: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    days_dropped: int = 0
    swept: Swept = field(default_factory=Swept)
    damaged: list[str] = field(default_factory=list[str])
    damaged_groups: list[Group] = field(default_factory=list[Group])

    @property
    def deleted(self) -> list[str]:
        """Relative paths of the files deleted."""
        return self.swept.deleted

    @property
    def did_anything(self) -> bool:
        """Whether anything is different from before, or wrong."""
        return bool(self.merges or self.days_dropped or self.deleted or self.damaged)

    def figures(self) -> dict[str, Any]:
        """Return it as numbers and names, for a command's answer and for Dagster's history."""
        return {
            "merges": self.merges,
            "files_before": self.files_before,
            "files_after": self.files_after,
            "rows": self.rows,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "days_dropped": self.days_dropped,
            "deleted": len(self.deleted),
            "damaged": self.damaged,
        }

    def summary(self) -> str:
        """Return it in one plain line."""
        line = (
            f"{self.files_before} files with {self.rows} rows became {self.files_after},"
            f" {len(self.deleted)} files deleted, {self.days_dropped} days dropped"
        )
        return f"{line}, {len(self.damaged)} files damaged" if self.damaged else line


def compact(
    home: Home,
    engine: Engine,
    clock: Clock,
    *,
    progress: Progress = _log.info,
    published: PublishedState | None = None,
) -> CompactionResult:
    """Do all there is to do, giving way to refreshes in between.

    Args:
        home: whose files.
        engine: its app database.
        clock: tells which days are over and past.
        progress: told of each merge.
        published: how far the published build goes; asked of the snapshot when None.

    Returns:
        What was done. Damaged files are named in it; their groups were left alone and all others compacted.

    Raises:
        OSError: a file could not be written or made durable; nothing of that merge was recorded.
        sqlalchemy.exc.SQLAlchemyError: the app database failed; a merge under way was not recorded.
    """
    result = CompactionResult()
    work = work_of(home, engine, clock, result, progress=progress, published=published)
    while go_on(work, home):
        sleep(BETWEEN_SLICES_SECONDS)
    return result


def work_of(
    home: Home,
    engine: Engine,
    clock: Clock,
    result: CompactionResult,
    *,
    progress: Progress = _log.info,
    published: PublishedState | None = None,
    leave_alone: Collection[Group] = (),
) -> Generator[None]:
    """Do all there is to do; yields at every point where the refresh lock may change hands.

    Args:
        home: whose files.
        engine: its app database.
        clock: tells which days are over and past.
        result: what was done is added to it.
        progress: told of each merge.
        published: how far the published build goes; asked of the snapshot when None.
        leave_alone: groups not to look at.
    """
    state = published or published_state(home)
    if state is not None:
        if state.horizons:
            for dropped in drop_expired(engine, clock, state.horizons, state.max_file_seq):
                result.days_dropped += 1
                progress(
                    f"workspace {dropped.workspace_id}, received {dropped.received_day}: {dropped.rows} rows in"
                    f" {dropped.files} files are past retention and dropped"
                )
            yield
        with engine.connect().execution_options(read_only=True) as connection:
            groups = groups_with_work(connection, clock.now())
        for group in groups:
            if group not in leave_alone:
                yield from _compact_group(home, engine, clock, group, state.max_file_seq, result, progress)
    yield from sweep(home, engine, clock, result.swept)


def _compact_group(
    home: Home,
    engine: Engine,
    clock: Clock,
    group: Group,
    newest_published: int,
    result: CompactionResult,
    progress: Progress,
) -> Generator[None]:
    """Merge until there is nothing to gain in a group, or something is wrong with it."""
    while True:
        with engine.connect().execution_options(read_only=True) as connection:
            units = read_units(connection, group, newest_published)
        yield
        chosen = next_merge(units, over=is_over(group.received_day, clock.now()))
        if not chosen:
            return
        try:
            yield from _merge(home, engine, clock, group, chosen, result)
        except (DamagedFilesError, OSError, IntegrityError) as fault:
            if _is_purged(engine, group):
                _log.info("received %s: the files' workspace was purged meanwhile", group.received_day)
                return
            if not isinstance(fault, DamagedFilesError):
                raise
            result.damaged += fault.faults
            result.damaged_groups.append(group)
            for sentence in fault.faults:
                _log.error("not compacted: %s", sentence)
            return
        except OvertakenError as fault:
            _log.info("received %s: %s", group.received_day, fault)
            return
        rows = sum(unit.row_count for unit in chosen)
        progress(
            f"workspace {group.workspace_id}, received {group.received_day}: {len(chosen)} files with {rows} rows"
            " became one"
        )


def _is_purged(engine: Engine, group: Group) -> bool:
    """Whether the ledger knows no file of the group any more: what went wrong with its files is no damage then."""
    of_group = (landed_files.c.workspace_id == group.workspace_id) & (landed_files.c.received_day == group.received_day)
    with engine.connect().execution_options(read_only=True) as connection:
        return connection.execute(select(landed_files.c.file_seq).where(of_group).limit(1)).first() is None


def _merge(
    home: Home, engine: Engine, clock: Clock, group: Group, chosen: list[Unit], result: CompactionResult
) -> Generator[None]:
    yield from check_digests(home, chosen)
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            members = read_members(connection, chosen)
    except ContentError as fault:
        raise DamagedFilesError([str(fault)]) from fault
    yield
    with MergeFile(home, group) as file:
        merged = yield from file.write(chosen, members)
        file.keep()  # from here on the ledger may name it, whatever becomes of the answer
        try:
            record_merge(engine, merged, clock)
        except OvertakenError:
            file.keep(kept=False)
            raise
    result.merges += 1
    result.files_before += len(chosen)
    result.files_after += 1
    result.rows += merged.row_count
    result.bytes_before += sum(unit.byte_count for unit in chosen)
    result.bytes_after += merged.byte_count
    yield
