"""The commit point: one ledger transaction for a group of uploads whose files are already durable.

Belongs here: what the ledger says of a file and of a batch, the chain of batch digests, and the receipts that follow
from it. Does not belong here: writing files (`pipelines.lake.landing`) and gathering groups (`group`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, Engine, Table, bindparam, insert, select, update

from api.ingest.prepare import Prepared
from api.projects import SeenProjects, observe_projects
from daemon.wire.batch import Receipt, Withheld
from pipelines.lake.arrow import compute as pc
from pipelines.lake.clock import to_micros
from pipelines.lake.landing import LandedFile
from pipelines.lake.ledger import chain_hash, landed_batches, landed_files, landing_sequence, metadata, quarantined_rows
from pipelines.lake.schema import LANDING_SCHEMA_VERSION

_SUMMED: Final = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")

# Put together once: a group asks them all, and building one takes longer than SQLite takes to answer it.
_KNOWN_BODIES: Final = select(
    landed_batches.c.workspace_id, landed_batches.c.device_id, landed_batches.c.records_sha256
).where(landed_batches.c.records_sha256.in_(bindparam("digests", expanding=True)))
_RAISED_SEQUENCE: Final = (
    update(landing_sequence)
    .where(landing_sequence.c.id == 1)
    .values(value=landing_sequence.c.value + bindparam("files"))
    .returning(landing_sequence.c.value)
)
_WORKSPACES: Final[Table] = metadata.tables["workspaces"]
_DEVICES: Final[Table] = metadata.tables["devices"]
_CHAIN: Final = (
    select(_WORKSPACES.c.batch_chain_position, _WORKSPACES.c.batch_chain_head)
    .where(_WORKSPACES.c.id == bindparam("workspace"))
    .with_for_update(key_share=True)
)
_LENGTHENED_CHAIN: Final = (
    update(_WORKSPACES)
    .where(_WORKSPACES.c.id == bindparam("workspace"))
    .values(batch_chain_position=bindparam("position"), batch_chain_head=bindparam("head"))
)
_SIGHTED: Final = (
    update(_DEVICES)
    .where(_DEVICES.c.id == bindparam("device"))
    .values({_DEVICES.c[name]: bindparam(name) for name in (
        "last_seen_at_us", "last_batch_at_us", "last_batch_newest_recorded_at_us", "last_batch_row_count",
    )})
)  # fmt: skip
_FILE: Final = insert(landed_files)
_BATCHES: Final = insert(landed_batches)


@dataclass(frozen=True)
class Landing:
    """The uploads of one workspace in a group, and the file that holds their rows.

    Attributes:
        workspace_id: whose rows.
        file: the durable file; None when no upload has a row to land.
        sums: what the ledger says of the file's rows (`sums_of`).
        uploads: in the order their rows stand in the file.
        replays: batch keys of uploads whose body is already on record; their rows are in no file.
    """

    workspace_id: str
    file: LandedFile | None
    sums: dict[str, Any]
    uploads: Sequence[Prepared]
    replays: frozenset[str]


def sums_of(table: pa.Table) -> dict[str, Any]:
    """Return what the ledger says of a file's rows; asked before the transaction, which others wait for."""
    if table.num_rows == 0:
        return {}
    requested: dict[str, datetime] = pc.min_max(table["requested_at"]).as_py()
    cost = table["cost_logged_millicents"]
    return {
        **{name: pc.sum(table[name]).as_py() or 0 for name in _SUMMED},
        "cost_logged_millicents": pc.sum(cost).as_py() or 0,
        "unpriced_rows": cost.null_count,
        "first_requested_at_us": to_micros(requested["min"]),
        "last_requested_at_us": to_micros(requested["max"]),
    }


def find_replays(connection: Connection, uploads: Sequence[Prepared]) -> frozenset[str]:
    """Return the batch keys of uploads whose very body this device had acknowledged before.

    Such an upload is all duplicates. Missing one costs nothing: the build finds every repeated id.
    """
    digests = {upload.records_sha256 for upload in uploads if upload.received}
    seen = {tuple(row) for row in connection.execute(_KNOWN_BODIES, {"digests": list(digests)})}
    return frozenset(upload.batch_key for upload in uploads if (*upload.sender, upload.records_sha256) in seen)


def commit_group(engine: Engine, landings: Sequence[Landing], committed_at: datetime) -> dict[str, Receipt]:
    """Record a group of uploads in one transaction; when this returns, they are acknowledged.

    Args:
        engine: the app database.
        landings: one per workspace.
        committed_at: the server's instant.

    Returns:
        The receipt of each upload, by batch key.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: nothing was recorded (or, if the connection broke during the commit itself, it
            is unknown whether it was; the sender sends again and the build de-duplicates).
    """
    receipts: dict[str, Receipt] = {}
    with engine.begin() as connection:
        next_seq = _reserve(connection, sum(1 for landing in landings if landing.file))
        # In the order of ids, so that two processes that lock the same workspaces cannot lock each other out.
        for landing in sorted(landings, key=lambda one: one.workspace_id):
            file_seq = None
            if landing.file:
                file_seq, next_seq = next_seq, next_seq + 1
                connection.execute(_FILE, _file_row(landing, landing.file, file_seq, committed_at))
            receipts |= _record_batches(connection, landing, file_seq)
    return receipts


def _reserve(connection: Connection, count: int) -> int:
    """Take the next `count` sequence numbers, holding the counter until the transaction ends."""
    return int(connection.execute(_RAISED_SEQUENCE, {"files": count}).scalar_one()) - count + 1


def _file_row(landing: Landing, file: LandedFile, file_seq: int, committed_at: datetime) -> dict[str, Any]:
    return {
        "file_seq": file_seq,
        "file_id": file.file_id,
        "workspace_id": landing.workspace_id,
        "relative_path": file.relative_path,
        "received_day": file.relative_path.split("/")[1],
        "row_count": file.row_count,
        "byte_count": file.byte_count,
        "sha256": file.sha256,
        **landing.sums,
        "committed_at_us": to_micros(committed_at),
        "schema_version": LANDING_SCHEMA_VERSION,
    }


def _record_batches(connection: Connection, landing: Landing, file_seq: int | None) -> dict[str, Receipt]:
    position, head = connection.execute(_CHAIN, {"workspace": landing.workspace_id}).one()
    receipts: dict[str, Receipt] = {}
    batch_rows: list[dict[str, Any]] = []
    seen: SeenProjects = {}
    for upload in landing.uploads:
        receipt = _receipt(connection, upload, seen, replayed=upload.batch_key in landing.replays)
        row = _batch_row(upload, receipt, file_seq if receipt.accepted else None)
        row |= {"chain_position": position + 1, "previous_chain_hash": head}
        position, head = position + 1, chain_hash(row, landing.file.sha256 if receipt.accepted and landing.file else "")
        row["chain_hash"] = head
        batch_rows.append(row)
        receipts[upload.batch_key] = receipt
    connection.execute(_BATCHES, batch_rows)
    if set_aside := [row for upload in landing.uploads for row in _quarantine_rows(upload, landing.replays)]:
        connection.execute(insert(quarantined_rows), set_aside)
    lengthened = {"workspace": landing.workspace_id, "position": position, "head": head}
    connection.execute(_LENGTHENED_CHAIN, lengthened)
    connection.execute(_SIGHTED, [_device_values(u) for u in landing.uploads])
    return receipts


def _receipt(connection: Connection, upload: Prepared, seen: SeenProjects, *, replayed: bool) -> Receipt:
    if replayed:
        # Its records are accounted for already, those set aside the first time included.
        return Receipt(
            batch_id=upload.batch_id,
            received=upload.received,
            accepted=0,
            duplicates=upload.received,
            withheld=[],
            quarantined=[],
        )
    by_project = upload.rows_by_project
    reasons = observe_projects(
        connection,
        upload.sender.workspace_id,
        by_project,
        to_micros(upload.received_at),
        device_id=upload.sender.device_id,
        seen=seen,
    )
    return Receipt(
        batch_id=upload.batch_id,
        received=upload.received,
        accepted=upload.table.num_rows,
        duplicates=upload.duplicates,
        withheld=[
            Withheld(project=slug, reason=str(reason), rows=by_project[slug])
            for slug, reason in reasons.items()
            if reason is not None
        ],
        quarantined=upload.quarantined,
    )


def _batch_row(upload: Prepared, receipt: Receipt, file_seq: int | None) -> dict[str, Any]:
    return {
        "batch_key": upload.batch_key,
        "batch_id": upload.batch_id,
        "workspace_id": upload.sender.workspace_id,
        "device_id": upload.sender.device_id,
        "file_seq": file_seq,
        "received_at_us": to_micros(upload.received_at),
        "received_count": receipt.received,
        "landed_count": receipt.accepted,
        "duplicate_count": receipt.duplicates,
        "quarantined_count": len(receipt.quarantined),
        "withheld_count": sum(item.rows for item in receipt.withheld),
        "records_sha256": upload.records_sha256,
    }


def _quarantine_rows(upload: Prepared, replays: frozenset[str]) -> list[dict[str, Any]]:
    if upload.batch_key in replays:
        return []
    return [
        {
            "batch_key": upload.batch_key,
            "workspace_id": upload.sender.workspace_id,
            "device_id": upload.sender.device_id,
            "row_index": item.index,
            "request_id": item.id,
            "code": item.code,
            "detail": item.detail,
            "raw_bytes": upload.quarantined_raw[item.index],
            "received_at_us": to_micros(upload.received_at),
        }
        for item in upload.quarantined
    ]


def _device_values(upload: Prepared) -> dict[str, Any]:
    received_at_us = to_micros(upload.received_at)
    return {
        "device": upload.sender.device_id,
        "last_seen_at_us": received_at_us,
        "last_batch_at_us": received_at_us,
        "last_batch_newest_recorded_at_us": upload.newest_recorded_at_us,
        "last_batch_row_count": upload.received,
    }
