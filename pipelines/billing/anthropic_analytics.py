"""Anthropic's Usage and Cost Analytics API (beta): cost and usage by day, model, key, tier and token kind.

Belongs here: its paths, parameters and fields. Does not belong here: waiting, pages, money (`http`, `amounts`).

    GET /v1/organizations/analytics/cost     rows of {starting_at, ending_at, group, cost}; amounts are fractional
                                             cents, after discount and before credits
    GET /v1/organizations/analytics/usage    rows of {starting_at, ending_at, group, usage}

Cost rows grouped by token type tell no requests, so tokens and requests come from the usage rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from pipelines.billing.amounts import AmountError, usd_from_cents
from pipelines.billing.answers import (
    DayBills,
    count_of,
    list_of,
    object_of,
    one_day,
    refused_amount,
    text_or_none,
    tier_or_none,
    usd_only,
)
from pipelines.billing.anthropic_tokens import KIND_OF, token_counts
from pipelines.billing.bills import BilledLine, BilledPeriod, spans_of
from pipelines.billing.http import AnswerError, ProviderClient, RefusedError

BASE_URL: Final = "https://api.anthropic.com"
EARLIEST: Final = date(2026, 1, 1)
"""Days before it the interface does not know."""
COST: Final = "/v1/organizations/analytics/cost"
USAGE: Final = "/v1/organizations/analytics/usage"
USAGE_UNKNOWN: Final = "Tokens and requests could not be read."
_DAYS_MAX: Final = 31
_ROWS_A_PAGE: Final = 1_000
_COST_GROUPS: Final = ("model", "api_key_id", "service_tier", "cost_type", "token_type")
_USAGE_GROUPS: Final = ("model", "api_key_id", "service_tier")


def headers(credential: str) -> dict[str, str]:
    """Return what every call carries."""
    return {
        "x-api-key": credential,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "analytics-usage-cost-2026-08-24",
    }


def read(client: ProviderClient, first: date, last: date) -> list[BilledPeriod]:
    """Return a bill per day from `first` to `last`, both included.

    Raises:
        BillingError: the costs could not be read. Where usage alone cannot, the bills say so in their note.
    """
    bills = DayBills(client.provider, first, last)
    for span in spans_of(first, last, _DAYS_MAX):
        for row in _rows(client, bills, COST, _COST_GROUPS, span):
            _add_cost(bills, row)
    usage = DayBills(client.provider, first, last)
    try:
        for span in spans_of(first, last, _DAYS_MAX):
            for row in _rows(client, usage, USAGE, _USAGE_GROUPS, span):
                _add_usage(usage, row)
    except (AnswerError, RefusedError):
        bills.note(USAGE_UNKNOWN)
        return bills.periods()
    return bills.with_usage(usage)


def _rows(
    client: ProviderClient, bills: DayBills, path: str, groups: tuple[str, ...], span: tuple[date, date]
) -> Iterator[Mapping[str, Any]]:
    params = [
        *span_params(*span),
        ("time_bucket_width", "1d"),
        *(("group_by[]", group) for group in groups),
        ("limit", str(_ROWS_A_PAGE)),
    ]
    for page in client.pages(path, params):
        for row in (object_of(one, "row") for one in list_of(page, "data")):
            group = object_of(row.get("group"), "group")
            # A row is what a bucket is in the other reports: of a day and group there is one.
            bills.begin_bucket(f"{path} {sorted(group.items())}", one_day(row, "starting_at", "ending_at"))
            yield row


def span_params(first: date, last: date) -> list[tuple[str, str]]:
    """Return the parameters of a span of days, both included."""
    after = date.fromordinal(last.toordinal() + 1)
    return [("starting_at", f"{first.isoformat()}T00:00:00Z"), ("ending_at", f"{after.isoformat()}T00:00:00Z")]


def _add_cost(bills: DayBills, row: Mapping[str, Any]) -> None:
    day = one_day(row, "starting_at", "ending_at")
    group, cost = object_of(row.get("group"), "group"), object_of(row.get("cost"), "cost")
    usd_only(cost.get("currency"))
    try:
        amount = usd_from_cents(cost.get("amount"))
        listed = None if cost.get("list_amount") is None else usd_from_cents(cost["list_amount"])
    except AmountError as fault:
        raise refused_amount(fault) from None
    token_type, cost_type = text_or_none(group, "token_type"), text_or_none(group, "cost_type")
    line = BilledLine(
        amount=amount,
        list_amount=listed,
        model=text_or_none(group, "model"),
        key_ref=text_or_none(group, "api_key_id"),
        service_tier=tier_or_none(group),
        token_kind=KIND_OF.get(token_type or ""),
        description=" ".join(part for part in (cost_type, token_type) if part),
    )
    bills.add(day, line)


def _add_usage(bills: DayBills, row: Mapping[str, Any]) -> None:
    day = one_day(row, "starting_at", "ending_at")
    group, usage = object_of(row.get("group"), "group"), object_of(row.get("usage"), "usage")
    whose: dict[str, Any] = {
        "model": text_or_none(group, "model"),
        "key_ref": text_or_none(group, "api_key_id"),
        "service_tier": tier_or_none(group),
    }
    for kind, count in token_counts(usage).items():
        bills.add(day, BilledLine(token_kind=kind, quantity=count, description="tokens", **whose))
    requests = count_of(usage, "requests")
    bills.add_requests(day, requests, BilledLine(requests=requests, description="requests", **whose))
