"""The audit log as CSV, streamed.

Belongs here: columns and cells. Does not belong here: finding entries (`listing`), what makes a cell safe
(`api.dashboards.request_csv`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Final

from api.audit.listing import audit_stream
from api.audit.messages import AuditEntry
from api.audit.wanted import Wanted
from api.dashboards.request_csv import safe_text
from api.dashboards.view import View

COLUMNS: Final = (
    "at",
    "family",
    "event",
    "actor_type",
    "actor_id",
    "actor_name",
    "resource_type",
    "resource_id",
    "resource_name",
    "details",
    "position",
    "hash",
    "id",
)
ENTRIES_PER_CHUNK: Final = 1_000

Cell = str | int | None


def audit_csv_chunks(view: View, wanted: Wanted) -> Iterator[bytes]:
    """Yield the CSV of all entries that are wanted, newest first, UTF-8 with CRLF; the header comes at once."""
    yield csv_lines([COLUMNS])
    yield from entry_chunks(audit_stream(view, wanted))


def entry_chunks(entries: Iterable[AuditEntry]) -> Iterator[bytes]:
    """Yield entries as lines of CSV, without the header."""
    chunk: list[tuple[Cell, ...]] = []
    for entry in entries:
        chunk.append(_cells(entry))
        if len(chunk) >= ENTRIES_PER_CHUNK:
            yield csv_lines(chunk)
            chunk = []
    if chunk:
        yield csv_lines(chunk)


def _cells(entry: AuditEntry) -> tuple[Cell, ...]:
    return (
        entry.at,
        safe_text(entry.family),
        safe_text(entry.event),
        safe_text(entry.actor.type),
        safe_text(entry.actor.id),
        safe_text(entry.actor.name),
        safe_text(entry.resource.type),
        safe_text(entry.resource.id),
        safe_text(entry.resource.name),
        safe_text(json.dumps(entry.details, sort_keys=True, ensure_ascii=False)),
        entry.position,
        entry.hash,
        entry.id,
    )


def csv_lines(rows: Iterable[tuple[Cell, ...]]) -> bytes:
    """Return rows as lines of CSV, UTF-8 with CRLF."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", errors="replace")
