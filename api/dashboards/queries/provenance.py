"""Where one request came from.

Belongs here: its batch, its copies, and reading it back from the landed file. Does not belong here: the request's own
columns (`queries.requests`).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from api.dashboards.queries.marts import Marts


def batch(marts: Marts, workspace_id: str, batch_key: uuid.UUID) -> dict[str, Any] | None:
    """Return the account of the batch that brought a request; None when the build has none."""
    statement = """
        select batch_id, batch_key, received_at, received_count, landed_count, duplicate_count, quarantined_count
        from marts.fct_batches where workspace_id = $workspace_id and batch_key = $batch_key
    """
    found = marts.records(statement, {"workspace_id": uuid.UUID(workspace_id), "batch_key": batch_key})
    return found[0] if found else None


def other_devices(marts: Marts, workspace_id: str, request_id: uuid.UUID) -> list[str]:
    """Return the ids of devices that sent the request after the first did."""
    statement = """
        select distinct device_id from marts.fct_device_sightings
        where workspace_id = $workspace_id and request_id = $request_id order by device_id
    """
    rows = marts.rows(statement, {"workspace_id": uuid.UUID(workspace_id), "request_id": request_id})
    return [str(row[0]) for row in rows]


def conflicts(marts: Marts, workspace_id: str, request_id: uuid.UUID) -> list[dict[str, Any]]:
    """Return later copies of the request whose content differs."""
    statement = """
        select batch_key, row_index, device_id, differing_fields from marts.fct_request_conflicts
        where workspace_id = $workspace_id and request_id = $request_id order by file_seq, file_row_number
    """
    return marts.records(statement, {"workspace_id": uuid.UUID(workspace_id), "request_id": request_id})


def rate_book_version(marts: Marts) -> str | None:
    """Return the version of the rate book the build priced with."""
    rows = marts.rows("select rate_book_version from marts.build_info", {})
    return None if not rows or rows[0][0] is None else str(rows[0][0])


@dataclass(frozen=True)
class Place:
    """Where a row lies.

    Attributes:
        path: the file.
        file_seq: the landing file it came from, when `path` is a compacted one; None when `path` is where it landed.
        row_number: row in the landing file, from 0.
    """

    path: Path
    file_seq: int | None
    row_number: int


def row_found(marts: Marts, place: Place, workspace_id: str, request_id: uuid.UUID) -> bool:
    """Return whether the row at a place is this request of this workspace; False when the file cannot be read."""
    if place.file_seq is None:
        at_place = "file_row_number = $row_number"
        where: dict[str, Any] = {}
    else:
        at_place = "origin_file_seq = $file_seq and origin_row_number = $row_number"
        where = {"file_seq": place.file_seq}
    statement = f"""
        select 1 from read_parquet($path, file_row_number = true)
        where {at_place} and request_id = $request_id and workspace_id = $workspace_id
    """  # noqa: S608 - constant text
    parameters = {
        **where,
        "path": str(place.path),
        "row_number": place.row_number,
        "request_id": request_id,
        "workspace_id": uuid.UUID(workspace_id),
    }
    try:
        return bool(marts.rows(statement, parameters))
    except duckdb.Error:
        return False
