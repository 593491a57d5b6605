"""Making row files: the rows of a segment again, for looking up single ones (`pipelines.lake.row_files`).

Belongs here: writing one from its segment, a little at a time. Does not belong here: when that is done
(`pipelines.row_file_upkeep`), checking one (`pipelines.row_file_checks`), and reading them.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Final

import duckdb
import msgspec
import pyarrow as pa

from pipelines.durable_files import move_durably, temporary_beside
from pipelines.lake.arrow import compress, compute, run_end_encode
from pipelines.lake.catalog import quoted
from pipelines.lake.decoded_rows import is_supported
from pipelines.lake.paths import Home
from pipelines.lake.row_files import (
    BATCH_ROWS,
    BLOCK_IDS,
    CODEC,
    ID_BYTES,
    MAGIC,
    POSITION_BYTES,
    TRAILER,
    Directory,
    RowFileError,
    WorkspaceRows,
    packed,
    rows_name,
)
from pipelines.lake.row_lookup import DERIVED, PROVIDER_REQUEST_ID
from pipelines.segments import Segment

_CHUNK_ROWS: Final = BATCH_ROWS * 128
"""Rows between two points where the work may pause: a tenth of a second or two."""
_MEMORY: Final = "512MB"
_NEEDED: Final = {
    "workspace_id": pa.uuid(),
    "request_id": pa.uuid(),
    "requested_at": pa.timestamp("us"),
    "received_at": pa.timestamp("us"),
    "project": pa.string(),
}


def write_row_file(home: Home, segment: Segment) -> Generator[None]:
    """Make a segment's row file durably; yields where the work may pause. Only complete ones take their name.

    Args:
        home: where segments lie.
        segment: one that has rows.

    Raises:
        RowFileError: the segment's rows cannot be laid out so; it stays without.
        duckdb.Error: the segment cannot be read.
        OSError: the file could not be made durable.
    """
    path = home.segments / segment.name
    temporary = temporary_beside(home.segments / rows_name(segment.name))
    try:
        with temporary.open("wb") as stream:
            # Whoever clears away leftovers of dead runs sees that this one is alive.
            fcntl.flock(stream, fcntl.LOCK_EX)
            with closing(segment_connection(home)) as connection:
                yield from _Writer(stream, connection, path, segment).write()
            stream.flush()
            move_durably(temporary, home.segments / rows_name(segment.name))
    finally:
        temporary.unlink(missing_ok=True)


def remove_unless_in_use(path: Path) -> None:
    """Delete a temporary file beside the segments, unless it is a row file that somebody alive is making.

    A large one is made between refreshes, and each of them clears away leftovers.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


class _Writer:
    """One row file under way."""

    def __init__(self, stream: BinaryIO, connection: duckdb.DuckDBPyConnection, path: Path, segment: Segment) -> None:
        self._stream, self._connection, self._path, self._segment = stream, connection, path, segment
        self._offsets, self._raw_bytes, self._crcs, self._newest = [len(MAGIC)], list[int](), list[int](), list[int]()
        self._ids: list[Any] = []
        self._id_crcs: list[int] = []
        self._first_ids = bytearray()
        self._workspaces: list[WorkspaceRows] = []
        self._rows = 0

    def write(self) -> Generator[None]:
        self._stream.write(MAGIC)
        schema: pa.Schema | None = None
        for chunk in chunks(self._connection, self._path):
            schema = chunk.schema
            self._write_chunk(chunk)
            yield
        if schema is None or self._rows != self._segment.row_count:
            raise RowFileError(f"{self._path.name} holds {self._rows} rows, not {self._segment.row_count}")
        for block in id_blocks(self._ids):
            self._first_ids += block[:ID_BYTES]
            self._id_crcs.append(zlib.crc32(block))
            self._stream.write(block)
        yield
        directory = msgspec.msgpack.encode(
            Directory(
                segment_sha256=self._segment.sha256,
                row_count=self._rows,
                schema=schema.serialize().to_pybytes(),
                offsets=packed("Q", self._offsets),
                raw_bytes=packed("I", self._raw_bytes),
                crcs=packed("I", self._crcs),
                newest_us=packed("q", self._newest),
                first_ids=bytes(self._first_ids),
                id_crcs=packed("I", self._id_crcs),
                workspaces=self._workspaces,
            )
        )
        begin = self._stream.tell()
        self._stream.write(directory)
        self._stream.write(TRAILER.pack(begin, len(directory), zlib.crc32(directory), MAGIC))

    def _write_chunk(self, chunk: pa.Table) -> None:
        self._workspaces = joined(self._workspaces, workspace_rows(chunk, self._rows))
        self._ids.append(ids_of(chunk))
        instants: Any = chunk["requested_at"].combine_chunks().view(pa.int64())
        for batch in chunk.to_batches(max_chunksize=BATCH_ROWS):
            raw: Any = batch.serialize()
            content: bytes = compress(raw, codec=CODEC, asbytes=True)
            self._stream.write(content)
            self._rows += batch.num_rows
            self._offsets.append(self._offsets[-1] + len(content))
            self._raw_bytes.append(raw.size)
            self._crcs.append(zlib.crc32(content))
        first = self._rows - chunk.num_rows
        self._newest += instants.take(
            pa.array([min(at + BATCH_ROWS, self._rows) - first - 1 for at in range(first, self._rows, BATCH_ROWS)])
        ).to_pylist()


def workspace_rows(chunk: pa.Table, first: int) -> list[WorkspaceRows]:
    """Return where the workspaces of some rows lie, the first of them at position `first`.

    Raises:
        RowFileError: the rows are not in order of workspace and instant.
    """
    found: list[WorkspaceRows] = []
    workspaces: Any = chunk["workspace_id"].combine_chunks()
    runs: Any = run_end_encode(workspaces.storage)
    instants: Any = chunk["requested_at"].combine_chunks().view(pa.int64())
    begin = 0
    for workspace, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        own = instants[begin:end]
        ordered = len(own) < 2 or compute.all(compute.less_equal(own[:-1], own[1:])).as_py()  # noqa: PLR2004
        one = WorkspaceRows(workspace, first + begin, first + end, own[0].as_py(), own[-1].as_py())
        if not ordered or (found and found[-1].workspace_id >= workspace):
            raise RowFileError("the rows of a segment are not in order of workspace and instant")
        found.append(one)
        begin = end
    return found


def joined(earlier: list[WorkspaceRows], later: list[WorkspaceRows]) -> list[WorkspaceRows]:
    """Return the workspaces of rows that follow on rows.

    Raises:
        RowFileError: the rows are not in order of workspace and instant.
    """
    if not earlier or not later:
        return earlier + later
    last, first = earlier[-1], later[0]
    if (last.workspace_id, last.newest_us) > (first.workspace_id, first.oldest_us) and (
        last.workspace_id >= first.workspace_id
    ):
        raise RowFileError("the rows of a segment are not in order of workspace and instant")
    if last.workspace_id != first.workspace_id:
        return earlier + later
    one = WorkspaceRows(last.workspace_id, last.first, first.end, last.oldest_us, first.newest_us)
    return [*earlier[:-1], one, *later[1:]]


def segment_connection(home: Home) -> duckdb.DuckDBPyConnection:
    """Return a small DuckDB that reads segments as row files hold them."""
    settings = {"threads": 1, "memory_limit": _MEMORY, "temp_directory": str(home.serving_spill)}
    connection = duckdb.connect(config=settings)
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set arrow_lossless_conversion = true")  # ids as ids, not as text
    return connection


def chunks(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[pa.Table]:
    """Yield a segment's rows in its order, `_CHUNK_ROWS` at a time but for the last."""
    answer: Any = connection.sql(
        f"select *, {PROVIDER_REQUEST_ID} as {DERIVED} from read_parquet({quoted(path)})"  # noqa: S608 - our own file
    )
    waiting: list[pa.RecordBatch] = []
    for batch in answer.to_arrow_reader(_CHUNK_ROWS):
        if not waiting:
            _check_types(batch.schema)
        waiting.append(batch)
        while sum(one.num_rows for one in waiting) >= _CHUNK_ROWS:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, _CHUNK_ROWS).combine_chunks()
            waiting = table.slice(_CHUNK_ROWS).to_batches()
    if any(one.num_rows for one in waiting):
        yield pa.Table.from_batches(waiting).combine_chunks()


def ids_of(chunk: pa.Table) -> Any:
    """Return the ids of some rows, as an array of 16 bytes each."""
    ids: Any = chunk["request_id"].combine_chunks()
    return ids.storage


def _check_types(schema: pa.Schema) -> None:
    wrong = [f"{one.name} ({one.type})" for one in schema if not is_supported(one.type)]
    wrong += [name for name, kind in _NEEDED.items() if name not in schema.names or schema.field(name).type != kind]
    if wrong:
        raise RowFileError(f"row files cannot hold these columns: {', '.join(wrong)}")


def id_blocks(parts: list[Any]) -> Iterator[bytes]:
    """Yield the blocks of a segment's ids, given in its order as arrays of 16 bytes each."""
    ids: Any = pa.chunked_array(parts).combine_chunks()
    order: Any = compute.sort_indices(ids)
    ids_bytes = memoryview(ids.take(order).buffers()[1])
    positions_bytes = memoryview(order.cast(pa.uint32()).buffers()[1])
    for begin in range(0, len(ids), BLOCK_IDS):
        end = min(begin + BLOCK_IDS, len(ids))
        yield bytes(ids_bytes[begin * ID_BYTES : end * ID_BYTES]) + bytes(
            positions_bytes[begin * POSITION_BYTES : end * POSITION_BYTES]
        )
