"""The price table offered to daemons, made from the rate book.

Belongs here: choosing and shaping base prices for `GET /v1/pricing/rates`. Does not belong here: the message itself
(`daemon.wire.pricing`). The protocol's prices are floats; they are made here, at the edge, and nothing is computed
from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from daemon.wire.pricing import ModelRates, PricingRates
from pipelines.rates.book import PICOUSD_PER_TOKEN_PER_USD_MTOK, STANDARD_TIER, Rate
from pipelines.rates.seed import is_passed_on

MAX_USD_PER_MTOK = 1000
PRICE_TABLE_NAMES = {"gemini": "google"}
"""Where a daemon's price table names a provider differently from its records."""


def pricing_rates(rates: Iterable[Rate], *, at: datetime, workspace_id: str | None = None) -> PricingRates:
    """Return the standard base prices in force at an instant, the workspace's own before everyone's.

    Args:
        rates: a rate book.
        at: instant, aware.
        workspace_id: whose negotiated prices count; None for nobody's.

    Returns:
        The table. Its version is the second (Unix time) of the newest fact in it, a price's start or the day we
        learned of it, so that it grows whenever a price in force changes. A book without prices has version 0, which
        daemons never apply.
    """
    chosen: dict[tuple[str, str], Rate] = {}
    for rate in rates:
        if not _offered(rate, at) or rate.workspace_id not in (None, workspace_id):
            continue
        key = (rate.provider, rate.model_ref)
        if key not in chosen or _precedence(rate) > _precedence(chosen[key]):
            chosen[key] = rate
    providers: defaultdict[str, list[ModelRates]] = defaultdict(list)
    for (provider, _), rate in sorted(chosen.items()):
        providers[PRICE_TABLE_NAMES.get(provider, provider)].append(_model_rates(rate))
    newest = max((max(rate.valid_from, min(rate.known_from, at)) for rate in chosen.values()), default=None)
    return PricingRates(
        schema_version=1,
        bundled_rates_date=(newest or at).date().isoformat(),
        rates_version=int(newest.timestamp()) if newest else 0,
        currency="USD",
        providers=dict(providers),
    )


def _offered(rate: Rate, at: datetime) -> bool:
    """Whether a rate is a plain price of a provider's own model that the strict shape can carry."""
    base = rate.service_tier == STANDARD_TIER and rate.context_over_tokens == 0
    prices = (rate.rates.uncached_input, rate.rates.cache_read, rate.rates.cache_write_5m, rate.rates.output)
    sane = all(p is not None and p <= MAX_USD_PER_MTOK * PICOUSD_PER_TOKEN_PER_USD_MTOK for p in prices)
    return base and sane and rate.applies_at(at) and not is_passed_on(rate.provider, rate.model_ref)


def _precedence(rate: Rate) -> tuple[object, ...]:
    return (rate.workspace_id is not None, rate.known_from, rate.valid_from, rate.rate_id)


def _usd_per_mtok(picousd_per_token: int | None) -> float:
    return float(Fraction(picousd_per_token or 0, PICOUSD_PER_TOKEN_PER_USD_MTOK))


def _model_rates(rate: Rate) -> ModelRates:
    return ModelRates(
        model=rate.model_ref,
        input=_usd_per_mtok(rate.rates.uncached_input),
        output=_usd_per_mtok(rate.rates.output),
        thinking=_usd_per_mtok(rate.rates.output),
        cache_read=_usd_per_mtok(rate.rates.cache_read),
        cache_write=_usd_per_mtok(rate.rates.cache_write_5m),
    )
