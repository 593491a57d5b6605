"""Requests as CSV, streamed.

Belongs here: columns, cells no spreadsheet takes for a formula, and reading day by day so that memory stays bounded
whatever the size of the answer. Does not belong here: JSON pages (`requests`).

There is no row cap: the file holds every row of the filter. Each of the monies has a column of its own, so that a sum
over a column is the total of the same name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import compress
from typing import Final

from api.dashboards.money import known_usd_from_picousd
from api.dashboards.queries import requests as request_queries
from api.dashboards.queries.requests import RequestRow
from api.dashboards.requests import amounts_by_kind, day_bounds
from api.dashboards.search import Search
from api.dashboards.view import View
from pipelines.lake.clock import iso_utc

COLUMNS: Final = (
    "request_id",
    "requested_at",
    "received_at",
    "project",
    "provider",
    "model",
    "device_id",
    "device_name",
    "status",
    "request_kind",
    "spend_kind",
    "cost_usd",
    "subscription_imputed_usd",
    "imported_usd",
    "other_basis_usd",
    "cost_priced_usd",
    "input_tokens",
    "output_tokens",
    "thinking_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "tokens_complete",
    "latency_ms",
    "time_to_first_token_ms",
    "error_class",
    "http_status",
    "attribution_method",
    "prompt_hash",
    "idempotency_key",
    "provider_request_id",
)
ROWS_PER_CHUNK: Final = 2_000
# What spreadsheets take for the start of a formula, full-width twins included; blanks, quotes and what cannot be seen
# are skipped before it. Programs that cut cells at another delimiter than ours find a start after that, too.
_FORMULA: Final = re.compile(
    r"(\A|[;|\t\r\n])"
    r"(?=[ \x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2069\u3000\ufeff\"]*"
    r"[=+\-@\uff1d\uff0b\uff0d\uff20])"
)
_DELIMITER: Final = re.compile(r"[;|\t\r\n]")
_NEVER_FIRST: Final = ("\t", "\r", "\n")

Cell = str | int | float | None


def safe_text(text: str | None) -> str | None:
    """Return text no spreadsheet runs: an apostrophe before what could start a formula, wherever a cell may begin."""
    if not text or (text[0].isalnum() and _DELIMITER.search(text) is None):  # nearly all
        return text
    safe = _FORMULA.sub(r"\1'", text)
    return f"'{safe}" if safe.startswith(_NEVER_FIRST) else safe


def csv_chunks(view: View, search: Search | None, *, without: Collection[str] = ()) -> Iterator[bytes]:
    """Yield the CSV of all matching requests, newest first, UTF-8 with CRLF; the header comes at once.

    Args:
        view: the workspace's figures with their filter.
        search: what is looked for among them.
        without: columns that are left out.
    """
    kept = [name not in without for name in COLUMNS]
    yield _encoded([tuple(compress(COLUMNS, kept))])
    names = view.device_names
    chunk: list[tuple[Cell, ...]] = []
    for row in _rows(view, search):
        chunk.append(tuple(compress(_cells(row, names), kept)) if without else _cells(row, names))
        if len(chunk) >= ROWS_PER_CHUNK:
            yield _encoded(chunk)
            chunk = []
    if chunk:
        yield _encoded(chunk)


def _rows(view: View, search: Search | None) -> Iterator[RequestRow]:
    for bounds, _ in day_bounds(view):
        yield from request_queries.stream(view.marts, view.workspace_id, bounds, view.filters, search)


def _cells(row: RequestRow, device_name_of: dict[str, str]) -> tuple[Cell, ...]:
    metered = row.spend_kind == "metered"
    return (
        row.request_id,
        iso_utc(row.requested_at),
        iso_utc(row.received_at),
        safe_text(row.project),
        safe_text(row.provider),
        safe_text(row.model),
        row.device_id,
        safe_text(device_name_of.get(row.device_id)),
        safe_text(row.status),
        safe_text(row.request_kind),
        safe_text(row.spend_kind),
        *amounts_by_kind(row),
        known_usd_from_picousd(row.cost_priced_picousd) if metered else None,
        row.input_tokens,
        row.output_tokens,
        row.thinking_tokens,
        row.cached_tokens,
        row.cache_write_tokens,
        "true" if row.tokens_complete else "false",
        row.latency_ms,
        row.time_to_first_token_ms,
        safe_text(row.error_class),
        row.http_status,
        safe_text(row.attribution_method),
        safe_text(row.prompt_hash),
        safe_text(row.idempotency_key),
        safe_text(row.provider_request_id),
    )


def _encoded(rows: Iterable[tuple[Cell, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    # A lone surrogate cannot be stored, but a cell must never break the whole file either.
    return text.getvalue().encode("utf-8", errors="replace")
