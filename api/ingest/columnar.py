"""The fast way to read a batch: straight from JSON text to Arrow columns.

Belongs here: the columnar reader and nothing that judges a row (`rules`). Does not belong here: bodies this reader
refuses; those go the careful way (`rowwise`), which finds the offending rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, cast

import pyarrow as pa

from api.ingest.extras import EXTRA_TYPES, as_texts
from daemon.wire.batch import Quarantined
from pipelines.lake.arrow import Column
from pipelines.lake.arrow import json as pa_json
from pipelines.lake.schema import WIRE_STRUCT, WIRE_TYPES

_WIRE_FIELDS: Final[list[pa.Field[Any]]] = [pa.field(name, kind) for name, (kind, _) in WIRE_TYPES.items()]
_EXTENDED_STRUCT: Final = pa.struct([*_WIRE_FIELDS, *(pa.field(name, kind) for name, kind in EXTRA_TYPES.items())])
_BATCH_KEYS: Final = ["batch_id", "records"]
_NUL_ESCAPE: Final = b"\\u0000"


def _parse_options(record: pa.StructType) -> Any:
    schema = pa.schema([pa.field("batch_id", pa.string()), pa.field("records", pa.list_(record))])
    return pa_json.ParseOptions(explicit_schema=schema, newlines_in_values=True, unexpected_field_behavior="error")


_PARSE: Final[Any] = _parse_options(WIRE_STRUCT)
_PARSE_EXTENDED: Final[Any] = _parse_options(_EXTENDED_STRUCT)


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
    extras: Column | None = None
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
    except UnicodeDecodeError:
        return None
    # The reader gives up at the first key it does not know: for a body with extra ones that is its first record.
    table = _table(body, _PARSE) or _table(body, _PARSE_EXTENDED)
    if table is None or table.num_rows != 1 or table.column_names != _BATCH_KEYS:
        return None
    batch_id: Any = table["batch_id"][0].as_py()
    records: Any = table["records"].combine_chunks()
    if not isinstance(batch_id, str) or records.null_count:
        return None
    return _as_batch(body, batch_id, records.flatten())


def _as_batch(body: bytes, batch_id: str, rows: Any) -> ReadBatch | None:
    if rows.null_count:
        return None
    extras: Column | None = None
    if rows.type.num_fields > WIRE_STRUCT.num_fields:
        fields: dict[str, Column] = dict(zip([field.name for field in rows.type], rows.flatten(), strict=True))
        extras = as_texts(body, {name: fields[name] for name in EXTRA_TYPES})
        if extras is None:
            return None
        known: list[Any] = [fields[name] for name in WIRE_TYPES]
        rows = cast("Any", pa.StructArray).from_arrays(known, fields=_WIRE_FIELDS)
    # The reader takes no control character as it is, so a NUL can only have come as its one escape; looking for one
    # character is twenty times as fast as looking for six.
    nul_free = b"\\" not in body or _NUL_ESCAPE not in body
    return ReadBatch(batch_id=batch_id, records=rows, received=len(rows), extras=extras, nul_free=nul_free)


def _table(body: bytes, parse: Any) -> Any:
    options: Any = pa_json.ReadOptions(use_threads=False, block_size=len(body) + 1)
    try:
        return pa_json.read_json(pa.BufferReader(body), read_options=options, parse_options=parse)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
