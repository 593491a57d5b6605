"""The rate book's file, `rate_book.parquet`.

Belongs here: its columns, and a price to a row and back. Does not belong here: what is written into it and when
(`pipelines.rates.export`).
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.lake.arrow import parquet
from pipelines.lake.rate_book import Rate, TokenRates
from pipelines.lake.schema import INSTANT, UUID

KINDS = tuple(field.name for field in fields(TokenRates))

RATE_BOOK_SCHEMA = pa.schema(
    [
        pa.field("rate_id", pa.string(), nullable=False),
        pa.field("workspace_id", UUID),
        pa.field("provider", pa.string(), nullable=False),
        pa.field("model_ref", pa.string(), nullable=False),
        pa.field("service_tier", pa.string(), nullable=False),
        pa.field("context_over_tokens", pa.int64(), nullable=False),
        pa.field("valid_from", INSTANT, nullable=False),
        pa.field("valid_to", INSTANT, nullable=False),
        pa.field("known_from", INSTANT, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        *(pa.field(f"{kind}_picousd_per_token", pa.int64()) for kind in KINDS),
    ]
)


def read_rate_book(path: Path) -> list[Rate]:
    """Read a rate book back, row for row."""
    return [_rate(row) for row in parquet.read_table(path).to_pylist()]


def rate_row(rate: Rate) -> dict[str, Any]:
    """Return a price as the row of `RATE_BOOK_SCHEMA`."""
    row = {name: getattr(rate, name, None) for name in RATE_BOOK_SCHEMA.names}
    row |= {f"{kind}_picousd_per_token": getattr(rate.rates, kind) for kind in KINDS}
    row["currency"] = "USD"
    row["workspace_id"] = bytes.fromhex(rate.workspace_id.replace("-", "")) if rate.workspace_id else None
    return row


def _rate(row: dict[str, Any]) -> Rate:
    rates = TokenRates(**{kind: row.pop(f"{kind}_picousd_per_token") for kind in KINDS})
    workspace = row.pop("workspace_id")
    known = {field.name for field in fields(Rate)}
    return Rate(
        rates=rates,
        workspace_id=str(workspace) if workspace is not None else None,
        **{name: value for name, value in row.items() if name in known},
    )
