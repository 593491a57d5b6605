"""Pricing one call in plain Python, apart from the warehouse.

Belongs here: what a row costs by the rate book, and the token conventions behind it, as a second opinion on the SQL
(`halton-cloud verify`) that shares no code with it. Does not belong here: anything that reads files or tables.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import cast

from pipelines.lake.rate_book import STANDARD_TIER, Rate, TokenRates


@dataclass(frozen=True)
class TokenConvention:
    """What a provider's counts contain.

    Attributes:
        cache_read_in_input: `input_tokens` includes the cache reads.
        cache_write_in_input: `input_tokens` includes the cache writes.
        thinking_in_output: `output_tokens` includes the thinking tokens.
    """

    cache_read_in_input: bool
    cache_write_in_input: bool
    thinking_in_output: bool


UINT64_END = 2**64
OTHER_PROVIDERS = TokenConvention(cache_read_in_input=True, cache_write_in_input=True, thinking_in_output=True)
CONVENTIONS = {
    "anthropic": TokenConvention(cache_read_in_input=False, cache_write_in_input=False, thinking_in_output=True),
    "openai": OTHER_PROVIDERS,
    "gemini": TokenConvention(cache_read_in_input=True, cache_write_in_input=True, thinking_in_output=False),
    "xai": TokenConvention(cache_read_in_input=True, cache_write_in_input=True, thinking_in_output=False),
    "groq": OTHER_PROVIDERS,
}


@dataclass(frozen=True)
class TokenKinds:
    """Tokens of one call in five disjoint kinds; `inconsistent` when the reported counts contradict each other."""

    uncached_input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    inconsistent: bool = False

    @property
    def total_input(self) -> int:
        """Input tokens, cached ones included: what context bands are measured by."""
        return self.uncached_input + self.cache_read + self.cache_write_5m + self.cache_write_1h


def extra_values(extra_json: str | None) -> tuple[str | None, int]:
    """Read (service tier as reported, lower case; one-hour cache writes, tokens) from a row's unknown keys."""
    try:
        extra: object = json.loads(extra_json) if extra_json else {}
    except ValueError:
        extra = {}
    if not isinstance(extra, dict):
        return None, 0
    values = cast("dict[str, object]", extra)
    tier, one_hour = values.get("service_tier"), values.get("cache_write_1h_tokens")
    if not isinstance(one_hour, int) or isinstance(one_hour, bool) or not 0 <= one_hour < UINT64_END:
        one_hour = 0
    return (tier.lower() if isinstance(tier, str) else None), one_hour


def token_kinds(
    provider: str,
    *,
    input_tokens: int,
    output_tokens: int,
    thinking_tokens: int,
    cached_tokens: int,
    cache_write_tokens: int,
    one_hour_tokens: int = 0,
) -> TokenKinds:
    """Undo a provider's counting convention; counts are the row's own.

    `one_hour_tokens` says how many of `cache_write_tokens` were written for one hour.
    """
    convention = CONVENTIONS.get(provider, OTHER_PROVIDERS)
    cached_in_input = cached_tokens if convention.cache_read_in_input else 0
    cached_in_input += cache_write_tokens if convention.cache_write_in_input else 0
    one_hour = min(one_hour_tokens, cache_write_tokens)
    return TokenKinds(
        uncached_input=max(input_tokens - cached_in_input, 0),
        cache_read=cached_tokens,
        cache_write_5m=cache_write_tokens - one_hour,
        cache_write_1h=one_hour,
        output=output_tokens + (0 if convention.thinking_in_output else thinking_tokens),
        inconsistent=cached_in_input > input_tokens
        or one_hour_tokens > cache_write_tokens
        or (convention.thinking_in_output and thinking_tokens > output_tokens),
    )


def price_picousd(kinds: TokenKinds, rates: TokenRates) -> int | None:
    """Price tokens, exactly.

    Returns:
        Picodollars; None when a kind that has tokens has no rate.
    """
    total = 0
    for tokens, rate in zip(astuple(kinds)[:5], astuple(rates), strict=True):
        if tokens == 0:
            continue
        if rate is None:
            return None
        total += tokens * rate
    return total


class RateIndex:
    """A rate book made quick to ask; `find` answers which rate a call has."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._rates: dict[tuple[str | None, str, str, str], list[Rate]] = defaultdict(list)
        for rate in rates:
            self._rates[rate.workspace_id, rate.provider, rate.model_ref, rate.service_tier].append(rate)

    def find(
        self,
        *,
        provider: str,
        model_ref: str,
        service_tier: str | None,
        at: datetime,
        total_input: int,
        workspace_id: str,
    ) -> Rate | None:
        """Return the rate in force for one call, None when there is none.

        A rate of the call's tier beats the standard one, one that the workspace negotiated beats everyone's; among
        overlapping ones of a context band the latest known wins.
        """
        for tier in dict.fromkeys((service_tier or STANDARD_TIER, STANDARD_TIER)):
            for scope in (workspace_id, None):
                fitting = [
                    rate
                    for rate in self._rates.get((scope, provider, model_ref, tier), ())
                    if rate.applies_at(at) and (rate.context_over_tokens == 0 or total_input > rate.context_over_tokens)
                ]
                if fitting:
                    return max(fitting, key=lambda r: (r.context_over_tokens, r.known_from, r.valid_from, r.rate_id))
        return None
