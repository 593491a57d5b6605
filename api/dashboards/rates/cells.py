"""Rates laid out so that SQL can price requests by joining them.

Belongs here: cells of time and context in which the choice of a rate cannot change, and the SQL that prices by them.
Does not belong here: the choice itself (`pipelines.lake.pricing`), which requests are priced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from pipelines.lake.pricing import RateIndex
from pipelines.lake.rate_book import STANDARD_TIER, Rate, TokenRates

NO_UPPER_LIMIT: Final = 2**62
_ALWAYS: Final = (datetime(1970, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - as DuckDB takes them: UTC, unmarked
KINDS: Final = (
    ("uncached_input", "uncached_input_tokens"),
    ("cache_read", "cache_read_tokens"),
    ("cache_write_5m", "cache_write_5m_tokens"),
    ("cache_write_1h", "cache_write_1h_tokens"),
    ("output", "billable_output_tokens"),
)
"""Kinds of tokens as rates name them, and the columns of requests that count them."""
_FIELDS: Final = (
    "provider varchar, model varchar, service_tier varchar, valid_from timestamp, valid_to timestamp,"
    " context_from bigint, context_until bigint, rate_id varchar, negotiated boolean,"
    " uncached_input bigint, cache_read bigint, cache_write_5m bigint, cache_write_1h bigint, output bigint"
)
TOTAL_INPUT: Final = "uncached_input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens"


@dataclass(frozen=True, slots=True)
class Named:
    """A model as daemons name it, and the priced model that leads to."""

    provider: str
    model: str
    model_ref: str


def cells_sql(parameter: str) -> str:
    """Return a table of the cells in a parameter."""
    return f"select unnest(${parameter}::struct({_FIELDS})[], recursive := true)"


def priced_sql(request: str, cell: str) -> str:
    """Return the price of a request by a cell in picodollars: null when a kind with tokens has no price."""
    parts = [
        f"case when {request}.{tokens} = 0 then 0 else {request}.{tokens}::hugeint * {cell}.{kind} end"
        for kind, tokens in KINDS
    ]
    return f"case when {cell}.rate_id is not null then {' + '.join(parts)} end"


def cells_of(
    rates: Iterable[Rate], models: Iterable[Named], tiers: Sequence[str], workspace_id: str
) -> list[dict[str, Any]]:
    """Return the cells of these models for a workspace: at each instant, tier and input the one rate in force."""
    kept = list(rates)
    by_model: dict[tuple[str, str], list[Rate]] = {}
    for rate in kept:
        by_model.setdefault((rate.provider, rate.model_ref), []).append(rate)
    index = RateIndex(kept)
    cells: list[dict[str, Any]] = []
    for named in models:
        priced = by_model.get((named.provider, named.model_ref), [])
        for tier in tiers:
            fitting = [rate for rate in priced if rate.service_tier in {tier, STANDARD_TIER}]
            cells += _cells(index, named, tier, fitting, workspace_id)
    return cells


def fixed_cells(prices: Sequence[tuple[int, TokenRates]], tiers: Sequence[str], rate_id: str) -> list[dict[str, Any]]:
    """Return cells of prices that hold for every model and at any time, by the context they begin over."""
    bands = sorted(prices, key=lambda band: band[0])
    starts = [_starts(over) for over, _ in bands]
    ends = [*starts[1:], NO_UPPER_LIMIT]
    return [
        _cell(Named("", "", ""), tier, _ALWAYS, (start, end), rate_id, False, rates)
        for tier in tiers
        for (_, rates), start, end in zip(bands, starts, ends, strict=True)
    ]


def chosen_at(
    rates: Iterable[Rate], provider: str, model_ref: str, tier: str, at: datetime, workspace_id: str
) -> list[Rate]:
    """Return the rates of a model in force at an instant, one per context band, as the band says it begins."""
    index = RateIndex(rate for rate in rates if (rate.provider, rate.model_ref) == (provider, model_ref))
    overs = {0} | {
        rate.context_over_tokens for rate in rates if (rate.provider, rate.model_ref) == (provider, model_ref)
    }
    found: list[Rate] = []
    for over in sorted(overs):
        rate = index.find(
            provider=provider,
            model_ref=model_ref,
            service_tier=tier,
            at=at,
            total_input=_starts(over),
            workspace_id=workspace_id,
        )
        if rate is not None:
            found.append(replace(rate, context_over_tokens=over))
    return found


def _cells(index: RateIndex, named: Named, tier: str, rates: Sequence[Rate], workspace_id: str) -> list[dict[str, Any]]:
    instants = sorted({instant for rate in rates for instant in (rate.valid_from, rate.valid_to)})
    starts = sorted({_starts(rate.context_over_tokens) for rate in rates})
    ends = [*starts[1:], NO_UPPER_LIMIT]
    found: list[dict[str, Any]] = []
    for begin, end in pairwise(instants):
        for start, until in zip(starts, ends, strict=True):
            rate = index.find(
                provider=named.provider,
                model_ref=named.model_ref,
                service_tier=tier,
                at=begin,
                total_input=start,
                workspace_id=workspace_id,
            )
            if rate is not None:
                span = (_naive(begin), _naive(end))
                own = rate.workspace_id is not None
                found.append(_cell(named, tier, span, (start, until), rate.rate_id, own, rate.rates))
    return found


def _cell(
    named: Named,
    tier: str,
    span: tuple[datetime, datetime],
    context: tuple[int, int],
    rate_id: str,
    negotiated: bool,  # noqa: FBT001 - a column like the others
    rates: TokenRates,
) -> dict[str, Any]:
    return {
        "provider": named.provider,
        "model": named.model,
        "service_tier": tier,
        "valid_from": span[0],
        "valid_to": span[1],
        "context_from": context[0],
        "context_until": context[1],
        "rate_id": rate_id,
        "negotiated": negotiated,
        **{kind: getattr(rates, kind) for kind, _ in KINDS},
    }


def _starts(over: int) -> int:
    """Return the least input a band takes: the base band takes calls without input, too."""
    return 0 if over == 0 else over + 1


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
