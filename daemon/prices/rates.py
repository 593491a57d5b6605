"""One price: what a token of each kind costs, when, for whom, and how much text it takes.

Belongs here: rates, choosing the one that applies, exact arithmetic. Does not belong here: where rates come from
(`table`, `overrides`), which model a name means (`rules`).

1 USD per million tokens is 10^6 picodollars per token: every price is an integer, and no float touches money. The
warehouse chooses and counts by the same rules, apart from this code (`pipelines.lake.pricing`, dbt's
`int_requests_priced`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from daemon.calls.tokens import Tokens

PICODOLLARS_PER_MILLICENT: Final = 10_000_000
PICODOLLARS_PER_TOKEN_MAX: Final = 1_800_000_000
"""1,800 USD per million tokens, the most a price may be."""
STANDARD: Final = "standard"
"""The tier that stands in for one nobody priced."""

KINDS: Final = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
"""Kinds of tokens that have a price, in the order of `Rate.picodollars`."""
Picodollars = tuple[int | None, int | None, int | None, int | None, int | None]


class Rate(msgspec.Struct, kw_only=True, frozen=True):
    """A price in force for one model, tier and context band.

    Attributes:
        tier: `standard`, `batch`, `flex`, `priority`, …
        context_over_tokens: the band takes calls with more input (cached included) than this; 0 takes every call.
        from_us: first instant, UTC microseconds.
        until_us: first instant that is not its own any more; None for ever.
        picodollars: per token of each of `KINDS`; None where no price is known.
        source: which table it is from.
    """

    tier: str
    context_over_tokens: int
    from_us: int
    until_us: int | None
    picodollars: Picodollars
    source: str

    def applies(self, at_us: int, total_input: int) -> bool:
        """Whether a call of that instant and so much input may have this price."""
        in_force = self.from_us <= at_us and (self.until_us is None or at_us < self.until_us)
        return in_force and (self.context_over_tokens == 0 or total_input > self.context_over_tokens)


def applying(rates: Iterable[Rate], tier: str, at_us: int, total_input: int) -> Rate | None:
    """Return the rate of one tier for a call: of the narrowest band, then the latest; None when there is none."""
    fitting = [rate for rate in rates if rate.tier == tier and rate.applies(at_us, total_input)]
    return max(fitting, key=lambda rate: (rate.context_over_tokens, rate.from_us), default=None)


def picodollars_of(tokens: Tokens, prices: Picodollars) -> int | None:
    """Return what tokens cost, exactly; None when a kind that has tokens has no price."""
    total = 0
    for count, price in zip(_counts(tokens), prices, strict=True):
        if count == 0:
            continue
        if price is None:
            return None
        total += count * price
    return total


def millicents(picodollars: int) -> int:
    """Return an amount in millicents (100,000 to the USD), rounded once, half to even."""
    whole, rest = divmod(picodollars, PICODOLLARS_PER_MILLICENT)
    twice = 2 * rest
    up = twice > PICODOLLARS_PER_MILLICENT or (twice == PICODOLLARS_PER_MILLICENT and whole % 2 == 1)
    return whole + int(up)


def picodollars_per_token(usd_per_million: Decimal) -> int:
    """Return a price per token, exactly.

    Args:
        usd_per_million: USD per million tokens.

    Raises:
        ValueError: it is negative, above `PICODOLLARS_PER_TOKEN_MAX`, or finer than a picodollar per token.
    """
    if not usd_per_million.is_finite() or not 0 <= usd_per_million <= PICODOLLARS_PER_TOKEN_MAX // 10**6:
        raise ValueError("a price is between 0 and 1800 USD per million tokens")
    numerator, denominator = usd_per_million.as_integer_ratio()
    whole, rest = divmod(numerator * 10**6, denominator)
    if rest:
        raise ValueError("a price has at most six decimals")
    return whole


def _counts(tokens: Tokens) -> Sequence[int]:
    return (tokens.uncached_input, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h, tokens.output)
