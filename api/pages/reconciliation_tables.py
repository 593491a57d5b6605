"""Tables of the log held against bills.

Belongs here: their columns. Does not belong here: where rows come from (`reconciliation_sources`), words
(`reconciliation_words`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from api.dashboards.models.reconciliation import Compared
from api.pages.reconciliation_words import (
    CAUSES,
    CHANGES,
    COLOURS,
    MEASURES,
    METHODS,
    PARTS,
    reasons_words,
    source_words,
    suspect_words,
)
from api.pages.tables import Column, Table
from api.pages.words import grouped, usd
from api.providers import provider_words

HALF_PERCENT: Final = Decimal("0.50")


def _billed_note(one: Compared) -> str | None:
    if one.unit_suspect:
        return f"about {suspect_words(one.unit_suspect)} the log"
    beside = [
        f"{usd(amount)} {words}"
        for amount, words in ((one.tax_usd, "tax"), (one.prepaid_usd, "prepaid"))
        if amount is not None and usd(amount) != "$0.00"
    ]
    return f"and {', '.join(beside)}, not compared" if beside else None


def _logged_note(one: Compared) -> str | None:
    parts = list[str]()
    # A day within a longer bill does not wait for one of its own.
    if usd(one.awaiting_usd) != "$0.00" and getattr(one, "billed_by", "") != "period":
        parts.append(f"{usd(one.awaiting_usd)} awaits its bill")
    if one.unpriced_requests:
        parts.append(f"{one.unpriced_requests:,} of unknown cost")
    return " · ".join(parts) or None


def verdict(one: Compared) -> tuple[str, str] | None:
    """Return the words and kind of the badge beside a variance; None without a bill."""
    if one.colour is None:
        return None
    if one.unit_suspect:
        return "another unit?", "bad"
    # Not by its colour alone: the words tell which it is.
    kind, words = COLOURS[one.colour]
    if one.variance_percent is None:
        return words, kind
    if one.colour == "green" and abs(Decimal(one.variance_percent)) >= HALF_PERCENT:
        return f"{words}, under 5 cents", kind
    percent = grouped(one.variance_percent).replace("-", "\u2212")
    return f"{words}, {percent} %", kind


def compared_columns() -> tuple[Column, ...]:
    """Return the columns of a comparison; rows are `Compared`."""
    return (
        Column(
            "logged_usd",
            "What you logged",
            lambda one: one.logged_usd,
            "money",
            note=_logged_note,
            also={
                "awaiting_usd": lambda one: one.awaiting_usd,
                "requests": lambda one: one.requests,
                "unpriced_requests": lambda one: one.unpriced_requests,
                "withheld_requests": lambda one: one.withheld_requests,
            },
        ),
        Column(
            "billed_usd",
            "What the provider billed",
            lambda one: one.billed_usd,
            "money",
            note=_billed_note,
            also={"tax_usd": lambda one: one.tax_usd, "prepaid_usd": lambda one: one.prepaid_usd},
        ),
        Column(
            "variance_usd",
            "Variance",
            lambda one: one.variance_usd,
            "change_money",
            badge=verdict,
            also={
                "variance_percent": lambda one: one.variance_percent,
                "colour": lambda one: one.colour,
                "unit_suspect": lambda one: one.unit_suspect,
            },
        ),
        Column(
            "source",
            "Bill from",
            lambda one: source_words(one.source),
            note=lambda one: None if one.is_complete or one.billed_usd is None else "not all of it yet",
            also={"is_complete": lambda one: one.is_complete},
        ),
    )


MONTHS: Final = Table(
    "reconciled-months",
    "By month",
    (
        Column(
            "month",
            "Period",
            lambda one: one.month,
            "month",
            also={"statements_across": lambda one: one.statements_across},
        ),
        *compared_columns(),
    ),
    "Nothing was logged or billed in these months.",
)
PROVIDER_MONTHS: Final = Table(
    "reconciled-providers",
    "By month and provider",
    (
        Column("month", "Period", lambda row: row[0].month, "month"),
        Column("provider", "Provider", lambda row: row[1].provider, "provider"),
        *(column.of(lambda row: row[1]) for column in compared_columns()),
    ),
)
PROVIDERS: Final = Table(
    "reconciled-month-providers",
    "By provider",
    (Column("provider", "Provider", lambda one: one.provider, "provider"), *compared_columns()),
    "Nothing was logged or billed.",
)
DAYS: Final = Table(
    "reconciled-days",
    "By day",
    (
        Column(
            "day",
            "Day",
            lambda one: one.day,
            "day",
            note=lambda one: "billed as part of a longer period" if one.billed_by == "period" else None,
            also={"billed_by": lambda one: one.billed_by},
        ),
        *compared_columns(),
    ),
    "Nothing was logged or billed on any day of this month.",
)
PARTS_TABLE: Final = Table(
    "variance-parts",
    "What the variance is made of",
    (
        Column(
            "part",
            "Part",
            lambda one: PARTS.get(one.part, (one.part, ""))[0],
            note=lambda one: PARTS.get(one.part, ("", ""))[1],
            also={"code": lambda one: one.part},
        ),
        Column("amount_usd", "Amount", lambda one: one.amount_usd, "signed"),
        Column("requests", "Requests", lambda one: one.requests, "number"),
        Column(
            "reasons",
            "Why",
            lambda one: reasons_words(one.reasons),
            also={"reason_codes": lambda one: " ".join(one.reasons)},
            sorts=False,
        ),
    ),
    "There is no bill to compare with yet, and so no variance.",
)
TIERS: Final = Table(
    "spend-by-method",
    "How requests found their project",
    (
        Column(
            "method",
            "Found by",
            lambda one: METHODS.get(one.attribution_method, one.attribution_method),
            also={"code": lambda one: one.attribution_method},
        ),
        Column("cost_usd", "Spend", lambda one: one.cost_usd, "money"),
        Column("share_percent", "Share", lambda one: one.share_percent, "percent"),
        Column(
            "requests",
            "Requests",
            lambda one: one.requests,
            "number",
            also={"unpriced_requests": lambda one: one.unpriced_requests},
        ),
    ),
    "No metered request in this month.",
)
RESTATED: Final = Table(
    "restatements",
    "Said differently since it was closed",
    (
        Column("provider", "Provider", lambda one: one.provider, "provider"),
        Column(
            "measure",
            "What",
            lambda one: MEASURES.get(one.measure, one.measure),
            also={"code": lambda one: one.measure},
        ),
        Column(
            "cause", "Why", lambda one: CHANGES.get(one.cause, one.cause), also={"cause_code": lambda one: one.cause}
        ),
        Column("said_usd", "Said when closed", lambda one: one.said_usd, "money"),
        Column("change_usd", "Change", lambda one: one.change_usd, "change_money"),
        Column("now_usd", "Said now", lambda one: one.now_usd, "money"),
        Column("requests", "Requests", lambda one: one.requests, "number"),
    ),
)
DIVERGENT: Final = Table(
    "divergent-requests",
    "Requests that contribute most",
    (
        Column(
            "requested_at",
            "Made (UTC)",
            lambda one: one.requested_at,
            "instant",
            link=lambda one: one.path,
        ),
        Column("project", "Project", lambda one: one.project, note=lambda one: one.withheld_reason),
        Column(
            "model",
            "Model",
            lambda one: one.model,
            note=lambda one: provider_words(one.provider),
            also={"provider": lambda one: one.provider},
        ),
        Column(
            "developer",
            "Developer",
            lambda one: one.device_name or one.device_id,
            also={"device_id": lambda one: one.device_id},
        ),
        Column(
            "cause",
            "Why",
            lambda one: CAUSES.get(one.cause, one.cause),
            also={"code": lambda one: one.cause, "request_id": lambda one: one.request_id},
        ),
        Column("logged_usd", "Logged", lambda one: one.logged_usd, "precise"),
        Column("priced_usd", "By the rate book", lambda one: one.priced_usd, "precise"),
        Column("contribution_usd", "Adds", lambda one: one.contribution_usd, "signed"),
        Column(
            "audit",
            "Audit log",
            lambda one: "entry" if one.audit_path else None,
            link=lambda one: one.audit_path,
        ),
    ),
    "No single request of this day contributes to the variance.",
)


def leading(
    table: Table,
    link: Callable[[Any], str | None],
    badge: Callable[[Any], tuple[str, str] | None] | None = None,
) -> Table:
    """Return a table whose first column leads somewhere, and may have a badge."""
    first = table.columns[0]
    return replace(table, columns=(replace(first, link=link, badge=badge or first.badge), *table.columns[1:]))
