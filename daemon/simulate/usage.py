"""How each provider reports the same usage: token counts as they stand on the wire.

Belongs here: the providers' conventions, forwards (disjoint kinds to reported counts). Does not belong here: undoing
them, which the warehouse does on its own (`dbt_project`), and prices (`prices`).

Anthropic's `input_tokens` exclude cache reads and writes; everybody else's include them. Gemini's and xAI's output
counts leave thinking out; everybody else's includes it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from daemon.simulate.prices import BilledTokens

THINKING_APART: Final = frozenset({"gemini", "xai"})


class ReportedTokens(NamedTuple):
    """The five counts of a wire record."""

    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cached_tokens: int
    cache_write_tokens: int


def as_reported(provider: str, tokens: BilledTokens, thinking: int) -> ReportedTokens:
    """Return the counts `provider` would report.

    Args:
        provider: wire name.
        tokens: disjoint kinds; `output` includes thinking.
        thinking: tokens of thinking, at most `tokens.output`.
    """
    prompt = tokens.uncached_input
    if provider != "anthropic":
        prompt += tokens.cache_read + tokens.cache_write
    output = tokens.output - thinking if provider in THINKING_APART else tokens.output
    return ReportedTokens(prompt, output, thinking, tokens.cache_read, tokens.cache_write)
