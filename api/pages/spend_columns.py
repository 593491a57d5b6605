"""Columns that most tables of spend have.

Belongs here: spend with what is known beside it, share, change, requests. Does not belong here: tables.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from api.pages.tables import Column
from api.pages.words import usd


def spend_columns(words: str = "Spend", *, notes: bool = True) -> tuple[Column, ...]:
    """Return the column of metered spend; rows are `Spend`.

    Args:
        words: its heading.
        notes: whether other money and unknown cost stand under it; they are in the CSV either way.
    """
    return (
        Column(
            "cost_usd",
            words,
            _known_cost,
            "money",
            note=_beside if notes else None,
            also={
                "subscription_imputed_usd": lambda one: _amount(one.subscription_imputed_usd),
                "imported_usd": lambda one: _amount(one.imported_usd),
                "other_basis_usd": lambda one: _amount(one.other_basis_usd),
                "unpriced_requests": lambda one: one.unpriced_requests,
            },
        ),
    )


def share_column() -> Column:
    """Return the column of a row's share of the metered spend, in percent."""
    return Column("share_percent", "Share", lambda one: one.share_percent, "percent")


def change_column() -> Column:
    """Return the column of the change against the period before, in percent."""
    return Column("change_percent", "Change", lambda one: one.change_percent, "change")


def requests_column() -> Column:
    """Return the column of requests."""
    return Column("requests", "Requests", lambda one: one.requests, "number")


def _known_cost(one: Any) -> str | None:
    # Of unknown cost altogether: "$0.00" would be a lie.
    return None if one.unpriced_requests and one.unpriced_requests == one.requests else one.cost_usd


def _amount(text: str) -> Decimal:
    return Decimal(text)


def _beside(one: Any) -> str | None:
    parts = list[str]()
    if one.unpriced_requests:
        parts.append(f"{one.unpriced_requests:,} unpriced")
    if usd(one.subscription_imputed_usd) != "$0.00":
        parts.append(f"{usd(one.subscription_imputed_usd)} in subscriptions")
    return " · ".join(parts) or None
