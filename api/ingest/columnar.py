"""The fast way to read a batch: straight from JSON text to Arrow columns.

Belongs here: the columnar reader and nothing that judges a row (`rules`). Does not belong here: bodies this reader
refuses; those go the careful way (`rowwise`), which finds the offending rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from daemon.wire.batch import Quarantined
from pipelines.lake.arrow import Column
from pipelines.lake.arrow import json as pa_json
from pipelines.lake.schema import WIRE_STRUCT

_BATCH_SCHEMA: Final = pa.schema([pa.field("batch_id", pa.string()), pa.field("records", pa.list_(WIRE_STRUCT))])
_NUL_ESCAPE: Final = b"\\u0000"
_PARSE: Final[Any] = pa_json.ParseOptions(
    explicit_schema=_BATCH_SCHEMA, newlines_in_values=True, unexpected_field_behavior="error"
)


@dataclass
class ReadBatch:
    """Records of one upload as columns, before any rule has judged their values.

    Attributes:
        batch_id: the client's name for this attempt.
        records: struct array of `WIRE_STRUCT`, one element per readable record, in order.
        positions: index in the upload of each element of `records`; None when they are simply 0..n-1.
        extras: JSON object text of unknown keys per element of `records`; None when there are none.
        received: number of records in the upload.
        refused: records that could not be read as columns, with their reason.
        refused_raw: raw bytes of each refused record, by index.
        nul_free: no text holds a NUL character, for sure.
    """

    batch_id: str
    records: Column
    received: int
    positions: list[int] | None = None
    extras: list[str | None] | None = None
    refused: list[Quarantined] = field(default_factory=list[Quarantined])
    refused_raw: dict[int, bytes] = field(default_factory=dict[int, bytes])
    nul_free: bool = False


def read_columnar(body: bytes) -> ReadBatch | None:
    """Read a whole upload into Arrow columns.

    The reader is strict: another JSON type than the wire's, an unknown or repeated key, a number out of range, invalid
    escapes, or anything after the object make it give up.

    Args:
        body: decompressed bytes of `POST /v1/requests/batch`.

    Returns:
        The batch, or None when this reader will not have it (which says nothing about the rows yet).
    """
    # Before Arrow sees it: its reader takes the whole process down (SIGSEGV) over a body that begins with `null`.
    if body.lstrip()[:1] != b"{":
        return None
    try:
        if not body.isascii():
            body.decode("utf-8")
        table: Any = pa_json.read_json(
            pa.BufferReader(body),
            read_options=pa_json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=_PARSE,
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None
    if table.num_rows != 1 or table.column_names != _BATCH_SCHEMA.names:
        return None
    batch_id: Any = table["batch_id"][0].as_py()
    records: Any = table["records"].combine_chunks()
    if not isinstance(batch_id, str) or records.null_count:
        return None
    rows: Column = records.flatten()
    if rows.null_count:
        return None
    # The reader takes no control character as it is, so a NUL can only have come as its one escape; looking for one
    # character is twenty times as fast as looking for six.
    nul_free = b"\\" not in body or _NUL_ESCAPE not in body
    return ReadBatch(batch_id=batch_id, records=rows, received=len(rows), nul_free=nul_free)
