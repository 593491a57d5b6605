"""Anthropic's earlier reports: cost by day and description, and usage of the Messages API.

Belongs here: their paths, parameters and fields. Does not belong here: waiting, pages, money (`http`, `amounts`).

    GET /v1/organizations/cost_report              buckets of a day; `amount` is a decimal string in cents
    GET /v1/organizations/usage_report/messages    buckets of a day; tokens by model, key and tier

Neither tells requests, and the cost report leaves Priority Tier out: a day that has such tokens is marked as partial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from pipelines.billing.amounts import AmountError, usd_from_cents
from pipelines.billing.answers import (
    DayBills,
    list_of,
    object_of,
    one_day,
    refused_amount,
    text_or_none,
    tier_or_none,
    usd_only,
)
from pipelines.billing.anthropic_analytics import BASE_URL, USAGE_UNKNOWN, span_params
from pipelines.billing.anthropic_tokens import KIND_OF, token_counts
from pipelines.billing.bills import BilledLine, BilledPeriod, spans_of
from pipelines.billing.http import AnswerError, ProviderClient, RefusedError
from pipelines.lake.bills import DESCRIPTION_LENGTH

__all__ = ["BASE_URL", "COST", "PRIORITY_LEFT_OUT", "USAGE", "headers", "read"]

COST: Final = "/v1/organizations/cost_report"
USAGE: Final = "/v1/organizations/usage_report/messages"
PRIORITY_LEFT_OUT: Final = "Priority Tier is billed apart and not part of this report."
_DAYS_MAX: Final = 31
_USAGE_GROUPS: Final = ("model", "api_key_id", "service_tier")
_PRIORITY: Final = frozenset({"priority", "priority_on_demand"})


def headers(credential: str) -> dict[str, str]:
    """Return what every call carries."""
    return {"x-api-key": credential, "anthropic-version": "2023-06-01"}


def read(client: ProviderClient, first: date, last: date) -> list[BilledPeriod]:
    """Return a bill per day from `first` to `last`, both included.

    Raises:
        BillingError: the costs could not be read. Where usage alone cannot, the bills say so in their note.
    """
    bills = DayBills(client.provider, first, last)
    for day, result in _results(client, bills, COST, ("description",), first, last):
        bills.add(day, _cost_line(result))
    usage = DayBills(client.provider, first, last)
    try:
        for day, result in _results(client, usage, USAGE, _USAGE_GROUPS, first, last):
            _add_usage(bills, usage, day, result)
    except (AnswerError, RefusedError):
        bills.note(USAGE_UNKNOWN)
        return bills.periods()
    return bills.with_usage(usage)


def _results(
    client: ProviderClient, bills: DayBills, path: str, groups: Sequence[str], first: date, last: date
) -> Iterator[tuple[date, Mapping[str, Any]]]:
    for span in spans_of(first, last, _DAYS_MAX):
        params = [
            *span_params(*span),
            ("bucket_width", "1d"),
            *(("group_by[]", group) for group in groups),
            ("limit", str(_DAYS_MAX)),
        ]
        for page in client.pages(path, params):
            for bucket in (object_of(one, "bucket") for one in list_of(page, "data")):
                day = one_day(bucket, "starting_at", "ending_at")
                bills.begin_bucket(path, day)
                for result in list_of(bucket, "results"):
                    yield day, object_of(result, "result")


def _cost_line(result: Mapping[str, Any]) -> BilledLine:
    usd_only(result.get("currency"))
    try:
        amount = usd_from_cents(result.get("amount"))
    except AmountError as fault:
        raise refused_amount(fault) from None
    described = text_or_none(result, "description", longest=DESCRIPTION_LENGTH)
    return BilledLine(
        amount=amount,
        model=text_or_none(result, "model"),
        service_tier=tier_or_none(result),
        token_kind=KIND_OF.get(text_or_none(result, "token_type") or ""),
        description=described or text_or_none(result, "cost_type") or "",
    )


def _add_usage(bills: DayBills, usage: DayBills, day: date, result: Mapping[str, Any]) -> None:
    tier = tier_or_none(result)
    whose: dict[str, Any] = {
        "model": text_or_none(result, "model"),
        "key_ref": text_or_none(result, "api_key_id"),
        "service_tier": tier,
    }
    counts = token_counts(result)
    for kind, count in counts.items():
        usage.add(day, BilledLine(token_kind=kind, quantity=count, description="tokens", **whose))
    if counts and tier in _PRIORITY:
        bills.mark_partial(day)
        bills.note(PRIORITY_LEFT_OUT, day)
