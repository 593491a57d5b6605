"""Google's Cloud Billing export over the ledger: files as BigQuery writes them out."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.billing_fakes.ledger import Ledger, Used

WORDS = {
    "uncached_input": "input token count",
    "cache_read": "cached input token count",
    "output": "output token count",
}
MODELS = ("gemini-2.5-flash", "gemini-2.5-pro")
_SCHEMA = pa.schema([
    ("service", pa.struct([("id", pa.string()), ("description", pa.string())])),
    ("sku", pa.struct([("id", pa.string()), ("description", pa.string())])),
    ("usage_start_time", pa.timestamp("us", "UTC")),
    ("project", pa.struct([("id", pa.string())])),
    ("export_time", pa.timestamp("us", "UTC")),
    ("cost", pa.float64()),
    ("cost_at_list", pa.decimal128(38, 15)),
    ("currency", pa.string()),
    ("currency_conversion_rate", pa.float64()),
    ("usage", pa.struct([("amount", pa.float64()), ("unit", pa.string())])),
    ("credits", pa.list_(pa.struct([("name", pa.string()), ("amount", pa.decimal128(38, 15)), ("type", pa.string())]))),
    ("invoice", pa.struct([("month", pa.string())])),
    ("cost_type", pa.string()),
])  # fmt: skip


def export_rows(ledger: Ledger, first: date, last: date) -> list[dict[str, Any]]:
    """Return rows of the table, with a row of another service that must not count."""
    rows = [_row(one) for one in ledger.of(first, last)]
    for row in rows:
        credit = ledger.credits.get(row["usage_start_time"].date())
        if credit is not None:
            row["credits"] = [{"name": "Free trial", "amount": -credit, "type": "PROMOTION"}]
            del ledger.credits[row["usage_start_time"].date()]
    if rows:
        rows.append({**rows[0], "service": {"id": "s", "description": "Cloud Storage"}, "cost": Decimal(100)})
    return rows


def write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows with nested columns; costs are binary fractions there."""
    content = [{**row, "cost": float(row["cost"])} for row in rows]
    pq.write_table(pa.Table.from_pylist(content, _SCHEMA), path)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows with flat columns."""
    names = ["service.description", "sku.description", "usage_start_time", "project.id", "cost", "cost_at_list"]
    names += ["currency", "currency_conversion_rate", "usage.amount", "usage.unit", "credits", "cost_type"]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        for row in rows:
            flat = {
                f"{name}.{inner}": value
                for name, of in row.items()
                if isinstance(of, dict)
                for inner, value in of.items()
            }
            credited = [{**one, "amount": str(one["amount"])} for one in row["credits"]]
            whole = {**row, **flat, "credits": json.dumps(credited)}
            whole["usage_start_time"] = f"{row['usage_start_time']:%Y-%m-%d %H:%M:%S} UTC"
            writer.writerow([whole.get(name) for name in names])


def _row(one: Used) -> dict[str, Any]:
    return {
        "service": {"id": "AEFD", "description": "Gemini API"},
        "sku": {"id": f"{one.model}-{one.kind}", "description": _sku(one)},
        "usage_start_time": datetime.combine(one.day, time(8), UTC),
        "project": {"id": one.key},
        "export_time": datetime.combine(one.day, time(20), UTC),
        "cost": one.list_amount,
        "cost_at_list": one.list_amount,
        "currency": "USD",
        "currency_conversion_rate": 1.0,
        "usage": {"amount": float(one.tokens), "unit": "count"},
        "credits": [],
        "invoice": {"month": f"{one.day:%Y%m}"},
        "cost_type": "regular",
    }


def _sku(one: Used) -> str:
    words = f"Generate content {WORDS[one.kind]} {one.model.replace('-', ' ')} text"
    return f"{words} batch" if one.tier == "batch" else words
