"""Calls on their way to a cloud: what waits, what is being sent, what was acknowledged.

Belongs here: the queries of the outbox, each on a connection it is handed. Does not belong here: sending, and which
projects may leave (`daemon.cloud`).

    pending ──open_batch──> pending, in an open batch ──close_batch──> sent | quarantined
       ^                                  │
       └───────────drop_batch─────────────┘

A call in an open batch is not offered again, so that two processes that send take different calls; after a crash the
open batch says which bytes may already be on the other side.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from daemon.calls.call import Call
from daemon.store import cloud_state
from daemon.store.rows import COLUMNS, SELECT, calls_of, count_of
from daemon.store.text import held, held_list
from daemon.wire.batch import Receipt, Withheld

_DETAIL_MAX: Final = 1000
"""Characters kept of what a server says about one row."""
_CODE_MAX: Final = 64
_BEFORE_ALL: Final = (-1, "")
_PENDING_AFTER: Final = (
    "WHERE upload_state = 'pending' AND (recorded_at_us, id) > (?, ?)"
    " AND NOT EXISTS (SELECT 1 FROM batch_calls WHERE call_id = calls.id)"
    " AND project COLLATE NOCASE NOT IN (SELECT value FROM json_each(?))"
    " ORDER BY recorded_at_us, id LIMIT ?"
)


class StoredBatch(msgspec.Struct, kw_only=True, frozen=True):
    """A batch that left, or was about to.

    Attributes:
        batch_id: names it on both sides.
        state: `open` (its answer is not known), `acknowledged` or `dropped` (its calls are pending again).
        opened_at_us: UTC microseconds.
        closed_at_us: when the answer was written down; None while open.
        call_ids: in the order they were sent; empty when dropped.
        row_count: how many were sent.
        records_sha256: in hex, of the records as they left.
        received: as the receipt says, as are the three below; None without one.
        withheld: rows that the cloud holds but keeps out of its dashboards.
    """

    batch_id: str
    state: str
    opened_at_us: int
    closed_at_us: int | None
    call_ids: tuple[str, ...]
    row_count: int
    records_sha256: str
    received: int | None = None
    accepted: int | None = None
    duplicates: int | None = None
    quarantined: int | None = None
    withheld: tuple[Withheld, ...] = ()


class QuarantinedCall(msgspec.Struct, kw_only=True, frozen=True):
    """A call that a cloud set aside; `code` and `detail` are its words, `batch_id` the batch it was in."""

    call: Call
    batch_id: str
    code: str
    detail: str
    acknowledged_at_us: int


def pending(
    connection: sqlite3.Connection, limit: int, after: tuple[int, str] | None, excluded_projects: Collection[str]
) -> list[Call]:
    """Return calls that wait and are in no open batch, oldest record first."""
    rows = connection.execute(
        SELECT + _PENDING_AFTER,
        [*(after or _BEFORE_ALL), held_list(excluded_projects), limit],
    )
    return calls_of(rows)


def pending_count(connection: sqlite3.Connection, excluded_projects: Collection[str]) -> int:
    """Return how many calls are not acknowledged, those of excluded projects left out."""
    return count_of(
        connection.execute(
            "SELECT count(*) FROM calls INDEXED BY pending_of_project WHERE upload_state = 'pending'"
            " AND project COLLATE NOCASE NOT IN (SELECT value FROM json_each(?))",
            [held_list(excluded_projects)],
        )
    )


def withheld_count(connection: sqlite3.Connection, projects: Collection[str]) -> int:
    """Return how many calls of these projects are not acknowledged."""
    return count_of(
        connection.execute(
            "SELECT count(*) FROM calls WHERE upload_state = 'pending'"
            " AND project COLLATE NOCASE IN (SELECT value FROM json_each(?))",
            [held_list(projects)],
        )
    )


def open_batch(
    connection: sqlite3.Connection, batch_id: str, call_ids: Sequence[str], records_sha256: str, at_us: int
) -> None:
    """Write down what is about to be sent; see `Store.open_batch`."""
    if not call_ids or len(set(call_ids)) != len(call_ids):
        raise ValueError("a batch has at least one call and none twice")
    ids = held_list(call_ids)
    free = connection.execute(
        "SELECT count(*) FROM json_each(?) AS wanted CROSS JOIN calls ON calls.id = wanted.value"
        " WHERE upload_state = 'pending' AND NOT EXISTS (SELECT 1 FROM batch_calls WHERE call_id = calls.id)",
        # CROSS JOIN: the other way round every page would read all that waits.
        [ids],
    )
    if count_of(free) != len(call_ids):
        raise ValueError("a call of the batch is not pending, or is in another open batch")
    try:
        connection.execute(
            "INSERT INTO batches (batch_id, state, opened_at_us, row_count, records_sha256)"
            " VALUES (?, 'open', ?, ?, ?)",
            [batch_id, at_us, len(call_ids), records_sha256],
        )
    except sqlite3.IntegrityError as error:
        raise ValueError(f"there is a batch {batch_id} already") from error
    connection.execute(
        "INSERT INTO batch_calls (batch_id, position, call_id) SELECT ?, key, value FROM json_each(?)", [batch_id, ids]
    )


def close_batch(connection: sqlite3.Connection, batch_id: str, receipt: Receipt, at_us: int) -> None:
    """Write a receipt down; see `Store.close_batch`."""
    state = _state_of(connection, batch_id)
    if state == "acknowledged":
        return
    if state == "dropped":
        raise ValueError(f"batch {batch_id} was dropped")
    ids = _call_ids(connection, batch_id, "open")
    verdicts = _verdicts(ids, receipt)
    connection.execute(
        "UPDATE calls SET upload_state = 'sent', batch_id = ?, acknowledged_at_us = ?"
        " WHERE id IN (SELECT call_id FROM batch_calls WHERE batch_id = ?)",
        [batch_id, at_us, batch_id],
    )
    connection.executemany(
        "UPDATE calls SET upload_state = 'quarantined', quarantine_code = ?, quarantine_detail = ? WHERE id = ?",
        [(code, detail, call_id) for call_id, (code, detail) in verdicts.items()],
    )
    _note_withheld(connection, batch_id, receipt, at_us)
    connection.execute("DELETE FROM batch_calls WHERE batch_id = ?", [batch_id])
    connection.execute(
        "UPDATE batches SET state = 'acknowledged', closed_at_us = ?, received = ?, accepted = ?, duplicates = ?,"
        " quarantined = ?, withheld = ? WHERE batch_id = ?",
        [
            at_us,
            *(_counted(n) for n in (receipt.received, receipt.accepted, receipt.duplicates, len(receipt.quarantined))),
            msgspec.json.encode(_cleaned(receipt.withheld)).decode(),
            batch_id,
        ],
    )


def quarantine(connection: sqlite3.Connection, call_ids: Sequence[str], code: str, detail: str, at_us: int) -> int:
    """Set pending calls aside on this machine's own account; see `Store.quarantine`."""
    return connection.execute(
        "UPDATE calls SET upload_state = 'quarantined', quarantine_code = ?, quarantine_detail = ?,"
        " acknowledged_at_us = ? WHERE upload_state = 'pending' AND id IN (SELECT value FROM json_each(?))"
        " AND NOT EXISTS (SELECT 1 FROM batch_calls WHERE call_id = calls.id)",
        [held(code, _CODE_MAX), held(detail, _DETAIL_MAX), at_us, held_list(call_ids)],
    ).rowcount


def drop_batch(connection: sqlite3.Connection, batch_id: str, at_us: int) -> None:
    """Make the calls of an open batch pending again; see `Store.drop_batch`."""
    state = _state_of(connection, batch_id)
    if state == "acknowledged":
        raise ValueError(f"batch {batch_id} was acknowledged")
    connection.execute("DELETE FROM batch_calls WHERE batch_id = ?", [batch_id])
    connection.execute(
        "UPDATE batches SET state = 'dropped', closed_at_us = ? WHERE batch_id = ? AND state = 'open'",
        [at_us, batch_id],
    )


def batches(connection: sqlite3.Connection, limit: int) -> list[StoredBatch]:
    """Return batches, newest first."""
    return _stored(connection, connection.execute(_SELECT_BATCHES + "ORDER BY seq DESC LIMIT ?", [limit]))


def open_batches(connection: sqlite3.Connection) -> list[StoredBatch]:
    """Return batches whose answer is not known, oldest first."""
    return _stored(connection, connection.execute(_SELECT_BATCHES + "WHERE state = 'open' ORDER BY seq"))


def quarantined(connection: sqlite3.Connection, limit: int) -> list[QuarantinedCall]:
    """Return calls set aside, newest first."""
    rows = connection.execute(
        f"SELECT coalesce(batch_id, ''), quarantine_code, quarantine_detail, acknowledged_at_us, {COLUMNS}"  # noqa: S608 - names
        " FROM calls WHERE upload_state = 'quarantined' ORDER BY recorded_at_us DESC, id DESC LIMIT ?",
        [limit],
    ).fetchall()
    return [
        QuarantinedCall(call=call, batch_id=row[0], code=row[1], detail=row[2], acknowledged_at_us=row[3])
        for row, call in zip(rows, calls_of(row[4:] for row in rows), strict=True)
    ]


_SELECT_BATCHES: Final = (
    "SELECT batch_id, state, opened_at_us, closed_at_us, row_count, records_sha256, received, accepted, duplicates,"
    " quarantined, withheld FROM batches "
)


def _stored(connection: sqlite3.Connection, rows: sqlite3.Cursor) -> list[StoredBatch]:
    return [
        StoredBatch(
            batch_id=row[0],
            state=row[1],
            opened_at_us=row[2],
            closed_at_us=row[3],
            call_ids=tuple(_call_ids(connection, row[0], row[1])),
            row_count=row[4],
            records_sha256=row[5],
            received=row[6],
            accepted=row[7],
            duplicates=row[8],
            quarantined=row[9],
            withheld=tuple(msgspec.json.decode(row[10], type=list[Withheld])),
        )
        for row in rows.fetchall()
    ]


def _call_ids(connection: sqlite3.Connection, batch_id: str, state: str) -> list[str]:
    if state == "open":
        query = "SELECT call_id FROM batch_calls WHERE batch_id = ? ORDER BY position"
    else:
        query = "SELECT id FROM calls WHERE batch_id = ? ORDER BY recorded_at_us, id"
    return [row[0] for row in connection.execute(query, [batch_id])]


def _state_of(connection: sqlite3.Connection, batch_id: str) -> str:
    row = connection.execute("SELECT state FROM batches WHERE batch_id = ?", [batch_id]).fetchone()
    if row is None:
        raise LookupError(f"there is no batch {batch_id}")
    return row[0]


def _verdicts(ids: Sequence[str], receipt: Receipt) -> dict[str, tuple[str, str]]:
    """Return code and detail by call id, of the rows the receipt says were set aside.

    The id speaks where it is one of the batch's, the position where a row had no readable id.
    """
    known = {call_id.lower(): call_id for call_id in ids}
    verdicts: dict[str, tuple[str, str]] = {}
    for row in receipt.quarantined:
        call_id = known.get(row.id.lower()) if row.id is not None else None
        if row.id is None and row.index < len(ids):
            call_id = ids[row.index]
        if call_id is not None:
            verdicts[call_id] = (held(row.code, _CODE_MAX), held(row.detail, _DETAIL_MAX))
    return verdicts


def _note_withheld(connection: sqlite3.Connection, batch_id: str, receipt: Receipt, at_us: int) -> None:
    projects = connection.execute(
        "SELECT DISTINCT project FROM calls WHERE id IN (SELECT call_id FROM batch_calls WHERE batch_id = ?)",
        [batch_id],
    )
    before = cloud_state.read(connection)
    notes = cloud_state.notes_after(
        before.server_notes, [row[0] for row in projects], _cleaned(receipt.withheld), at_us
    )
    if notes != before.server_notes:
        cloud_state.write(connection, msgspec.structs.replace(before, server_notes=notes))


def _cleaned(withheld: Sequence[Withheld]) -> list[Withheld]:
    return [
        Withheld(project=held(each.project, 255), reason=held(each.reason, _CODE_MAX), rows=_counted(each.rows))
        for each in withheld[:_DETAIL_MAX]
    ]


def _counted(count: int) -> int:
    return min(count, 2**53)
