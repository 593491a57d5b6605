"""The Arrow schema of a landed row, derived from the wire record.

Belongs here: how each wire field is stored in Parquet and which columns the server adds. Does not belong here: parsing
or validating (`api.ingest`), and warehouse types (`dbt_project`).
"""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
import pyarrow as pa

from daemon.wire.record import Record

LANDING_SCHEMA_VERSION: Final = 2
"""1: as received. 2: two more columns, which tell where a row of a compacted file landed."""

INSTANT: Final = pa.timestamp("us", tz="UTC")
UUID: Final = pa.uuid()

_ARROW_OF: Final[dict[type, pa.DataType]] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}
_INSTANTS: Final = frozenset({"requested_at", "recorded_at"})
ORIGIN_COLUMNS: Final = ("origin_file_seq", "origin_row_number")
"""Landing file and row in it, from 0; null in landing files themselves, set in compacted ones. Whoever reads rows takes
`coalesce(origin_file_seq, file_seq of the file)` and `coalesce(origin_row_number, row in the file)`."""

# Stored under another name, or not at all: the id becomes request_id, the two equal costs become one.
_NOT_AS_IS: Final = frozenset({"id", "cost_millicents", "cost_usd_minor_units"})


def _python_type(annotation: Any) -> tuple[type, bool]:
    """Return the plain type of a wire annotation and whether it may be null."""
    if get_origin(annotation) is Annotated:
        return _python_type(get_args(annotation)[0])
    if get_origin(annotation) in (types.UnionType, typing.Union):
        members = [m for m in get_args(annotation) if m is not type(None)]
        return _python_type(members[0])[0], True
    return annotation, False


def _wire_types() -> dict[str, tuple[pa.DataType, bool]]:
    hints = typing.get_type_hints(Record, include_extras=True)
    resolved = {f.name: _python_type(hints[f.name]) for f in msgspec.structs.fields(Record)}
    return {name: (_ARROW_OF[plain], nullable) for name, (plain, nullable) in resolved.items()}


WIRE_TYPES: Final = _wire_types()
"""Arrow type and nullability of each wire key, as it stands in JSON (instants are text there)."""

WIRE_STRUCT: Final = pa.struct([pa.field(name, kind) for name, (kind, _) in WIRE_TYPES.items()])
"""A record as the columnar JSON reader sees it; every field nullable, so that a null is judged, not refused."""


def _landing_schema() -> pa.Schema:
    server = [
        pa.field("request_id", UUID, nullable=False),
        pa.field("workspace_id", UUID, nullable=False),
        pa.field("device_id", UUID, nullable=False),
        pa.field("batch_key", UUID, nullable=False),
        pa.field("row_index", pa.int32(), nullable=False),
        pa.field("received_at", INSTANT, nullable=False),
    ]
    wire: list[pa.Field[Any]] = []
    for name, (kind, nullable) in WIRE_TYPES.items():
        if name == "cost_millicents":
            wire.append(pa.field("cost_logged_millicents", pa.int64(), nullable=True))
        if name not in _NOT_AS_IS:
            wire.append(pa.field(name, INSTANT if name in _INSTANTS else kind, nullable=nullable))
    origin = [pa.field(name, pa.int64(), nullable=True) for name in ORIGIN_COLUMNS]
    return pa.schema([*server, *wire, pa.field("extra_json", pa.string(), nullable=True), *origin])


LANDING_SCHEMA: Final = _landing_schema()
"""One row per received record. Instants are UTC microseconds, money is millicents, tokens are counts."""
