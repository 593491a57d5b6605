"""What an export holds beside the requests: settings, the audit log, bills, records set aside, reports.

Belongs here: which tables and columns go out, and in which form. Does not belong here: requests (`request_files`).

No secret leaves: digests of tokens, keys and codes, and sealed bodies, are not among the columns.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Connection, RowMapping, Table, select, union

from api.dashboards.request_csv import safe_text
from api.db.models import AuditRecord, Base, User, WorkspaceLogo
from pipelines.lake.bills import bill_lines, bill_periods
from pipelines.lake.clock import from_micros, iso_utc
from pipelines.lake.ledger import quarantined_rows

_NOT_EXPORTED: Final = frozenset({
    "token_sha256", "key_sha256", "audit_head", "batch_chain_head", "audit_position", "batch_chain_position",
    "visibility_version", "sealed_credential", "sealed_secret",
})  # fmt: skip
_TABLES: Final = (
    "workspaces", "retired_slugs", "subscriptions", "memberships", "former_memberships", "directory_members",
    "invitations", "devices", "api_keys", "projects", "cost_centres", "budgets", "rate_overrides", "reattributions",
    "bill_connections", "bill_periods", "optimisation_decisions", "alert_settings", "alert_webhooks", "alerts",
    "month_closes", "month_close_totals", "restatement_runs", "restatement_entries", "issued_reports",
)  # fmt: skip
_AUDIT_COLUMNS: Final = (
    "position", "at_us", "actor_type", "actor_id", "event", "resource_type", "resource_id", "details", "previous_hash",
    "hash",
)  # fmt: skip
_BILL_COLUMNS: Final = (
    *(bill_periods.c[name] for name in ("id", "connection_id", "first_day", "last_day", "revision")),
    *(bill_periods.c[name] for name in ("superseded_at_us", "is_complete")),
    *(column for column in bill_lines.c if column.name != "period_id"),
)
_BILL_NAMES: Final = {"id": "period_id", "superseded_at_us": "superseded_at", "amount_text": "amount_usd"}
_ROWS_AT_ONCE: Final = 1_000


def settings_document(connection: Connection, workspace_id: str) -> bytes:
    """Return settings, members, devices, projects and prices as one JSON object, a list of rows per table."""
    related = union(
        *(
            select(table.c.user_id).where(table.c.workspace_id == workspace_id)
            for table in map(
                Base.metadata.tables.__getitem__, ("memberships", "former_memberships", "directory_members")
            )
        )
    )
    people = connection.execute(select(User.id, User.email).where(User.id.in_(related)))
    emails = {row.id: row.email for row in people}
    document: dict[str, list[dict[str, Any]]] = {}
    for name in _TABLES:
        table = Base.metadata.tables[name]
        own = table.c.id if name == "workspaces" else table.c.workspace_id
        rows = connection.execute(select(table).where(own == workspace_id).order_by(*table.primary_key.columns))
        document[name] = [_shown(table, row, emails) for row in rows.mappings()]
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def write_audit_csv(connection: Connection, workspace_id: str, stream: IO[bytes]) -> int:
    """Write the audit log, oldest first, with its hashes.

    Returns:
        How many events there are.
    """
    table = AuditRecord.__table__
    query = select(*(table.c[name] for name in _AUDIT_COLUMNS)).where(table.c.workspace_id == workspace_id)
    header = ["at" if name == "at_us" else name for name in _AUDIT_COLUMNS]
    stream.write(_csv_lines([header]))
    count = 0
    for rows in _chunks(connection, query.order_by(table.c.position)):
        cells = [
            [iso_utc(from_micros(row["at_us"])) if n == "at_us" else row[n] for n in _AUDIT_COLUMNS] for row in rows
        ]
        stream.write(
            _csv_lines([[safe_text(cell) if isinstance(cell, str) else cell for cell in row] for row in cells])
        )
        count += len(rows)
    return count


def write_bills_csv(connection: Connection, workspace_id: str, stream: IO[bytes]) -> int:
    """Write every line of every provider's bill, superseded ones included, by period and line.

    Returns:
        How many lines there are.
    """
    named = [column.label(_BILL_NAMES.get(column.name, column.name)) for column in _BILL_COLUMNS]
    joined = bill_lines.join(bill_periods, bill_lines.c.period_id == bill_periods.c.id)
    query = select(*named).select_from(joined).where(bill_periods.c.workspace_id == workspace_id)
    order = (bill_periods.c.first_day, bill_periods.c.last_day, bill_periods.c.id, bill_lines.c.line_number)
    stream.write(_csv_lines([[column.name for column in named]]))
    count = 0
    for rows in _chunks(connection, query.order_by(*order)):
        stream.write(_csv_lines([[_bill_cell(name, value) for name, value in row.items()] for row in rows]))
        count += len(rows)
    return count


def write_set_aside(connection: Connection, workspace_id: str, stream: IO[bytes]) -> int:
    """Write the records that were set aside at the door, one JSON object a line, with their bytes as text.

    Returns:
        How many there are.
    """
    columns = quarantined_rows.c
    query = select(quarantined_rows).where(columns.workspace_id == workspace_id).order_by(columns.id)
    count = 0
    for rows in _chunks(connection, query):
        for row in rows:
            shown = {
                "batch_key": row["batch_key"],
                "device_id": row["device_id"],
                "row_index": row["row_index"],
                "request_id": row["request_id"],
                "code": row["code"],
                "detail": row["detail"],
                "received_at": iso_utc(from_micros(row["received_at_us"])),
                "record": bytes(row["raw_bytes"]).decode("utf-8", errors="replace"),
            }
            stream.write(json.dumps(shown, ensure_ascii=True).encode() + b"\n")
        count += len(rows)
    return count


def logo_png(connection: Connection, workspace_id: str) -> bytes | None:
    """Return the logo; None when there is none."""
    query = select(WorkspaceLogo.png).where(WorkspaceLogo.workspace_id == workspace_id)
    return connection.execute(query).scalar_one_or_none()


def report_files(folder: Path) -> list[Path]:
    """Return the finished reports in a workspace's folder, in order; none when it has none. Links are not followed."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in found if not path.name.startswith("."))


def _bill_cell(name: str, value: Any) -> Any:
    if name == "superseded_at":
        return None if value is None else iso_utc(from_micros(value))
    return safe_text(value) if isinstance(value, str) and name != "amount_usd" else value


def _shown(table: Table, row: RowMapping, emails: Mapping[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column in table.columns:
        value = row[column.name]
        if column.name in _NOT_EXPORTED:
            continue
        if column.name.endswith("_us"):
            shown[column.name.removesuffix("_us")] = None if value is None else iso_utc(from_micros(value))
        else:
            shown[column.name] = value
    if "user_id" in shown:
        shown["email"] = emails.get(shown["user_id"])
    return shown


def _chunks(connection: Connection, query: Any) -> Iterator[Sequence[RowMapping]]:
    streamed = connection.execution_options(stream_results=True, yield_per=_ROWS_AT_ONCE).execute(query)
    yield from streamed.mappings().partitions(_ROWS_AT_ONCE)


def _csv_lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", errors="replace")
