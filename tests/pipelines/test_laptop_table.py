"""A laptop and its cloud name the same price for the same call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from genai_prices.types import ClauseRegex
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.calls.call import Call
from daemon.calls.record import as_record
from daemon.calls.tokens import Tokens
from daemon.clock import to_micros
from daemon.prices.book import PriceBook
from daemon.prices.table import bundled_table
from pipelines.lake.pricing import RateIndex, price_picousd, token_kinds
from pipelines.lake.rate_book import rate_book_version
from pipelines.rates import laptop_table as maker
from pipelines.rates.aliases import resolve_model
from pipelines.rates.seed import WIRE_PROVIDERS, package_providers, seed_rates

BOOK = PriceBook.bundled()
WAREHOUSE = RateIndex(seed_rates())
TIERS = sorted({rate.service_tier for rate in seed_rates()})
CHANGES = sorted({instant for rate in seed_rates() for instant in (rate.valid_from, rate.valid_to)})
DATES = ["", "-20250929", "-2025-09-29", "-20251399", "-20250231", ":20251211", "-20251211-v1", "@20250929", "-latest"]


def fragments(clause: Any) -> Iterator[str]:
    """Yield every text that a rule looks for."""
    for value in vars(clause).values():
        if isinstance(value, list):
            for part in value:
                yield from fragments(part)
        else:
            yield str(value)


def names() -> dict[str, list[str]]:
    """Names by wire provider: what each rule looks for, and every priced model."""
    found: dict[str, list[str]] = {}
    for package, wire in WIRE_PROVIDERS.items():
        owners = [package, *(package_providers()[package].fallback_model_providers or ())]
        models = [model for owner in owners for model in package_providers()[owner].models]
        found[wire] = sorted({text for m in models for text in (m.id, m.name or m.id, *fragments(m.match))})
    return found


NAMES = names()
NAMED = [(wire, name) for wire, some in NAMES.items() for name in some]
TOKENS = st.one_of(st.just(0), st.integers(0, 5_000), st.integers(90_000, 300_000), st.sampled_from([200_000, 200_001]))


def test_the_committed_table_is_what_the_installed_package_gives() -> None:
    assert maker.TABLE.read_text(encoding="utf-8") == maker.laptop_table(), (
        "run `python -m pipelines.rates.laptop_table`, and read the diff"
    )


def test_the_table_names_its_content_as_the_servers_rate_book_does() -> None:
    assert bundled_table().version == rate_book_version(seed_rates())


def test_a_rule_of_a_kind_the_table_has_no_word_for_is_refused() -> None:
    class Fuzzy:
        pass

    with pytest.raises(ValueError, match="no word for Fuzzy"):
        maker._clause(Fuzzy())  # type: ignore[arg-type]
    assert maker._clause(ClauseRegex(regex="^O[134]")) == {"regex": "^O[134]"}


def test_a_price_that_changes_within_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="within a day"):
        maker._day(datetime(2026, 1, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize("wire", sorted(NAMES))
def test_every_name_means_the_model_it_means_on_the_server(wire: str) -> None:
    for name in NAMES[wire]:
        for dated in DATES:
            for spelled in (name + dated, (name + dated).upper(), f"models/{name}{dated}"):
                assert BOOK.model_ref(wire, spelled) == resolve_model(wire, spelled).model_ref, spelled


@settings(max_examples=300)
@given(st.sampled_from(NAMED), st.text(max_size=12), st.text(max_size=12), st.sampled_from([1, 2]))
def test_any_text_means_what_it_means_on_the_server(named: tuple[str, str], before: str, after: str, part: int) -> None:
    wire, name = named
    text = before + name[: len(name) // part] + after
    assert BOOK.model_ref(wire, text) == resolve_model(wire, text).model_ref


@pytest.mark.parametrize(("provider", "model"), [("nobody", "gpt-4o"), ("openai", "no-such-model"), ("openai", "")])
def test_what_the_server_cannot_price_the_laptop_cannot_either(provider: str, model: str) -> None:
    assert resolve_model(provider, model).model_ref is None
    assert BOOK.cost(provider, model, Tokens(output=1), 0, None) is None


@st.composite
def calls(draw: st.DrawFn) -> Call:
    provider, model = draw(st.sampled_from(NAMED))
    counts = {name: draw(TOKENS) for name in ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h")}
    output = draw(TOKENS)
    anywhere = st.datetimes(datetime(1970, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    near_change = st.builds(
        lambda at, off: to_micros(at) + off, st.sampled_from(CHANGES[:-1]), st.integers(-1, 1)
    ).filter(lambda at: at >= 0)
    return Call(
        id="00000000-0000-4000-8000-000000000000",
        requested_at_us=draw(st.one_of(near_change, anywhere.map(to_micros))),
        recorded_at_us=0,
        provider=provider,
        model=model,
        surface="any",
        source="proxy",
        tokens=Tokens(**counts, output=output, thinking=draw(st.integers(0, output))),
        service_tier=draw(st.one_of(st.none(), st.sampled_from([*TIERS, "BATCH", "default", "Flex", ""]))),
    )


def warehouse_millicents(call: Call) -> int | None:
    """Price the record that leaves, as the warehouse does: from its counts, by its own code."""
    record = as_record(call)
    kinds = token_kinds(
        record["provider"],
        input_tokens=record["input_tokens"],
        output_tokens=record["output_tokens"],
        thinking_tokens=record["thinking_tokens"],
        cached_tokens=record["cached_tokens"],
        cache_write_tokens=record["cache_write_tokens"],
        one_hour_tokens=record.get("cache_write_1h_tokens", 0),
    )
    ref = resolve_model(record["provider"], record["model"]).model_ref
    if ref is None:
        return None
    tier = (record.get("service_tier") or "").lower()
    rate = WAREHOUSE.find(
        provider=record["provider"],
        model_ref=ref,
        service_tier=tier if tier in TIERS else None,
        at=datetime.fromisoformat(record["requested_at"]),
        total_input=kinds.total_input,
        workspace_id="",
    )
    picodollars = price_picousd(kinds, rate.rates) if rate else None
    if picodollars is None:
        return None
    return int((Decimal(picodollars) / 10**7).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@settings(max_examples=600)
@given(calls())
def test_a_call_costs_on_the_laptop_what_it_costs_in_the_warehouse(call: Call) -> None:
    cost = BOOK.cost(call.provider, call.model, call.tokens, call.requested_at_us, call.service_tier)
    assert (None if cost is None else cost.millicents) == warehouse_millicents(call)


def test_every_tier_band_and_period_of_the_seed_is_found_again() -> None:
    for rate in seed_rates():
        listed = bundled_table().providers[rate.provider].rates[rate.model_ref]
        same = [
            each
            for each in listed
            if (each.tier, each.context_over_tokens) == (rate.service_tier, rate.context_over_tokens)
            and each.from_us == to_micros(rate.valid_from)
        ]
        assert [each.picodollars for each in same] == [tuple(vars(rate.rates).values())]
