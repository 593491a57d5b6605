"""Reading the bundled data of genai-prices into rate book rows.

Belongs here: the package's rules for dated prices, variants, tiers and missing cache prices, as rows. Does not belong
here: which model a daemon's model name means (`aliases`).

Rules taken from `genai_prices.types` and `genai_prices.decompose` (0.2.3):
- the last price whose start date has come is in force, the first one before any has;
- a variant overrides single prices of the standard ones while its own constraint holds;
- a tier's price applies to all tokens of a call once its input, cached tokens included, exceeds the tier's start;
- tokens of a kind without a price of its own are counted as the next wider kind: cache reads and writes as input,
  one-hour writes as writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version

from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, StartDateConstraint, TieredPrices

from pipelines.lake.rate_book import (
    SINCE_EVER,
    STANDARD_TIER,
    UNTIL_FURTHER_NOTICE,
    Rate,
    TokenRates,
    picousd_per_token,
)

WIRE_PROVIDERS = {"anthropic": "anthropic", "openai": "openai", "google": "gemini", "x-ai": "xai", "groq": "groq"}
"""Package provider id to wire provider id."""
PACKAGE_PROVIDERS = {wire: package for package, wire in WIRE_PROVIDERS.items()}
SOURCE = f"genai-prices {version('genai-prices')}"

Band = tuple[int, TokenRates]


@cache
def package_providers() -> dict[str, Provider]:
    """Return the bundled providers by package id, whatever an auto-update may have put in their place."""
    from genai_prices.data import providers  # noqa: PLC0415 - 1.6 MB of code, wanted only here

    return {provider.id: provider for provider in providers}


@cache
def package_snapshot() -> data_snapshot.DataSnapshot:
    """Return the package's own matcher over the bundled data."""
    return data_snapshot.DataSnapshot(providers=list(package_providers().values()), from_auto_update=False)


def model_ref(provider: Provider, model: ModelInfo) -> str:
    """Name a priced model within a provider's part of the book.

    A provider may sell another one's models (`fallback_model_providers`); these carry their owner's id.
    """
    if any(model is own for own in provider.models):
        return model.id
    owner = next(p.id for p in package_providers().values() if any(model is own for own in p.models))
    return f"{owner}/{model.id}"


def is_passed_on(wire_provider: str, ref: str) -> bool:
    """Whether a model of the book is another provider's, sold by this one."""
    package_id = PACKAGE_PROVIDERS.get(wire_provider)
    owners = package_providers()[package_id].fallback_model_providers if package_id else None
    return ref.partition("/")[0] in (owners or ())


def tier_contexts(model: ModelInfo) -> dict[str, dict[str, str]]:
    """Return the request context that selects each named tier of a model.

    Raises:
        ValueError: two variants of one model give the same tier name different conditions.
    """
    contexts: dict[str, dict[str, str]] = {}
    for variant in model.price_variants or ():
        tier = "+".join(variant.when.values())
        if contexts.setdefault(tier, variant.when) != variant.when:
            raise ValueError(f"{model.id}: tier {tier!r} has two meanings")
    return contexts


def bands(prices: ModelPrice) -> list[Band]:
    """Resolve one set of prices into context bands.

    Returns:
        (context_over_tokens, rates) by rising start; the base band's start is 0.

    Raises:
        ValueError: a tier starts at 0, or a price is no whole number of picodollars per token.
    """
    tiers = {t.start for p in prices.__dict__.values() if isinstance(p, TieredPrices) for t in p.tiers}
    if min(tiers, default=1) <= 0:
        raise ValueError("a context tier starts at 0 tokens")
    resolved = [(start, _rates_over(prices, start)) for start in (0, *sorted(tiers))]
    # Tiers of prices that no kind uses (audio, searches) make bands without a difference.
    return [band for i, band in enumerate(resolved) if i == 0 or band[1] != resolved[i - 1][1]]


def _rates_over(prices: ModelPrice, start: int) -> TokenRates:
    def price(key: str) -> int | None:
        value = prices.__dict__.get(key)
        if isinstance(value, TieredPrices):
            value = next((tier.price for tier in reversed(value.tiers) if start >= tier.start), value.base)
        return picousd_per_token(value) if isinstance(value, Decimal) else None

    def first_known(*candidates: int | None) -> int | None:
        return next((c for c in candidates if c is not None), None)

    uncached, write = price("input_mtok"), price("cache_write_mtok")
    return TokenRates(
        uncached_input=uncached,
        cache_read=first_known(price("cache_read_mtok"), uncached),
        cache_write_5m=first_known(price("cache_write_5m_mtok"), write, uncached),
        cache_write_1h=first_known(price("cache_write_1h_mtok"), write, uncached),
        output=price("output_mtok"),
    )


def _start(constraint: object) -> datetime:
    if constraint is None:
        return SINCE_EVER
    if isinstance(constraint, StartDateConstraint):
        return datetime.combine(constraint.start_date, time(0), tzinfo=UTC)
    raise ValueError(f"a price by {type(constraint).__name__} has no place in the rate book")


def _starts(model: ModelInfo) -> list[datetime]:
    dated = [*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())]
    return sorted({SINCE_EVER, *(_start(price.constraint) for price in dated)})


def _periods(model: ModelInfo, context: dict[str, str] | None) -> list[tuple[datetime, datetime, list[Band]]]:
    periods: list[tuple[datetime, datetime, list[Band]]] = []
    starts = _starts(model)
    for start, end in zip(starts, [*starts[1:], UNTIL_FURTHER_NOTICE], strict=True):
        resolved = bands(model.get_prices(start, context))
        if periods and periods[-1][2] == resolved:
            periods[-1] = (periods[-1][0], end, resolved)
        else:
            periods.append((start, end, resolved))
    return periods


def model_rates(wire_provider: str, ref: str, model: ModelInfo, *, with_tiers: bool = True) -> Iterator[Rate]:
    """Yield the rate book rows of one model; a tier priced like the standard one at all times has none of its own."""
    standard = _periods(model, None)
    tiers = {STANDARD_TIER: standard}
    if with_tiers:
        tiers |= {tier: _periods(model, context) for tier, context in tier_contexts(model).items()}
    for tier, periods in tiers.items():
        if tier != STANDARD_TIER and periods == standard:
            continue
        for valid_from, valid_to, resolved in periods:
            for over, rates in resolved:
                yield Rate(wire_provider, ref, tier, over, valid_from, valid_to, rates, SOURCE)


@cache
def seed_rates() -> tuple[Rate, ...]:
    """Return the rate book as genai-prices knows it, for the providers that daemons report.

    Raises:
        ValueError: the package's data holds a price the book cannot express; an upgrade of it needs a look.
    """
    rates: list[Rate] = []
    for package_id, wire_id in WIRE_PROVIDERS.items():
        provider = package_providers()[package_id]
        for model in provider.models:
            rates += model_rates(wire_id, model.id, model)
        for owner in provider.fallback_model_providers or ():
            # The package applies no variants to models that a provider only passes on.
            for model in package_providers()[owner].models:
                rates += model_rates(wire_id, f"{owner}/{model.id}", model, with_tiers=False)
    return _without_repeats(rates)


def _without_repeats(rates: list[Rate]) -> tuple[Rate, ...]:
    """Keep the first model of an id: the package's matcher also takes the first that matches."""
    unique: dict[tuple[object, ...], Rate] = {}
    for rate in rates:
        key = (rate.provider, rate.model_ref, rate.service_tier, rate.context_over_tokens, rate.valid_from)
        unique.setdefault(key, rate)
    return tuple(unique.values())
