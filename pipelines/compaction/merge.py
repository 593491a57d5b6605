"""One merge, from digests to a durable file that was read back.

Belongs here: the file half of a merge. Does not belong here: the ledger's half (`record`).

Everything here yields often, so that whoever drives it can pause: between two steps the refresh lock may be given up.
While a merge lives it holds a lock on the file it writes, under whatever name; the sweep deletes no locked file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import pyarrow as pa

from pipelines.compaction.content import ContentError, Member, check_content
from pipelines.compaction.plan import Group, Unit
from pipelines.compaction.rows import rows_in_order
from pipelines.lake.arrow import parquet
from pipelines.lake.landing import COMPACTED_PREFIX, PARQUET_OPTIONS, sync_folder
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA, ORIGIN_COLUMNS

UNFINISHED_SUFFIX: Final = ".part"
_COMPRESSION_LEVEL: Final = 3
ROWS_PER_GROUP: Final = 32_768
"""A row group is written in one go, and nobody gets the refresh lock meanwhile."""
_GROUPS_PER_SYNC: Final = 8
_CHUNK_BYTES: Final = 4 << 20


class DamagedFilesError(Exception):
    """Files of a merge are missing or not what the ledger says; nothing was changed.

    Attributes:
        faults: one sentence per file.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Merged:
    """A durable compacted file that the ledger does not know yet."""

    file_id: str
    group: Group
    relative_path: str
    row_count: int
    byte_count: int
    sha256: str
    units: Sequence[Unit]
    members: Sequence[Member]


def check_digests(home: Home, units: Sequence[Unit]) -> Generator[None]:
    """Compare the files' bytes with the ledger's digests; yields between files.

    Raises:
        DamagedFilesError: every file that differs is named.
    """
    faults: list[str] = []
    for unit in units:
        try:
            digest = yield from _digest(home.landing / unit.relative_path)
        except OSError as fault:
            faults.append(f"landing file {unit.relative_path} cannot be read: {fault.strerror}")
        else:
            if digest != unit.sha256:
                faults.append(f"landing file {unit.relative_path} is damaged: its SHA-256 is not the ledger's")
        yield
    if faults:
        raise DamagedFilesError(faults)


def _digest(path: Path) -> Generator[None, None, str]:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            if len(chunk) == _CHUNK_BYTES:
                yield
    return digest.hexdigest()


class MergeFile:
    """The file a merge writes; a context manager that deletes it unless it was `keep`t."""

    def __init__(self, home: Home, group: Group) -> None:
        """Name the file; it is created by entering.

        Args:
            home: where landing lives.
            group: whose rows.
        """
        self.file_id = str(uuid4())
        self._folder = home.landing_folder(group.workspace_id, group.received_day)
        self._final = self._folder / f"{COMPACTED_PREFIX}{self.file_id}.parquet"
        self._begun = self._final.with_suffix(UNFINISHED_SUFFIX)
        self._landing = home.landing
        self._group = group
        self._kept = False

    def __enter__(self) -> Self:
        """Create the file and lock it."""
        self._descriptor = os.open(self._begun, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        """Give up the lock; a file that is not in the ledger goes."""
        if not self._kept:
            self._begun.unlink(missing_ok=True)
            self._final.unlink(missing_ok=True)
        os.close(self._descriptor)

    def keep(self, *, kept: bool = True) -> None:
        """Leave the file at the end: the ledger names it, or may."""
        self._kept = kept

    def write(self, units: Sequence[Unit], members: Sequence[Member]) -> Generator[None, None, Merged]:
        """Write the rows in landing order, make the file durable, and read it back.

        Raises:
            DamagedFilesError: an input or the file written does not hold what the ledger says.
            OSError: the file could not be made durable.
        """
        try:
            yield from self._rows(members)
            yield
            self._make_durable()
            yield
            relative = str(self._final.relative_to(self._landing))
            yield from check_content(self._final, f"compacted file {relative}", members)
        except ContentError as fault:
            raise DamagedFilesError([str(fault)]) from fault
        digest = yield from _digest(self._final)
        yield
        return Merged(
            file_id=self.file_id,
            group=self._group,
            relative_path=relative,
            row_count=sum(member.row_count for member in members),
            byte_count=self._final.stat().st_size,
            sha256=digest,
            units=units,
            members=members,
        )

    def _rows(self, members: Sequence[Member]) -> Generator[None]:
        waiting: list[pa.Table] = []
        count = groups = 0
        options: dict[str, Any] = {**PARQUET_OPTIONS, "compression_level": _COMPRESSION_LEVEL}
        # Row numbers go up by one: their differences take next to nothing.
        options["column_encoding"] = {ORIGIN_COLUMNS[1]: "DELTA_BINARY_PACKED"}
        with (
            os.fdopen(os.dup(self._descriptor), "wb") as stream,
            parquet.ParquetWriter(stream, LANDING_SCHEMA, **options) as writer,
        ):
            for table in rows_in_order(self._landing, members):
                yield
                if table is None:
                    continue
                waiting.append(table)
                count += table.num_rows
                while count >= ROWS_PER_GROUP:
                    together = pa.concat_tables(waiting)
                    writer.write_table(together.slice(0, ROWS_PER_GROUP))
                    waiting = [together.slice(ROWS_PER_GROUP)]
                    count -= ROWS_PER_GROUP
                    groups += 1
                    yield
                    if groups % _GROUPS_PER_SYNC == 0:
                        # Little by little: one fsync of everything at the end would hold up whoever waits for the lock.
                        stream.flush()
                        os.fdatasync(self._descriptor)
                        yield
            if count:
                writer.write_table(pa.concat_tables(waiting))

    def _make_durable(self) -> None:
        os.fsync(self._descriptor)
        self._begun.replace(self._final)
        sync_folder(self._folder)
