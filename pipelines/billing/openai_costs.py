"""OpenAI's organization costs, with completions usage for tokens and requests.

Belongs here: their paths, parameters and fields. Does not belong here: waiting, pages, money (`http`, `amounts`).

    GET /v1/organization/costs                buckets of a day; `amount.value` is dollars as a JSON number
    GET /v1/organization/usage/completions    buckets of a day; `input_tokens` includes the cached ones

A cost's line item names model and kind as in "gpt-5-mini-2026-01-01, cached input". Of images, audio and other services
there are costs here and no tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from pipelines.billing.amounts import AmountError, parse_amount
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
from pipelines.billing.anthropic_analytics import USAGE_UNKNOWN
from pipelines.billing.bills import CACHE_READ, OUTPUT, UNCACHED_INPUT, BilledLine, BilledPeriod, spans_of
from pipelines.billing.http import AnswerError, ProviderClient, RefusedError
from pipelines.lake.bills import DESCRIPTION_LENGTH, LineCategory

BASE_URL: Final = "https://api.openai.com"
COSTS: Final = "/v1/organization/costs"
USAGE: Final = "/v1/organization/usage/completions"
OTHER_INPUT: Final = "other input tokens"
_COST_DAYS_MAX: Final = 180
_USAGE_DAYS_MAX: Final = 31
_KIND_OF: Final = {"input": UNCACHED_INPUT, "cached input": CACHE_READ, "output": OUTPUT}
_BATCH: Final = "batch"


def headers(credential: str) -> dict[str, str]:
    """Return what every call carries."""
    return {"authorization": f"Bearer {credential}"}


def read(client: ProviderClient, first: date, last: date) -> list[BilledPeriod]:
    """Return a bill per day from `first` to `last`, both included.

    Raises:
        BillingError: the costs could not be read. Where usage alone cannot, the bills say so in their note.
    """
    bills = DayBills(client.provider, first, last)
    for span in spans_of(first, last, _COST_DAYS_MAX):
        for day, result in _results(client, bills, COSTS, ("line_item", "api_key_id"), span, _COST_DAYS_MAX):
            bills.add(day, _cost_line(result))
    usage = DayBills(client.provider, first, last)
    try:
        for span in spans_of(first, last, _USAGE_DAYS_MAX):
            groups = ("model", "api_key_id", "service_tier", "batch")
            for day, result in _results(client, usage, USAGE, groups, span, _USAGE_DAYS_MAX):
                _add_usage(usage, day, result)
    except (AnswerError, RefusedError):
        bills.note(USAGE_UNKNOWN)
        return bills.periods()
    return bills.with_usage(usage)


def _results(
    client: ProviderClient, bills: DayBills, path: str, groups: Sequence[str], span: tuple[date, date], limit: int
) -> Iterator[tuple[date, Mapping[str, Any]]]:
    begin, end = span[0], date.fromordinal(span[1].toordinal() + 1)
    params = [
        ("start_time", str(_seconds(begin))),
        ("end_time", str(_seconds(end))),
        ("bucket_width", "1d"),
        *(("group_by", group) for group in groups),
        ("limit", str(limit)),
    ]
    for page in client.pages(path, params):
        for bucket in (object_of(one, "bucket") for one in list_of(page, "data")):
            day = one_day(bucket, "start_time", "end_time")
            bills.begin_bucket(path, day)
            for result in list_of(bucket, "results"):
                yield day, object_of(result, "result")


def _cost_line(result: Mapping[str, Any]) -> BilledLine:
    amount = object_of(result.get("amount"), "amount")
    usd_only(amount.get("currency"))
    try:
        value = parse_amount(amount.get("value"))
    except AmountError as fault:
        raise refused_amount(fault) from None
    item = text_or_none(result, "line_item", longest=DESCRIPTION_LENGTH) or ""
    model, _, kind = item.rpartition(", ")
    token_kind = _KIND_OF.get(kind)
    return BilledLine(
        amount=value,
        category=LineCategory.CREDIT if value < 0 else LineCategory.USAGE,
        model=model or None if token_kind else None,
        key_ref=text_or_none(result, "api_key_id"),
        token_kind=token_kind,
        description=item,
    )


def _add_usage(usage: DayBills, day: date, result: Mapping[str, Any]) -> None:
    whose: dict[str, Any] = {
        "model": text_or_none(result, "model"),
        "key_ref": text_or_none(result, "api_key_id"),
        "service_tier": _BATCH if result.get("batch") is True else tier_or_none(result),
    }
    whole, cached = count_of(result, "input_tokens"), count_of(result, "input_cached_tokens", missing=0)
    uncached = count_of(result, "input_uncached_tokens", missing=max(0, whole - cached))
    rest = whole - cached - uncached
    if rest < 0:
        raise AnswerError("The answer counts more cached and uncached input tokens than input tokens.")
    counts = ((UNCACHED_INPUT, uncached), (CACHE_READ, cached), (OUTPUT, count_of(result, "output_tokens")))
    for kind, count in counts:
        if count:
            usage.add(day, BilledLine(token_kind=kind, quantity=count, description="tokens", **whose))
    if rest:  # written to a cache, say; of which kind nobody tells
        usage.add(day, BilledLine(quantity=rest, description=OTHER_INPUT, **whose))
    requests = count_of(result, "num_model_requests")
    usage.add_requests(day, requests, BilledLine(requests=requests, description="requests", **whose))


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
