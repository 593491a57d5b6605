"""Fast serving costs its own price, or an unknown one; never the standard price."""

from __future__ import annotations

import pytest

from daemon.calls.tokens import Tokens
from daemon.clock import parse_instant, to_micros
from daemon.prices.book import PriceBook
from daemon.prices.served import cost_as_served

AT = to_micros(parse_instant("2026-11-20T12:00:00Z"))
TOKENS = Tokens(uncached_input=1_000, output=1_000)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "millicents"),
    [
        ("anthropic", "claude-opus-5", "fast", 6_000),
        ("anthropic", "claude-opus-5", "standard", 3_000),
        ("anthropic", "claude-opus-5", "priority", 3_000),
        ("anthropic", "claude-opus-5", None, 3_000),
        ("anthropic", "claude-opus-4-6", "fast", None),
        ("anthropic", "claude-opus-4-6", "standard", 3_000),
        ("openai", "gpt-4o-2024-08-06", "default", 1_250),
        ("anthropic", "a-model-of-next-year", "fast", None),
    ],
)
def test_fast_serving_never_costs_what_standard_serving_does(
    provider: str, model: str, tier: str | None, millicents: int | None
) -> None:
    found = cost_as_served(PriceBook.bundled(), provider, model, TOKENS, AT, tier)
    assert (None if found is None else found.millicents) == millicents


def test_nothing_served_fast_costs_nothing() -> None:
    found = cost_as_served(PriceBook.bundled(), "anthropic", "claude-opus-4-6", Tokens(), AT, "fast")
    assert found is not None
    assert found.millicents == 0
