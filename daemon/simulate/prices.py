"""The simulator's own small dated price table, and what a call costs by it.

Belongs here: list prices of the simulated models and integer pricing. Does not belong here: the warehouse's rate book,
which is made from another source (`pipelines.rates`), and the laptop daemon's full table.

Prices are USD per million tokens, as the providers' price pages and the `genai-prices` data list them (2026-11). One
USD per million tokens is 10^6 picodollars per token, so every price here is an integer and no float touches money.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

PICODOLLARS_PER_MILLICENT: Final = 10_000_000
_ALWAYS: Final = date(2020, 1, 1)


class BilledTokens(NamedTuple):
    """Tokens in disjoint kinds; thinking is part of `output`."""

    uncached_input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0


class Rates(NamedTuple):
    """Picodollars per token of each kind."""

    uncached_input: int
    cache_read: int
    cache_write: int
    output: int


class PriceEntry(NamedTuple):
    """A model's prices from one UTC day on.

    Attributes:
        valid_from: first UTC day.
        base: rates of an ordinary call.
        long_over: prompts above this many tokens are charged at `long`, all of their tokens.
        long: rates of a long-context call; None where the model has none.
    """

    valid_from: date
    base: Rates
    long_over: int = 0
    long: Rates | None = None


def _rates(uncached_input: str, cache_read: str, cache_write: str, output: str) -> Rates:
    """Return rates from USD per million tokens; raise when one is no whole number of picodollars."""
    exact = [Decimal(text) * 1_000_000 for text in (uncached_input, cache_read, cache_write, output)]
    if any(value != value.to_integral_value() for value in exact):
        raise ValueError("a price is finer than a picodollar per token")
    return Rates(*(int(value) for value in exact))


# Where a provider bills no cache write, or has no cache price, the kind costs what plain input costs.
_SONNET: Final = _rates("3", "0.3", "3.75", "15")
_SONNET_LONG: Final = _rates("6", "0.6", "7.5", "22.5")
_OPUS: Final = _rates("5", "0.5", "6.25", "25")

PRICES: Final[dict[tuple[str, str], tuple[PriceEntry, ...]]] = {
    ("anthropic", "claude-sonnet-4-5-20250929"): (PriceEntry(_ALWAYS, _SONNET, 200_000, _SONNET_LONG),),
    ("anthropic", "claude-sonnet-4-6"): (
        PriceEntry(date(2026, 3, 13), _SONNET),
        PriceEntry(_ALWAYS, _SONNET, 200_000, _SONNET_LONG),
    ),
    ("anthropic", "claude-opus-4-5-20251101"): (PriceEntry(_ALWAYS, _OPUS),),
    ("anthropic", "claude-opus-4-1-20250805"): (PriceEntry(_ALWAYS, _rates("15", "1.5", "18.75", "75")),),
    ("anthropic", "claude-haiku-4-5-20251001"): (PriceEntry(_ALWAYS, _rates("1", "0.1", "1.25", "5")),),
    ("openai", "gpt-5-2025-08-07"): (PriceEntry(_ALWAYS, _rates("1.25", "0.125", "1.25", "10")),),
    ("openai", "gpt-5-mini-2025-08-07"): (PriceEntry(_ALWAYS, _rates("0.25", "0.025", "0.25", "2")),),
    ("openai", "gpt-5-codex"): (PriceEntry(_ALWAYS, _rates("1.25", "0.125", "1.25", "10")),),
    ("openai", "gpt-4o-2024-08-06"): (PriceEntry(_ALWAYS, _rates("2.5", "1.25", "2.5", "10")),),
    ("openai", "gpt-4o-mini-2024-07-18"): (PriceEntry(_ALWAYS, _rates("0.15", "0.075", "0.15", "0.6")),),
    ("openai", "o3"): (
        PriceEntry(date(2025, 6, 10), _rates("2", "0.5", "2", "8")),
        PriceEntry(_ALWAYS, _rates("10", "0.5", "10", "40")),
    ),
    ("openai", "text-embedding-3-small"): (PriceEntry(_ALWAYS, _rates("0.02", "0.02", "0.02", "0")),),
    ("gemini", "gemini-2.5-pro"): (
        PriceEntry(_ALWAYS, _rates("1.25", "0.125", "1.25", "10"), 200_000, _rates("2.5", "0.25", "2.5", "15")),
    ),
    ("gemini", "gemini-2.5-flash"): (PriceEntry(_ALWAYS, _rates("0.3", "0.03", "0.3", "2.5")),),
    ("xai", "grok-4-0709"): (PriceEntry(_ALWAYS, _rates("3", "0.75", "3", "15")),),
    ("xai", "grok-code-fast-1"): (PriceEntry(_ALWAYS, _rates("0.2", "0.02", "0.2", "1.5")),),
    ("groq", "llama-3.3-70b-versatile"): (PriceEntry(_ALWAYS, _rates("0.59", "0.59", "0.59", "0.79")),),
    ("groq", "llama-3.1-8b-instant"): (PriceEntry(_ALWAYS, _rates("0.05", "0.05", "0.05", "0.08")),),
}
"""By (wire provider, model), newest entry first."""


def cost_picodollars(provider: str, model: str, tokens: BilledTokens, on: date) -> int | None:
    """Return the exact list price of a call in picodollars, None for a model the table does not know.

    Args:
        provider: wire name (`gemini`, not `google`).
        model: as the provider returned it.
        tokens: disjoint kinds.
        on: UTC day of the call.
    """
    for entry in PRICES.get((provider, model), ()):
        if on >= entry.valid_from:
            prompt = tokens.uncached_input + tokens.cache_read + tokens.cache_write
            rates = entry.long if entry.long is not None and prompt > entry.long_over else entry.base
            return (
                tokens.uncached_input * rates.uncached_input
                + tokens.cache_read * rates.cache_read
                + tokens.cache_write * rates.cache_write
                + tokens.output * rates.output
            )
    return None


def millicents_half_even(picodollars: int) -> int:
    """Return `picodollars` in millicents (100,000 to the USD), rounded once, half to even."""
    whole, rest = divmod(picodollars, PICODOLLARS_PER_MILLICENT)
    half = PICODOLLARS_PER_MILLICENT // 2
    return whole + (1 if rest > half or (rest == half and whole % 2 == 1) else 0)
