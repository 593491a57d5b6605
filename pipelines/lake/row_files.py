"""Row files: the rows of one segment again, laid out so that one of them costs the decoding of a few.

Belongs here: the format, and reading one file. Does not belong here: making one (`pipelines.row_files`), and asking all
files of a build (`pipelines.lake.row_lookup`).

A row file is optional and can always be made again from its segment. Everything in it stands under a CRC that is
checked whenever it is read, and it names the SHA-256 of its segment: whatever is wrong with one is a `RowFileError`,
and readers then ask the segment itself. Nothing is memory-mapped: a file cut short under a mapping would kill the
process.

    magic
    batches      `BATCH_ROWS` rows each in the segment's order, Arrow record batches, each one zstd frame
    id blocks    `BLOCK_IDS` ids each in order of id, 16 bytes each, followed by their rows' positions, 4 bytes each
    directory    MessagePack of `Directory`
    trailer      offset, length and CRC of the directory, magic
"""

from __future__ import annotations

import os
import struct
import sys
import weakref
import zlib
from array import array
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from pipelines.lake.arrow import decompress, ipc

MAGIC: Final = b"HMROWS1\n"
BATCH_ROWS: Final = 128
BLOCK_IDS: Final = 128
CODEC: Final = "zstd"
TRAILER: Final = struct.Struct("<QII8s")
ID_BYTES: Final = 16
POSITION_BYTES: Final = 4
_ENTRY_BYTES: Final = ID_BYTES + POSITION_BYTES
_PREFIX_BYTES: Final = 8

Identity = tuple[int, int, int]


class RowFileError(Exception):
    """A row file is missing, torn, damaged or not its segment's; the segment itself has to be asked."""


class WorkspaceRows(msgspec.Struct, frozen=True, array_like=True):
    """Where one workspace's rows lie: positions [first, end), in order of `requested_at`.

    Attributes:
        workspace_id: 16 bytes.
        oldest_us: first instant, microseconds since 1970.
        newest_us: last instant.
    """

    workspace_id: bytes
    first: int
    end: int
    oldest_us: int
    newest_us: int


class Directory(msgspec.Struct, frozen=True):
    """What is where. Numbers by batch or block are little-endian arrays in bytes.

    Attributes:
        segment_sha256: digest of the segment these are the rows of, hex.
        row_count: rows.
        schema: Arrow schema of the batches, an IPC message.
        offsets: by batch, and one more: where the last one ends and the id blocks begin (u64).
        raw_bytes: by batch, its size once decompressed (u32).
        crcs: by batch (u32).
        newest_us: by batch, `requested_at` of its last row (i64).
        first_ids: by id block, its first id (16 bytes).
        id_crcs: by id block (u32).
        workspaces: in order of id.
    """

    segment_sha256: str
    row_count: int
    schema: bytes
    offsets: bytes
    raw_bytes: bytes
    crcs: bytes
    newest_us: bytes
    first_ids: bytes
    id_crcs: bytes
    workspaces: list[WorkspaceRows]


def rows_name(segment: str) -> str:
    """Return the name of the row file that lies beside a segment."""
    return f"{segment.removesuffix('.parquet')}.rows"


def packed(kind: str, numbers: list[int]) -> bytes:
    """Return numbers as a little-endian array of a kind of `array.array`."""
    return _native(array(kind, numbers)).tobytes()


def identity(path: Path) -> Identity | None:
    """Return what changes when a file is written or replaced; None when it is missing."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


class RowFile:
    """One open row file; safe to share between threads. The file is closed with its last user.

    Attributes:
        path: where it lies.
        identity: what it was when it was opened.
        row_count: rows in it.
        batch_count: batches in it.
        workspaces: where each workspace's rows lie, by the 16 bytes of its id.
        schema: of the batches.
        newest_us: by batch, `requested_at` of its last row.
    """

    def __init__(self, path: Path, segment_sha256: str) -> None:
        """Open it and read its directory.

        Args:
            path: the row file.
            segment_sha256: digest of the segment it has to belong to, hex.

        Raises:
            RowFileError: it is missing, not whole or another segment's.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as fault:
            raise RowFileError(f"{path.name} cannot be opened: {fault.strerror}") from fault
        weakref.finalize(self, os.close, self._descriptor)
        stat = os.fstat(self._descriptor)
        self.identity: Identity = stat.st_ino, stat.st_mtime_ns, stat.st_size
        try:
            directory = self._read_directory(stat.st_size)
            self.schema: pa.Schema = ipc.read_schema(pa.py_buffer(directory.schema))
            self._offsets = _numbers("Q", directory.offsets)
            self._raw_bytes = _numbers("I", directory.raw_bytes)
            self._crcs = _numbers("I", directory.crcs)
            self.newest_us = _numbers("q", directory.newest_us)
            self._id_crcs = _numbers("I", directory.id_crcs)
        except (msgspec.DecodeError, pa.ArrowException, struct.error, ValueError) as fault:
            raise self._damaged("its directory cannot be read") from fault
        if directory.segment_sha256 != segment_sha256:
            raise RowFileError(f"{path.name} belongs to other bytes than its segment's")
        self.row_count = directory.row_count
        self.batch_count = len(self._crcs)
        self.workspaces = {one.workspace_id: one for one in directory.workspaces}
        self._first_ids = directory.first_ids
        prefixes = range(0, len(self._first_ids), ID_BYTES)
        self._prefixes = array(
            "Q", [int.from_bytes(self._first_ids[at : at + _PREFIX_BYTES], "big") for at in prefixes]
        )

    def position(self, workspace_id: bytes, request_id: bytes) -> int | None:
        """Return where a workspace's request lies; None when it has none of this id here.

        Raises:
            RowFileError: what had to be read is damaged.
        """
        rows = self.workspaces.get(workspace_id)
        if rows is None:
            return None
        for block in self._blocks_with(request_id):
            content = self.id_block(block)
            ids_end = len(content) // _ENTRY_BYTES * ID_BYTES
            at = content.find(request_id, 0, ids_end)
            while at >= 0:
                if at % ID_BYTES == 0:
                    place = ids_end + at // ID_BYTES * POSITION_BYTES
                    position = int.from_bytes(content[place : place + POSITION_BYTES], "little")
                    if rows.first <= position < rows.end:  # ids are unique within a workspace only
                        return position
                at = content.find(request_id, at + 1, ids_end)
        return None

    def batch(self, number: int) -> pa.RecordBatch:
        """Return one batch: rows from position `number * BATCH_ROWS` on.

        Raises:
            RowFileError: it is damaged.
        """
        content = self.check_batch(number)
        try:
            raw = decompress(content, decompressed_size=self._raw_bytes[number], codec=CODEC)
            batch: pa.RecordBatch = ipc.read_record_batch(raw, self.schema)
        except (pa.ArrowException, OSError, ValueError) as fault:
            raise self._damaged(f"batch {number} cannot be decoded") from fault
        return batch

    def check_batch(self, number: int) -> bytes:
        """Return one batch as it is stored.

        Raises:
            RowFileError: it is damaged.
        """
        begin, end = self._offsets[number], self._offsets[number + 1]
        return self._read(begin, end - begin, self._crcs[number])

    def id_block(self, number: int) -> bytes:
        """Return one block of ids: all its ids, then all their positions.

        Raises:
            RowFileError: it is damaged.
        """
        count = min(BLOCK_IDS, self.row_count - number * BLOCK_IDS)
        begin = self._offsets[-1] + number * BLOCK_IDS * _ENTRY_BYTES
        return self._read(begin, count * _ENTRY_BYTES, self._id_crcs[number])

    @property
    def id_block_count(self) -> int:
        """Blocks of ids."""
        return len(self._id_crcs)

    def _blocks_with(self, request_id: bytes) -> range:
        """Return the blocks that an id may stand in: as a rule one."""
        prefix = int.from_bytes(request_id[:_PREFIX_BYTES], "big")
        low, high = bisect_left(self._prefixes, prefix), bisect_right(self._prefixes, prefix)
        if high > low:  # beginnings alike: the whole ids decide, so that nobody's choice of ids makes it slow
            blocks = range(low, high)
            low = bisect_left(blocks, request_id, key=self._first_id) + low
            high = bisect_right(blocks, request_id, key=self._first_id) + blocks.start
        return range(max(low - 1, 0), high)

    def _first_id(self, block: int) -> bytes:
        return self._first_ids[block * ID_BYTES : (block + 1) * ID_BYTES]

    def _read_directory(self, size: int) -> Directory:
        at = size - TRAILER.size
        if at < len(MAGIC) or os.pread(self._descriptor, len(MAGIC), 0) != MAGIC:
            raise self._damaged("it does not begin as one")
        offset, length, crc, magic = TRAILER.unpack(os.pread(self._descriptor, TRAILER.size, at))
        if magic != MAGIC or offset + length != at:
            raise self._damaged("it does not end as one")
        return msgspec.msgpack.decode(self._read(offset, length, crc), type=Directory)

    def _read(self, offset: int, length: int, crc: int) -> bytes:
        try:
            content = os.pread(self._descriptor, length, offset)
        except OSError as fault:
            raise self._damaged(f"it cannot be read: {fault.strerror}") from fault
        if len(content) != length or zlib.crc32(content) != crc:
            raise self._damaged(f"bytes {offset} to {offset + length} are not those that were written")
        return content

    def _damaged(self, why: str) -> RowFileError:
        return RowFileError(f"{self.path.name} is damaged: {why}")


def _numbers(kind: str, content: bytes) -> array[int]:
    numbers: array[int] = array(kind)
    numbers.frombytes(content)
    return _native(numbers)


def _native(numbers: array[Any]) -> array[Any]:
    """Turn an array from little-endian to the machine's order, or back."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
