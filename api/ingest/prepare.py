"""From an upload's bytes to a table ready to land, and a list of what was set aside.

Belongs here: choosing the way a body is read, applying the rules, dropping exact repeats within the upload, and adding
the server's columns. Does not belong here: storage and the ledger (`commit`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, cast
from uuid import UUID, uuid4

import pyarrow as pa

from api.errors import Refused
from api.ingest.columnar import ReadBatch, read_columnar
from api.ingest.rowwise import printable_id, read_rowwise
from api.ingest.rules import Fault, judge
from api.ingest.scanner import Scanner
from daemon.wire.batch import Quarantined
from pipelines.lake.arrow import Column, array, repeat, take, uuid_array
from pipelines.lake.arrow import compute as pc
from pipelines.lake.schema import INSTANT, LANDING_SCHEMA, WIRE_TYPES
from pipelines.lake.schema import UUID as UUID_TYPE

BATCH_ID_LONGEST: Final = 64
_UUID_BYTES: Final = pa.binary(16)


class Sender(NamedTuple):
    """Who sent an upload: one device of one workspace."""

    workspace_id: str
    device_id: str


@dataclass(frozen=True)
class Prepared:
    """One upload, judged and ready to land.

    Attributes:
        sender: device and workspace it is from.
        batch_key: the server's name for this upload.
        batch_id: the client's name for it.
        received_at: when it arrived, by the server's clock.
        received: number of records in it.
        table: rows to land, in `LANDING_SCHEMA`, in the order they came.
        duplicates: records that repeat another of this upload exactly.
        quarantined: records set aside, by index.
        quarantined_raw: their raw bytes, by index.
        records_sha256: digest of the upload without its batch_id; equal for a body sent again.
    """

    sender: Sender
    batch_key: str
    batch_id: str
    received_at: datetime
    received: int
    table: pa.Table
    duplicates: int
    quarantined: list[Quarantined]
    quarantined_raw: dict[int, bytes]
    records_sha256: str


def prepare(body: bytes, sender: Sender, received_at: datetime) -> Prepared:
    """Read, judge and shape one upload.

    Args:
        body: decompressed bytes of `POST /v1/requests/batch`.
        sender: the authenticated device.
        received_at: the server's instant.

    Raises:
        Refused: the body as a whole is no batch.
    """
    read = read_columnar(body) or read_rowwise(body)
    if not 0 < len(read.batch_id) <= BATCH_ID_LONGEST or not read.batch_id.isprintable():
        raise Refused(422, "not_a_batch", "The batch_id is empty or too long.")
    columns = {name: _field(read.records, i) for i, name in enumerate(WIRE_TYPES)}
    instants, faults = judge(columns, received_at)
    quarantined, keep = _set_aside(read, faults, columns["id"])
    raw = dict(read.refused_raw)
    if missing := [item.index for item in quarantined if item.index not in raw]:
        raw |= _raw_records(body, missing)
    positions = array(read.positions if read.positions is not None else range(read.received), type=pa.int32())
    shaped = _landing_columns(columns, instants, read.extras)
    shaped["row_index"] = positions
    batch_key = str(uuid4())
    shaped |= _server_columns(len(positions), sender, batch_key, received_at)
    rows = {name: pc.filter(column, keep) for name, column in shaped.items()} if keep is not None else shaped
    ids = pc.filter(columns["id"], keep) if keep is not None else columns["id"]
    rows["request_id"] = _uuid_column(ids)
    table = pa.Table.from_arrays([rows[name] for name in LANDING_SCHEMA.names], schema=LANDING_SCHEMA)
    repeats = _exact_repeats(table, ids)
    if repeats:
        table = take(table, sorted(set(range(table.num_rows)) - repeats))
    return Prepared(
        sender=sender,
        batch_key=batch_key,
        batch_id=read.batch_id,
        received_at=received_at,
        received=read.received,
        table=table,
        duplicates=len(repeats),
        quarantined=quarantined,
        quarantined_raw=raw,
        records_sha256=_digest(body, read.batch_id),
    )


def _field(records: Column, position: int) -> Column:
    # A null record has no fields; `flatten` carries its null into each of them.
    field: Column = pc.struct_field(records, [position])
    return field


def _set_aside(read: ReadBatch, faults: list[Fault], ids: Column) -> tuple[list[Quarantined], Column | None]:
    """Return every quarantined record in order, and a mask of the rows to keep (None: all)."""
    quarantined = list(read.refused)
    if not faults:
        return sorted(quarantined, key=lambda item: item.index), None
    bad: dict[int, Fault] = {}
    for fault in faults:
        for row in pc.indices_nonzero(pc.fill_null(fault.broken, False)).to_pylist():
            bad.setdefault(row, fault)
    for row, fault in bad.items():
        index = read.positions[row] if read.positions is not None else row
        quarantined.append(
            Quarantined(index=index, id=printable_id(ids[row].as_py()), code=fault.code, detail=fault.detail)
        )
    keep = array([row not in bad for row in range(len(ids))], type=pa.bool_())
    return sorted(quarantined, key=lambda item: item.index), keep


def _landing_columns(
    columns: dict[str, Column], instants: dict[str, Column], extras: list[str | None] | None
) -> dict[str, Column]:
    length = len(columns["id"])
    shaped = {name: column for name, column in columns.items() if name in LANDING_SCHEMA.names}
    shaped |= instants
    shaped["cost_logged_millicents"] = pc.coalesce(columns["cost_millicents"], columns["cost_usd_minor_units"])
    shaped["extra_json"] = array(extras if extras is not None else [None] * length, type=pa.string())
    return shaped


def _server_columns(length: int, sender: Sender, batch_key: str, received_at: datetime) -> dict[str, Column]:
    def constant(identifier: str) -> Column:
        return uuid_array(UUID_TYPE, repeat(pa.scalar(UUID(identifier).bytes, _UUID_BYTES), length))

    return {
        "workspace_id": constant(sender.workspace_id),
        "device_id": constant(sender.device_id),
        "batch_key": constant(batch_key),
        "received_at": repeat(pa.scalar(received_at, INSTANT), length),
    }


def _uuid_column(ids: Column) -> Column:
    """Turn canonical UUID text into 16-byte values, the whole column at once."""
    text = cast("list[str]", ids.to_pylist())
    raw = bytes.fromhex("".join(text).replace("-", ""))
    storage = pa.FixedSizeBinaryArray.from_buffers(_UUID_BYTES, len(text), [None, pa.py_buffer(raw)])
    return uuid_array(UUID_TYPE, storage)


def _exact_repeats(table: pa.Table, ids: Column) -> set[int]:
    """Return positions of rows that repeat an earlier row of the upload in every field.

    A repeated id with another content is not decided here: both rows land, and the build keeps the first and
    quarantines the other, by the one rule it has for copies that arrive at any time.
    """
    lowered = pc.utf8_lower(ids)
    if pc.count_distinct(lowered).as_py() == len(ids):
        return set()
    positions: dict[str, list[int]] = {}
    for position, request_id in enumerate(lowered.to_pylist()):
        positions.setdefault(request_id, []).append(position)
    repeats: set[int] = set()
    for same in (group for group in positions.values() if len(group) > 1):
        contents: list[dict[str, Any]] = take(table, same).drop_columns(["row_index"]).to_pylist()
        seen: list[dict[str, Any]] = []
        for position, content in zip(same, contents, strict=True):
            if content in seen:
                repeats.add(position)
            seen.append(content)
    return repeats


def _raw_records(body: bytes, wanted: list[int]) -> dict[int, bytes]:
    """Cut the raw bytes of some records out of a body that the columnar reader accepted."""
    needed, found = set(wanted), dict[int, bytes]()
    scanner = Scanner(body.decode("utf-8"))
    for key in scanner.object_keys():
        if key != "records":
            scanner.value()
            continue
        for index, (_, start, end) in enumerate(scanner.elements()):
            if index in needed:
                found[index] = scanner.text[start:end].encode("utf-8")
    return found


def _digest(body: bytes, batch_id: str) -> str:
    # Only the attempt's name differs between a body and the same body sent again.
    return hashlib.sha256(body.replace(batch_id.encode("utf-8", "surrogatepass"), b"", 1)).hexdigest()
