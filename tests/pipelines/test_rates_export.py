"""Rate book files, and choosing among overlapping rates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.lake.pricing import RateIndex, TokenKinds, extra_values, price_picousd, token_kinds
from pipelines.lake.rate_book import SINCE_EVER, UNTIL_FURTHER_NOTICE, Rate, TokenRates
from pipelines.lake.rate_book_file import read_rate_book
from pipelines.rates.export import write_model_aliases, write_rate_book
from pipelines.rates.seed import seed_rates

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ACME, OTHER = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
SEED = Rate("openai", "gpt-5", "standard", 0, SINCE_EVER, UNTIL_FURTHER_NOTICE, TokenRates(10, 1, 10, 10, 100), "seed")
OWN = replace(SEED, workspace_id=ACME, rates=TokenRates(8, 1, 8, 8, 80), source="contract", known_from=NOW)


def test_a_written_book_reads_back_the_same(tmp_path: Path):
    path = tmp_path / "exports" / "rate_book.parquet"
    version = write_rate_book(path, now=NOW, negotiated=[OWN])
    read = read_rate_book(path)
    assert read[-1] == OWN
    assert read[:-1] == [replace(rate, known_from=NOW) for rate in seed_rates()]
    assert pq.read_table(path)["rate_id"].to_pylist() == [rate.rate_id for rate in read]
    assert not list(path.parent.glob(".*"))
    assert write_rate_book(path, now=NOW + timedelta(days=1), negotiated=[OWN]) == version
    assert read_rate_book(path) == read


def test_aliases_are_written_once_per_name(tmp_path: Path):
    path = tmp_path / "model_aliases.parquet"
    write_model_aliases(path, [("openai", "gpt-5"), ("acme", "x"), ("openai", "gpt-4o"), ("openai", "gpt-5")])
    assert pq.read_table(path).to_pylist() == [
        {"provider": "acme", "model": "x", "model_ref": None, "display_name": "x"},
        {"provider": "openai", "model": "gpt-4o", "model_ref": "gpt-4o", "display_name": "GPT-4o"},
        {"provider": "openai", "model": "gpt-5", "model_ref": "gpt-5", "display_name": "GPT-5"},
    ]


def found(
    *rates: Rate, workspace: str = ACME, tier: str | None = None, at: datetime = NOW, total: int = 0
) -> Rate | None:
    return RateIndex(rates).find(
        provider="openai", model_ref="gpt-5", service_tier=tier, at=at, total_input=total, workspace_id=workspace
    )


def test_a_negotiated_rate_beats_everyones_for_its_workspace_alone():
    assert found(SEED, OWN) == OWN
    assert found(SEED, OWN, workspace=OTHER) == SEED


def test_outside_its_validity_a_negotiated_rate_does_not_count():
    june = replace(OWN, valid_from=datetime(2026, 6, 1, tzinfo=UTC), valid_to=datetime(2026, 7, 1, tzinfo=UTC))
    assert found(SEED, june) == SEED
    assert found(SEED, june, at=june.valid_from) == june
    assert found(SEED, june, at=june.valid_to) == SEED


def test_the_latest_known_of_overlapping_rates_wins():
    correction = replace(OWN, known_from=NOW + timedelta(days=1), rates=TokenRates(7, 7, 7, 7, 7))
    assert found(SEED, correction, OWN) == correction


def test_a_tier_nobody_priced_counts_as_standard_and_a_priced_one_beats_it():
    batch = replace(SEED, service_tier="batch")
    assert found(SEED, OWN, tier="flex") == OWN
    assert found(SEED, OWN, batch, tier="batch") == batch


def test_a_band_applies_above_its_start():
    long = replace(SEED, context_over_tokens=100)
    assert found(SEED, long, total=100) == SEED
    assert found(SEED, long, total=101) == long
    assert found(long, total=100) is None


def test_tokens_without_a_price_make_the_price_unknown():
    no_output = TokenRates(uncached_input=3)
    assert price_picousd(TokenKinds(2, 0, 0, 0, 0), no_output) == 6
    assert price_picousd(TokenKinds(2, 0, 0, 0, 1), no_output) is None


def test_conventions_are_undone():
    additive = token_kinds(
        "anthropic",
        input_tokens=100,
        output_tokens=50,
        thinking_tokens=20,
        cached_tokens=1000,
        cache_write_tokens=300,
        one_hour_tokens=100,
    )
    assert additive == TokenKinds(100, 1000, 200, 100, 50)
    inclusive = token_kinds(
        "gemini", input_tokens=1400, output_tokens=30, thinking_tokens=20, cached_tokens=1000, cache_write_tokens=300
    )
    assert inclusive == TokenKinds(100, 1000, 300, 0, 50)
    contradiction = token_kinds(
        "openai", input_tokens=10, output_tokens=5, thinking_tokens=0, cached_tokens=30, cache_write_tokens=0
    )
    assert contradiction == TokenKinds(0, 30, 0, 0, 5, inconsistent=True)


def test_unknown_keys_count_only_in_the_expected_type():
    assert extra_values('{"service_tier": "Batch", "cache_write_1h_tokens": 5}') == ("batch", 5)
    odd = ('{"service_tier": 5, "cache_write_1h_tokens": "5"}', '{"cache_write_1h_tokens": -1}', "[]", "{", None, "")
    assert {extra_values(text) for text in odd} == {(None, 0)}
    assert extra_values('{"cache_write_1h_tokens": true}') == (None, 0)
