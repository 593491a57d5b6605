"""Tokens of a call in kinds that do not overlap, and each provider's way of counting them.

Belongs here: the five disjoint kinds with thinking beside them, and the conversions to and from reported counts. Does
not belong here: reading providers' answers (`daemon.capture.providers`), prices (`daemon.prices`).

Anthropic's `input_tokens` exclude cache reads and writes; everybody else's include them. Gemini's and xAI's output
counts leave thinking out; everybody else's includes it. The warehouse undoes the same conventions on its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

CACHE_APART: Final = frozenset({"anthropic"})
"""Providers whose input counts exclude cached tokens."""
THINKING_APART: Final = frozenset({"gemini", "xai"})
"""Providers whose output counts exclude thinking tokens."""


class Tokens(msgspec.Struct, kw_only=True, frozen=True):
    """Tokens of one call, in five kinds of which no token is in two.

    Attributes:
        uncached_input: input that was neither read from nor written to the provider's cache.
        cache_read: input read from the cache.
        cache_write_5m: input newly written to the cache, kept five minutes or for a time the provider did not name.
        cache_write_1h: input newly written to the cache, kept an hour.
        output: all that is billed as output, thinking included.
        thinking: the part of `output` that is thinking.
    """

    uncached_input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    thinking: int = 0

    @property
    def cache_write(self) -> int:
        """Tokens written to the cache, however long they stay."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def total_input(self) -> int:
        """All input, cached or not: what context bands of prices are measured by."""
        return self.uncached_input + self.cache_read + self.cache_write


class ReportedTokens(NamedTuple):
    """The five counts of a wire record, as the provider counts them."""

    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    cache_write_tokens: int


def as_reported(provider: str, tokens: Tokens) -> ReportedTokens:
    """Return the counts that `provider` (wire name) would report for `tokens`."""
    prompt = tokens.uncached_input if provider in CACHE_APART else tokens.total_input
    output = tokens.output - tokens.thinking if provider in THINKING_APART else tokens.output
    return ReportedTokens(prompt, output, tokens.thinking, tokens.cache_read, tokens.cache_write)


def from_reported(provider: str, counts: ReportedTokens, *, one_hour: int = 0) -> Tokens:
    """Return the disjoint kinds of counts reported in the provider's own convention.

    Counts that contradict each other (more cached tokens than input) are bent as the warehouse bends them: no kind
    falls below zero.

    Args:
        provider: wire name.
        counts: as reported.
        one_hour: how many of the cache writes were for an hour.
    """
    cached = 0 if provider in CACHE_APART else counts.cached_tokens + counts.cache_write_tokens
    long = min(one_hour, counts.cache_write_tokens)
    apart = counts.thinking_tokens if provider in THINKING_APART else 0
    output = counts.output_tokens + apart
    return Tokens(
        uncached_input=max(counts.input_tokens - cached, 0),
        cache_read=counts.cached_tokens,
        cache_write_5m=counts.cache_write_tokens - long,
        cache_write_1h=long,
        output=output,
        thinking=min(counts.thinking_tokens, output),
    )
