"""From an upload's bytes to a table ready to land, and a list of what was set aside.

Belongs here: choosing the way a body is read, applying the rules, dropping exact repeats within the upload, and adding
the server's columns. Does not belong here: storage and the ledger (`commit`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, cast
from uuid import uuid4

import pyarrow as pa

from api.errors import Refused
from api.ingest.columnar import ReadBatch, read_columnar
from api.ingest.request_ids import uuid_values
from api.ingest.rowwise import as_text, printable_id, read_rowwise
from api.ingest.rules import Fault, judge
from api.ingest.scanner import Scanner
from daemon.wire.batch import Quarantined
from pipelines.lake.arrow import Column, array, repeat, take, uuid_array
from pipelines.lake.arrow import compute as pc
from pipelines.lake.schema import INSTANT, LANDING_SCHEMA, ORIGIN_COLUMNS, WIRE_TYPES
from pipelines.lake.schema import UUID as UUID_TYPE

BATCH_ID_LONGEST: Final = 64
_UUID_BYTES: Final = pa.binary(16)


def _indices(count: int) -> Column:
    counted: Column = array(range(count), type=pa.int32())
    return counted


_FIRST_INDICES: Final = _indices(10_000)
"""Positions in an upload, sliced for every one that is not larger."""
_LANDED_NAMES: Final = dict.fromkeys(LANDING_SCHEMA.names)
"""In the schema's order; the schema itself makes a list of them every time it is asked."""


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
        rows_by_project: rows of `table` of each project that has any, in the order projects first appear.
        newest_recorded_at_us: the latest `recorded_at` in `table`, in microseconds; None when it has no rows.
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
    rows_by_project: dict[str, int]
    newest_recorded_at_us: int | None
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
    # A null record has no fields; `flatten` carries its null into each of them.
    fields: list[Column] = cast("Any", read.records).flatten()
    columns = dict(zip(WIRE_TYPES, fields, strict=True))
    judged = judge(columns, received_at, nul_free=read.nul_free)
    quarantined, keep = _set_aside(read, judged.faults, columns["id"])
    raw = dict(read.refused_raw)
    if missing := [item.index for item in quarantined if item.index not in raw]:
        raw |= _raw_records(body, missing)
    shaped = _landing_columns(columns, judged.instants, read.extras)
    shaped["row_index"] = _row_indices(read)
    batch_key = str(uuid4())
    shaped |= _server_columns(len(read.records), sender, batch_key, received_at)
    rows = {name: pc.filter(column, keep) for name, column in shaped.items()} if keep is not None else shaped
    rows["request_id"] = _request_ids(judged.ids, columns["id"], keep)
    table = pa.Table.from_arrays([rows[name] for name in _LANDED_NAMES], schema=LANDING_SCHEMA)
    repeats = _exact_repeats(table, rows["request_id"])
    if repeats:
        table = take(table, sorted(set(range(table.num_rows)) - repeats))
    return Prepared(
        sender=sender,
        batch_key=batch_key,
        batch_id=read.batch_id,
        received_at=received_at,
        received=read.received,
        table=table,
        rows_by_project=_rows_by_project(table),
        newest_recorded_at_us=_newest(table),
        duplicates=len(repeats),
        quarantined=quarantined,
        quarantined_raw=raw,
        records_sha256=_digest(body, read.batch_id),
    )


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
    columns: dict[str, Column], instants: dict[str, Column], extras: Column | None
) -> dict[str, Column]:
    length = len(columns["id"])
    shaped = {name: column for name, column in columns.items() if name in _LANDED_NAMES}
    shaped |= instants
    shaped["cost_logged_millicents"] = pc.coalesce(columns["cost_millicents"], columns["cost_usd_minor_units"])
    shaped["extra_json"] = pa.nulls(length, pa.string()) if extras is None else extras
    shaped |= {name: pa.nulls(length, pa.int64()) for name in ORIGIN_COLUMNS}
    return shaped


def _server_columns(length: int, sender: Sender, batch_key: str, received_at: datetime) -> dict[str, Column]:
    def constant(identifier: str) -> Column:
        return uuid_array(UUID_TYPE, repeat(pa.scalar(bytes.fromhex(identifier.replace("-", "")), _UUID_BYTES), length))

    return {
        "workspace_id": constant(sender.workspace_id),
        "device_id": constant(sender.device_id),
        "batch_key": constant(batch_key),
        "received_at": repeat(pa.scalar(received_at, INSTANT), length),
    }


def _row_indices(read: ReadBatch) -> Column:
    if read.positions is not None:
        positions: Column = array(read.positions, type=pa.int32())
        return positions
    return _FIRST_INDICES[: read.received] if read.received <= len(_FIRST_INDICES) else _indices(read.received)


def _request_ids(values: Column | None, text: Column, keep: Column | None) -> Column:
    """Return the ids of the rows to keep, none of which is anything but a UUID."""
    if values is not None:
        kept: Column = values if keep is None else pc.filter(values, keep)
        return kept
    found = uuid_values(text if keep is None else pc.filter(text, keep))
    assert found is not None  # noqa: S101 - the rules set aside every other id
    return found


def _exact_repeats(table: pa.Table, request_ids: Column) -> set[int]:
    """Return positions of rows that repeat an earlier row of the upload in every field.

    A repeated id with another content is not decided here: both rows land, and the build keeps the first and
    quarantines the other, by the one rule it has for copies that arrive at any time.
    """
    values: Any = cast("Any", request_ids).storage
    if pc.count_distinct(values).as_py() == len(values):
        return set()
    positions: dict[bytes, list[int]] = {}
    for position, request_id in enumerate(values.to_pylist()):
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


def _rows_by_project(table: pa.Table) -> dict[str, int]:
    counts: list[dict[str, Any]] = pc.value_counts(table["project"]).to_pylist()
    return {count["values"]: count["counts"] for count in counts if count["values"]}


def _newest(table: pa.Table) -> int | None:
    newest: int | None = pc.max(table["recorded_at"].cast(pa.int64())).as_py()
    return newest


def _raw_records(body: bytes, wanted: list[int]) -> dict[int, bytes]:
    """Cut the raw bytes of some records out of a body that a reader accepted."""
    needed, found = set(wanted), dict[int, bytes]()
    scanner = Scanner(as_text(body))
    for key in scanner.object_keys():
        if key != "records":
            scanner.value()
            continue
        for index, (_, start, end) in enumerate(scanner.elements()):
            if index in needed:
                found[index] = scanner.text[start:end].encode("utf-8", "surrogatepass")
    return found


def _digest(body: bytes, batch_id: str) -> str:
    # Only the attempt's name differs between a body and the same body sent again.
    name = batch_id.encode("utf-8", "surrogatepass")
    start = body.find(name)
    if start < 0:
        return hashlib.sha256(body).hexdigest()
    whole = memoryview(body)  # slices of it are no copies
    digest = hashlib.sha256(whole[:start])
    digest.update(whole[start + len(name) :])
    return digest.hexdigest()
