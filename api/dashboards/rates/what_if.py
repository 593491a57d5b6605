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
from api.dashboards.rates.book import ListPrices, OwnRate, known_rates
from api.dashboards.rates.cells import KINDS, chosen_at, fixed_cells
from api.dashboards.rates.models import Repriced, WhatIfAnswer
from api.dashboards.rates.usage import Used, usage
from api.dashboards.shown import build_fields, filters_shown
from api.dashboards.view import View
from pipelines.lake.clock import iso_utc
from pipelines.lake.rate_book import TokenRates

Missing = Literal["unpriced", "uncached_input"]
_CACHE_KINDS: Final = ("cache_read", "cache_write_5m", "cache_write_1h")
Cell = dict[str, Any]


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
    cells = _cells(view, prices, own, target)
    rows = _sums(usage(view, _starts(prices, own, cells)), cells)
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
    """Sums of some requests."""

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


_NUMBERS: Final = tuple(field.name for field in fields(_Sums))[2:]


def _added(rows: Sequence[_Sums]) -> _Sums:
    return replace(_Sums(None, None), **{name: sum(getattr(row, name) for row in rows) for name in _NUMBERS})


def _cells(view: View, prices: ListPrices, own: Sequence[OwnRate], target: Target) -> list[Cell]:
    cells: list[Cell] = []
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


def _starts(prices: ListPrices, own: Sequence[OwnRate], cells: Sequence[Cell]) -> list[int]:
    """Return the least input of every band but the first: of all prices, so that usage is read once for all of them."""
    overs = {rate.context_over_tokens for rate in (*prices.rates, *(one.rate for one in own))}
    known = {over + 1 for over in overs if over}
    return sorted((known | {cell["context_from"] for cell in cells}) - {0})


def _sums(used: Sequence[Used], cells: Sequence[Cell]) -> list[_Sums]:
    """Return usage with its price at the cells, by model."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for one in used:
        sums = found.setdefault((one.provider, one.model), dict.fromkeys(_NUMBERS, 0))
        repriced = _repriced(one, cells)
        both = one.is_priced and repriced is not None
        for (kind, _), tokens in zip(KINDS, one.tokens, strict=True):
            sums[kind] += tokens
        sums["requests"] += one.requests
        sums["logged_millicents"] += one.logged_millicents
        sums["unpriced_requests"] += one.unpriced_requests
        sums["priced"] += one.priced_picousd
        sums["unrated_requests"] += 0 if one.is_priced else one.requests
        sums["repriced"] += repriced or 0
        sums["unrepriced_requests"] += one.requests if repriced is None else 0
        if both:
            sums["compared_requests"] += one.requests
            sums["compared_priced"] += one.priced_picousd
            sums["compared_repriced"] += repriced or 0
    return [_Sums(provider, model, **sums) for (provider, model), sums in found.items()]


def _repriced(one: Used, cells: Sequence[Cell]) -> int | None:
    """Return what requests alike cost at the cells, picodollars; None when a kind they have has no price."""
    start = one.context_start
    of_tier = (cell for cell in cells if cell["service_tier"] == one.service_tier)
    cell = next((cell for cell in of_tier if cell["context_from"] <= start < cell["context_until"]), None)
    if cell is None:
        return None
    total = 0
    for place, ((kind, _), tokens) in enumerate(zip(KINDS, one.tokens, strict=True)):
        if one.kinds_present >> place & 1:
            price: int | None = cell[kind]
            if price is None:
                return None
            total += tokens * price
    return total


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
