"""Accounts of past batches: what became of every record a device sent.

Belongs here: joining the ledger's side of a batch with what the build settled. Does not belong here: the receipt given
at upload (`commit`).
"""

from __future__ import annotations

from sqlalchemy import Engine, RowMapping, select

from daemon.wire.batch import BatchAccount
from pipelines.lake.catalog import Snapshot
from pipelines.lake.clock import from_micros, iso_utc
from pipelines.lake.ledger import landed_batches


def batch_accounts(
    engine: Engine, snapshot: Snapshot | None, device_id: str, *, batch_id: str | None, limit: int
) -> list[BatchAccount]:
    """Return the accounts of a device's batches, newest first.

    Args:
        engine: the app database.
        snapshot: the published build, if any; batches it has not taken in are `pending`.
        device_id: whose batches.
        batch_id: only the attempt of this name.
        limit: at most this many.
    """
    query = select(landed_batches).where(landed_batches.c.device_id == device_id)
    if batch_id is not None:
        query = query.where(landed_batches.c.batch_id == batch_id)
    query = query.order_by(landed_batches.c.chain_position.desc()).limit(limit)
    with engine.connect().execution_options(read_only=True) as connection:
        rows = connection.execute(query).mappings().all()
    settled = _settled(snapshot, [row["batch_key"] for row in rows]) if snapshot else {}
    return [_account(row, settled.get(row["batch_key"]), snapshot) for row in rows]


def _settled(snapshot: Snapshot, batch_keys: list[str]) -> dict[str, tuple[int, int, int]]:
    query = """
        select batch_key::varchar, landed_count, duplicate_count, quarantined_count
        from marts.fct_batches where list_contains($keys::uuid[], batch_key)
    """
    with snapshot.cursor() as cursor:
        found = cursor.execute(query, {"keys": batch_keys}).fetchall()
    return {key: (int(landed), int(duplicate), int(quarantined)) for key, landed, duplicate, quarantined in found}


def _account(row: RowMapping, settled: tuple[int, int, int] | None, snapshot: Snapshot | None) -> BatchAccount:
    # A batch with nothing in a file has nothing left for a build to settle.
    final = settled is not None or row["file_seq"] is None
    at_the_door = (row["landed_count"], row["duplicate_count"], row["quarantined_count"])
    landed, duplicate, quarantined = settled or at_the_door
    return BatchAccount(
        batch_id=row["batch_id"],
        received_at=iso_utc(from_micros(row["received_at_us"])),
        state="final" if final else "pending",
        received=row["received_count"],
        landed=landed,
        duplicate=duplicate,
        quarantined=quarantined,
        build_id=snapshot.build_id if settled and snapshot else None,
        records_sha256=row["records_sha256"],
    )
