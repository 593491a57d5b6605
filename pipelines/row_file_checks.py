"""Whether a row file is what it should be.

Belongs here: reading every byte of one, and holding one against its segment. Does not belong here: making them
(`pipelines.row_files`), and what is done about a damaged one (`pipelines.row_file_upkeep`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

import pyarrow as pa

from pipelines.lake.catalog import quoted
from pipelines.lake.paths import Home
from pipelines.lake.row_files import BATCH_ROWS, RowFile, RowFileError, WorkspaceRows, rows_name
from pipelines.row_files import chunks, id_blocks, ids_of, segment_connection
from pipelines.segments import Segment


def check_row_file(home: Home, segment: Segment) -> Generator[None]:
    """Hold a row file against its segment, every byte of it and every value; yields where the work may pause.

    Raises:
        RowFileError: it is damaged or holds other rows; the message says where.
        duckdb.Error: the segment cannot be read.
    """
    file = RowFile(home.segments / rows_name(segment.name), segment.sha256)
    if file.row_count != segment.row_count:
        raise RowFileError(f"{file.path.name} holds {file.row_count} rows, its segment {segment.row_count}")
    with closing(segment_connection(home)) as connection:
        number, ids = 0, list[Any]()
        for chunk in chunks(connection, home.segments / segment.name):
            batches = [file.batch(at) for at in range(number, number + -(-chunk.num_rows // BATCH_ROWS))]
            if pa.Table.from_batches(batches) != chunk:
                raise RowFileError(f"{file.path.name} differs from its segment at rows {number * BATCH_ROWS} onwards")
            number += len(batches)
            ids.append(ids_of(chunk))
            yield
    for number, block in enumerate(id_blocks(ids)):
        if file.id_block(number) != block:
            raise RowFileError(f"{file.path.name}: its list of ids is not its segment's")
    if list(file.workspaces.values()) != _workspaces(home, segment):
        raise RowFileError(f"{file.path.name}: its workspaces are not its segment's")


def check_bytes(home: Home, segment: Segment) -> Generator[None]:
    """Read every byte of a row file once; yields where the work may pause.

    Raises:
        RowFileError: it is missing, damaged or another segment's.
    """
    file = RowFile(home.segments / rows_name(segment.name), segment.sha256)
    for read, count in ((file.check_batch, file.batch_count), (file.id_block, file.id_block_count)):
        for number in range(count):
            read(number)
            if number % 1_000 == 0:
                yield


def _workspaces(home: Home, segment: Segment) -> list[WorkspaceRows]:
    with closing(segment_connection(home)) as connection:
        summed = "workspace_id, count(*), epoch_us(min(requested_at)), epoch_us(max(requested_at))"
        path = quoted(home.segments / segment.name)
        rows = connection.execute(f"select {summed} from read_parquet({path}) group by 1 order by 1").fetchall()  # noqa: S608 - our own file
    found: list[WorkspaceRows] = []
    for workspace, count, oldest, newest in rows:
        first = found[-1].end if found else 0
        found.append(WorkspaceRows(workspace.bytes, first, first + count, oldest, newest))
    return found
