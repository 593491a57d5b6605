"""The ledger's half of a merge: one transaction that moves rows from many files into one.

Belongs here: that transaction. Does not belong here: files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Engine, insert, update

from pipelines.compaction.merge import Merged
from pipelines.lake.clock import Clock, to_micros
from pipelines.lake.ledger import compacted_files, landed_files

_AT_ONCE: Final = 500


class OvertakenError(Exception):
    """Somebody else compacted or dropped some of these files meanwhile; the merge counts for nothing."""


def record_merge(engine: Engine, merged: Merged, clock: Clock) -> None:
    """Let the ledger name the compacted file as where the rows are; from now on it is.

    Raises:
        OvertakenError: the rows are no longer where the merge read them; nothing was recorded.
        sqlalchemy.exc.SQLAlchemyError: nothing was recorded (or, if the connection broke during the commit itself, it
            is unknown whether it was).
    """
    now_us = to_micros(clock.now())
    with engine.begin() as connection:
        connection.execute(
            insert(compacted_files).values(
                file_id=merged.file_id,
                workspace_id=merged.group.workspace_id,
                relative_path=merged.relative_path,
                received_day=merged.group.received_day,
                row_count=merged.row_count,
                byte_count=merged.byte_count,
                sha256=merged.sha256,
                first_file_seq=merged.members[0].file_seq,
                last_file_seq=merged.members[-1].file_seq,
                compacted_at_us=now_us,
            )
        )
        moved = _supersede(
            connection, [unit.compacted_id for unit in merged.units if unit.compacted_id], merged, now_us
        )
        loose = [unit.first_file_seq for unit in merged.units if unit.compacted_id is None]
        moved += _move(connection, loose, merged.file_id)
        if moved != len(merged.members):
            raise OvertakenError("the files were compacted or dropped by somebody else meanwhile")


def _supersede(connection: Connection, replaced: Sequence[str], merged: Merged, now_us: int) -> int:
    """Mark replaced compacted files and move their rows; return how many landing files moved."""
    if not replaced:
        return 0
    marked = connection.execute(
        update(compacted_files)
        .where(compacted_files.c.file_id.in_(replaced), compacted_files.c.superseded_at_us.is_(None))
        .values(superseded_at_us=now_us)
    )
    if marked.rowcount != len(replaced):
        raise OvertakenError("a compacted file was replaced by somebody else meanwhile")
    moved = connection.execute(
        update(landed_files)
        .where(landed_files.c.compacted_file_id.in_(replaced), landed_files.c.dropped_at_us.is_(None))
        .values(compacted_file_id=merged.file_id)
    )
    return moved.rowcount


def _move(connection: Connection, file_seqs: Sequence[int], file_id: str) -> int:
    moved = 0
    for start in range(0, len(file_seqs), _AT_ONCE):
        chosen = file_seqs[start : start + _AT_ONCE]
        still_loose = (
            landed_files.c.file_seq.in_(chosen)
            & landed_files.c.compacted_file_id.is_(None)
            & landed_files.c.dropped_at_us.is_(None)
        )
        moved += connection.execute(update(landed_files).where(still_loose).values(compacted_file_id=file_id)).rowcount
    return moved
