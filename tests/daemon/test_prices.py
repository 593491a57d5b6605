"""The simulator's prices: exact integers, and the same as the published price data."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from daemon.simulate.catalog import MODELS, UNKNOWN_MODELS
from daemon.simulate.prices import PRICES, BilledTokens, cost_picodollars, millicents_half_even

PACKAGE_NAMES = {"gemini": "google", "xai": "x-ai"}
USAGES = [
    BilledTokens(uncached_input=1_000, output=500),
    BilledTokens(uncached_input=3, cache_read=90_001, cache_write=1_777, output=2_049),
    BilledTokens(uncached_input=150_000, cache_read=60_000, output=9_999),
]


def test_every_simulated_model_has_a_price() -> None:
    assert {(model.provider, model.name) for model in MODELS} <= set(PRICES)


def days_of_interest(provider: str, model: str) -> list[date]:
    starts = [entry.valid_from for entry in PRICES[provider, model]]
    return sorted({*starts, *(start - timedelta(days=1) for start in starts[:-1]), date(2026, 11, 21)})


@pytest.mark.parametrize(("provider", "model"), sorted(PRICES))
def test_prices_equal_the_published_data_on_every_day_they_change(provider: str, model: str) -> None:
    sells_writes = provider == "anthropic"
    sells_reads = any(m.caches_reads for m in MODELS if m.name == model) or model == "claude-opus-4-1-20250805"
    for day, tokens in itertools.product(days_of_interest(provider, model), USAGES):
        billed = tokens._replace(
            cache_write=tokens.cache_write if sells_writes else 0,
            cache_read=tokens.cache_read if sells_reads else 0,
            output=0 if "embedding" in model else tokens.output,
        )
        usage = Usage(
            input_tokens=billed.uncached_input + billed.cache_read + billed.cache_write,
            cache_read_tokens=billed.cache_read,
            cache_write_tokens=billed.cache_write,
            output_tokens=billed.output,
        )
        published = calc_price(
            usage,
            model,
            provider_id=PACKAGE_NAMES.get(provider, provider),
            genai_request_timestamp=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        )
        ours = cost_picodollars(provider, model, billed, day)
        assert ours is not None
        assert Decimal(ours) / 10**12 == published.total_price


def test_unknown_models_are_unknown_to_the_published_data_too() -> None:
    for model in UNKNOWN_MODELS:
        with pytest.raises(LookupError):
            get_snapshot().find_provider_model(model.name, None, model.provider, None)
        assert cost_picodollars(model.provider, model.name, BilledTokens(1, 1, 1, 1), date(2026, 11, 1)) is None


@pytest.mark.parametrize(
    ("picodollars", "millicents"),
    [
        (0, 0),
        (4_999_999, 0),
        (5_000_000, 0),
        (5_000_001, 1),
        (14_999_999, 1),
        (15_000_000, 2),
        (25_000_000, 2),
        (25_000_001, 3),
        (10**12, 100_000),
    ],
)
def test_millicents_round_once_half_to_even(picodollars: int, millicents: int) -> None:
    assert millicents_half_even(picodollars) == millicents
