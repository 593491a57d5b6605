"""What real usage would have cost on another model, or at other prices.

Belongs here: repricing the requests of a filter. Does not belong here: whether the other model would have done as well
(`dbt_project`, checks of `analysis/optimisation`), prices (`book`).

Tokens are taken as they were counted: another model cuts text into other tokens and answers at other lengths. Prices
are those in force at one instant, for all requests alike; tier and length of context are each request's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Literal

from api.dashboards.models.answer import TokenKinds
from api.dashboards.money import percent, usd_from_millicents, usd_from_picousd
from api.dashboards.queries import conditions
from api.dashboards.queries.asking import METERED
from api.dashboards.rates.book import ListPrices, OwnRate, known_rates
from api.dashboards.rates.cells import (
    KINDS,
    TOTAL_INPUT,
    cells_sql,
    chosen_at,
    fixed_cells,
    has_price_sql,
    priced_sql,
)
from api.dashboards.rates.models import Repriced, WhatIfAnswer
from api.dashboards.shown import build_fields, filters_shown
from api.dashboards.view import View
from pipelines.lake.clock import iso_utc
from pipelines.lake.rate_book import TokenRates

Missing = Literal["unpriced", "uncached_input"]
_CACHE_KINDS: Final = ("cache_read", "cache_write_5m", "cache_write_1h")
_SUMS: Final = ", ".join(f"sum({tokens}) as {tokens}" for _, tokens in KINDS)
_TOKENS: Final = ", ".join(f"sum({tokens})::hugeint" for _, tokens in KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What usage is repriced at: a model's rates at an instant, or given ones.

    Attributes:
        provider: of the model; empty with given rates.
        model_ref: the priced model; empty with given rates.
        at: instant of the rates.
        given: rates by the context they begin over; empty with a model.
        missing: what tokens of a cache kind without a price cost.
    """

    provider: str = ""
    model_ref: str = ""
    at: datetime
    given: tuple[tuple[int, TokenRates], ...] = ()
    missing: Missing = "unpriced"


def what_if(view: View, prices: ListPrices, own: Sequence[OwnRate], target: Target) -> WhatIfAnswer:
    """Return the view's metered requests repriced, by model and in total."""
    statement, parameters = _statement(view, _cells(view, prices, own, target))
    rows = [_Sums(*row) for row in view.marts.rows(statement, parameters)]
    return WhatIfAnswer(
        **build_fields(view),
        filters=filters_shown(view.filters),
        provider=target.provider or None,
        model_ref=target.model_ref or None,
        rates_at=iso_utc(target.at),
        rate_book_version=prices.version,
        total=_shown(_added(rows)),
        models=[_shown(row) for row in sorted(rows, key=lambda row: (-row.priced, row.provider, row.model))],
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums of some requests, in the order the statement gives them."""

    provider: str | None
    model: str | None
    requests: int = 0
    uncached_input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    logged_millicents: int = 0
    unpriced_requests: int = 0
    priced: int = 0
    unrated_requests: int = 0
    repriced: int = 0
    unrepriced_requests: int = 0
    compared_requests: int = 0
    compared_priced: int = 0
    compared_repriced: int = 0


def _added(rows: Sequence[_Sums]) -> _Sums:
    names = [field.name for field in fields(_Sums)][2:]
    return replace(_Sums(None, None), **{name: sum(getattr(row, name) for row in rows) for name in names})


def _cells(view: View, prices: ListPrices, own: Sequence[OwnRate], target: Target) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = []
    if target.given:
        cells = fixed_cells(target.given, prices.tiers, "given")
    else:
        # What is known now about prices then.
        rates = known_rates(prices, own, view.now)
        for tier in prices.tiers:
            chosen = chosen_at(rates, target.provider, target.model_ref, tier, target.at, view.workspace_id)
            bands = [(rate.context_over_tokens, rate.rates) for rate in chosen]
            cells += fixed_cells(bands, [tier], "chosen") if bands else []
    if target.missing == "uncached_input":
        for cell in cells:
            cell.update({kind: cell["uncached_input"] for kind in _CACHE_KINDS if cell[kind] is None})
    return cells


def _statement(view: View, cells: list[dict[str, Any]]) -> tuple[str, conditions.Parameters]:
    period = view.period.current
    where, parameters = conditions.joined(
        conditions.workspace(view.workspace_id),
        conditions.fact_span(period.starts_at, period.ends_at),
        conditions.rail(view.filters),
        ([conditions.VISIBLE, "spend_kind = $metered"], {"metered": METERED}),
    )
    statement = f"""
        with cells as ({cells_sql("cells")}),
        requests as (select *, {TOTAL_INPUT} as total_input_tokens from fct_requests where {where}),
        -- Prices multiply sums, not every request: what has a price of all its tokens is told apart before.
        summed as (
            select
                requests.provider, requests.model, requests.service_tier, cells.context_from,
                cost_priced_picousd is not null as is_priced,
                {has_price_sql("requests", "cells")} as is_repriced,
                count(*) as requests, {_SUMS},
                sum(cost_logged_millicents) as logged_millicents,
                count(*) filter (where cost_logged_millicents is null) as unpriced_requests,
                sum(cost_priced_picousd) as priced_picousd
            from requests
            left join cells
                on requests.service_tier = cells.service_tier
                and requests.total_input_tokens >= cells.context_from
                and requests.total_input_tokens < cells.context_until
            group by all
        ),
        repriced as (
            select
                summed.*, is_priced and is_repriced as is_compared,
                case when is_repriced then {priced_sql("summed", "cells")} end as repriced_picousd
            from summed
            left join cells
                on summed.service_tier = cells.service_tier and summed.context_from = cells.context_from
        )
        select
            provider, model, sum(requests)::bigint, {_TOKENS},
            coalesce(sum(logged_millicents), 0)::hugeint, sum(unpriced_requests)::bigint,
            coalesce(sum(priced_picousd), 0)::hugeint, coalesce(sum(requests) filter (where not is_priced), 0)::bigint,
            coalesce(sum(repriced_picousd), 0)::hugeint,
            coalesce(sum(requests) filter (where not is_repriced), 0)::bigint,
            coalesce(sum(requests) filter (where is_compared), 0)::bigint,
            coalesce(sum(priced_picousd) filter (where is_compared), 0)::hugeint,
            coalesce(sum(repriced_picousd) filter (where is_compared), 0)::hugeint
        from repriced
        group by provider, model
    """  # noqa: S608 - fixed fragments; every value is a parameter
    return statement, {**parameters, "cells": cells}


def _shown(sums: _Sums) -> Repriced:
    difference = sums.compared_repriced - sums.compared_priced
    return Repriced(
        provider=sums.provider,
        model=sums.model,
        requests=sums.requests,
        tokens=TokenKinds(**{kind: int(getattr(sums, kind)) for kind, _ in KINDS}),
        cost_usd=usd_from_millicents(int(sums.logged_millicents)),
        unpriced_requests=sums.unpriced_requests,
        cost_priced_usd=usd_from_picousd(int(sums.priced)),
        unrated_requests=sums.unrated_requests,
        repriced_usd=usd_from_picousd(int(sums.repriced)),
        unrepriced_requests=sums.unrepriced_requests,
        compared_requests=sums.compared_requests,
        compared_priced_usd=usd_from_picousd(int(sums.compared_priced)),
        compared_repriced_usd=usd_from_picousd(int(sums.compared_repriced)),
        difference_usd=usd_from_picousd(int(difference)),
        difference_percent=percent(int(difference), int(sums.compared_priced)),
    )
