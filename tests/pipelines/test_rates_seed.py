"""The rate book says what genai-prices says, to the picodollar."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import genai_prices
import pytest
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.lake.pricing import RateIndex, TokenKinds, price_picousd
from pipelines.lake.rate_book import Rate, picousd_per_token, rate_book_version
from pipelines.rates.aliases import resolve_model
from pipelines.rates.seed import PACKAGE_PROVIDERS, bands, model_rates, package_providers, seed_rates, tier_contexts

BOOK = RateIndex(seed_rates())
NOBODY = "00000000-0000-4000-8000-000000000000"

# (wire provider, a name that finds the model), for every priced model whose own id finds itself.
MODELS = [
    (wire, model.id)
    for wire, package_id in PACKAGE_PROVIDERS.items()
    for model in package_providers()[package_id].models
    if resolve_model(wire, model.id).model_ref == model.id
]
TOKENS = st.one_of(st.just(0), st.integers(0, 2000), st.integers(90_000, 300_000))
INSTANTS = st.datetimes(datetime(2023, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001


def ours(
    provider: str, model: str, kinds: TokenKinds, at: datetime, tier: str | None
) -> tuple[Rate | None, int | None]:
    ref = resolve_model(provider, model).model_ref
    assert ref is not None
    rate = BOOK.find(
        provider=provider,
        model_ref=ref,
        service_tier=tier,
        at=at,
        total_input=kinds.total_input,
        workspace_id=NOBODY,
    )
    return rate, price_picousd(kinds, rate.rates) if rate else None


def theirs(provider: str, model: str, kinds: TokenKinds, at: datetime, context: dict[str, str] | None) -> Decimal:
    usage = genai_prices.Usage(
        input_tokens=kinds.total_input,
        cache_read_tokens=kinds.cache_read,
        cache_write_tokens=kinds.cache_write_5m + kinds.cache_write_1h,
        cache_write_1h_tokens=kinds.cache_write_1h,
        cache_write_5m_tokens=kinds.cache_write_5m,
        output_tokens=kinds.output,
    )
    calculation = genai_prices.calc_price(
        usage, model, provider_id=PACKAGE_PROVIDERS[provider], genai_request_timestamp=at, price_context=context
    )
    return calculation.total_price * 10**12


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(MODELS), TOKENS, TOKENS, TOKENS, TOKENS, TOKENS, INSTANTS, st.randoms(use_true_random=False))
def test_every_call_costs_what_the_package_says(
    named: tuple[str, str], uncached: int, read: int, five: int, hour: int, output: int, at: datetime, dice: Any
):
    provider, model = named
    info = next(m for m in package_providers()[PACKAGE_PROVIDERS[provider]].models if m.id == model)
    tier, context = dice.choice([(None, None), *tier_contexts(info).items()])
    kinds = TokenKinds(uncached, read, five, hour, output)
    rate, priced = ours(provider, model, kinds, at, tier)
    assert rate is not None
    unpriced_output = output > 0 and rate.rates.output is None
    if unpriced_output or (kinds.total_input > 0 and rate.rates.uncached_input is None):
        # The package counts tokens of an unpriced kind as free; we say that we do not know.
        assert priced is None
        return
    assert priced == theirs(provider, model, kinds, at, context)


def test_nearly_all_models_are_covered_by_the_comparison():
    total = sum(len(package_providers()[p].models) for p in PACKAGE_PROVIDERS.values())
    assert len(MODELS) > 0.9 * total


def test_every_price_is_an_integer_of_picodollars():
    values = [v for rate in seed_rates() for v in vars(rate.rates).values() if v is not None]
    assert len(values) > 1000
    assert all(isinstance(v, int) for v in values)


@pytest.mark.parametrize("price", ["0.0000001", "-1", "1801"])
def test_a_price_the_book_cannot_hold_is_refused(price: str):
    with pytest.raises(ValueError, match="picodollars"):
        picousd_per_token(Decimal(price))


def test_rates_of_one_key_never_overlap_and_leave_no_gap():
    by_key: dict[tuple[str, str, str], list[Rate]] = {}
    for rate in seed_rates():
        if rate.context_over_tokens == 0:
            by_key.setdefault((rate.provider, rate.model_ref, rate.service_tier), []).append(rate)
    for rates in by_key.values():
        ordered = sorted(rates, key=lambda r: r.valid_from)
        assert ordered[0].valid_from.year == 1970
        assert ordered[-1].valid_to.year == 9999
        assert all(a.valid_to == b.valid_from for a, b in pairwise(ordered))


def test_ids_are_unique_and_the_version_ignores_order_and_knowledge():
    rates = seed_rates()
    assert len({rate.rate_id for rate in rates}) == len(rates)
    assert rate_book_version(reversed(rates)) == rate_book_version(rates)
    assert rate_book_version(rates[1:]) != rate_book_version(rates)


def model(**values: Any) -> ModelInfo:
    return ModelInfo(id="m", match=ClauseEquals(equals="m"), **values)


def test_missing_cache_prices_fall_back_to_the_wider_kind():
    ((_, only_input),) = bands(ModelPrice(input_mtok=Decimal(2)))
    assert (only_input.cache_read, only_input.cache_write_5m, only_input.cache_write_1h) == (2_000_000,) * 3
    assert only_input.output is None
    ((_, with_write),) = bands(ModelPrice(input_mtok=Decimal(2), cache_write_mtok=Decimal(3)))
    assert (with_write.cache_read, with_write.cache_write_5m, with_write.cache_write_1h) == (
        2_000_000,
        3_000_000,
        3_000_000,
    )


def test_a_band_holds_every_price_also_those_without_tiers():
    prices = ModelPrice(
        input_mtok=TieredPrices(base=Decimal(1), tiers=[Tier(start=100, price=Decimal(2))]), output_mtok=Decimal(5)
    )
    assert [(over, r.uncached_input, r.output) for over, r in bands(prices)] == [
        (0, 1_000_000, 5_000_000),
        (100, 2_000_000, 5_000_000),
    ]


def test_dated_prices_and_variants_become_periods():
    new_year = StartDateConstraint(start_date=datetime(2026, 1, 1, tzinfo=UTC).date())
    info = model(
        prices=[
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(4))),
            ConditionalPrice(constraint=new_year, prices=ModelPrice(input_mtok=Decimal(3))),
        ],
        price_variants=[
            PriceVariant(when={"processing": "batch"}, prices=ModelPrice(input_mtok=Decimal(1)), constraint=new_year),
            PriceVariant(when={"service_tier": "default"}, prices=ModelPrice()),
        ],
    )
    rows = [(r.service_tier, r.valid_from.year, r.rates.uncached_input) for r in model_rates("openai", "m", info)]
    assert rows == [
        ("standard", 1970, 4_000_000),
        ("standard", 2026, 3_000_000),
        ("batch", 1970, 4_000_000),
        ("batch", 2026, 1_000_000),
    ]


def test_a_price_by_the_hour_of_the_day_is_refused():
    by_hour = TimeOfDateConstraint(
        start_time=datetime(2026, 1, 1, tzinfo=UTC).timetz(), end_time=datetime(2026, 1, 1, 8, tzinfo=UTC).timetz()
    )
    info = model(prices=[ConditionalPrice(constraint=by_hour, prices=ModelPrice(input_mtok=Decimal(4)))])
    with pytest.raises(ValueError, match="no place in the rate book"):
        list(model_rates("openai", "m", info))


def test_one_tier_name_with_two_meanings_is_refused():
    variants = [PriceVariant(when={key: "fast"}, prices=ModelPrice(input_mtok=Decimal(1))) for key in ("speed", "tier")]
    with pytest.raises(ValueError, match="two meanings"):
        tier_contexts(model(prices=ModelPrice(input_mtok=Decimal(4)), price_variants=variants))


@pytest.mark.parametrize(
    ("provider", "name", "ref"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic", "CLAUDE-SONNET-4-5", "claude-sonnet-4-5"),
        ("openai", "gpt-5-2025-08-07", "gpt-5"),
        ("gemini", "gemini-2.5-pro", "gemini-2.5-pro"),
        ("xai", "grok-4", "grok-4-0709"),
        ("groq", "llama-3.3-70b-versatile", "llama-3.3-70b-versatile"),
        ("gemini", "claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("openai", "no-such-model", None),
        ("acme", "gpt-5", None),
    ],
)
def test_names_find_their_model(provider: str, name: str, ref: str | None):
    assert resolve_model(provider, name).model_ref == ref


def test_every_name_that_resolves_has_rates():
    priced = {(rate.provider, rate.model_ref) for rate in seed_rates()}
    aliases = [resolve_model(provider, name) for provider, name in MODELS]
    passed_on = [resolve_model("gemini", m.id) for m in package_providers()["anthropic"].models]
    refs = {(a.provider, a.model_ref) for a in [*aliases, *passed_on] if a.model_ref}
    assert refs <= priced
