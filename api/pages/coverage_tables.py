"""Tables of coverage: how much of what was billed was seen.

Belongs here: their columns. Does not belong here: where rows come from (`reconciliation_sources`).
"""

from __future__ import annotations

from typing import Final

from api.pages.reconciliation_words import UNITS
from api.pages.tables import Column, Table


def unit_columns() -> tuple[Column, ...]:
    """Return the columns of coverage; rows are `UnitCoverage`."""
    return (
        Column(
            "share_percent",
            "Seen of what was billed",
            lambda one: one.share_percent,
            "meter",
            note=lambda one: "on some day more was seen than billed" if one.is_over else None,
            also={"is_over": lambda one: one.is_over},
        ),
        Column("seen", "Seen", lambda one: one.seen, "number"),
        Column("billed", "Billed", lambda one: one.billed, "number"),
    )


COVERAGE: Final = Table(
    "coverage",
    "By provider and unit",
    (
        Column("provider", "Provider", lambda row: row[0].provider, "provider"),
        Column("unit", "Unit", lambda row: UNITS.get(row[1].unit, row[1].unit), also={"code": lambda row: row[1].unit}),
        *(column.of(lambda row: row[1]) for column in unit_columns()),
    ),
    "No bill of this period tells requests or tokens.",
)
KEY_COVERAGE: Final = Table(
    "coverage-by-key",
    "By API key",
    (
        Column("provider", "Provider", lambda row: row[0].provider, "provider"),
        Column(
            "key_ref",
            "API key",
            lambda row: row[1].key_ref,
            "code",
            note=lambda row: f"cannot be told on {row[1].unknown_days} days" if row[1].unknown_days else None,
            also={"unknown_days": lambda row: row[1].unknown_days},
        ),
        Column("unit", "Unit", lambda row: UNITS.get(row[2].unit, row[2].unit), also={"code": lambda row: row[2].unit}),
        *(column.of(lambda row: row[2]) for column in unit_columns()),
    ),
    "No bill of this period names keys.",
)
