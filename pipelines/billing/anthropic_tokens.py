"""How Anthropic's reports name and count kinds of tokens; theirs are disjoint, as ours.

Belongs here: both reports' common fields. Does not belong here: either report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipelines.billing.answers import count_of, object_of
from pipelines.billing.bills import CACHE_READ, CACHE_WRITE_1H, CACHE_WRITE_5M, OUTPUT, UNCACHED_INPUT

KIND_OF: Final[Mapping[str, str]] = {
    "uncached_input_tokens": UNCACHED_INPUT,
    "cache_read_input_tokens": CACHE_READ,
    "cache_creation.ephemeral_5m_input_tokens": CACHE_WRITE_5M,
    "cache_creation.ephemeral_1h_input_tokens": CACHE_WRITE_1H,
    "output_tokens": OUTPUT,
}
"""Our kind of each of their token types."""


def token_counts(usage: Mapping[str, Any]) -> dict[str, int]:
    """Return the tokens of each kind that there are any of.

    Raises:
        AnswerError: a count is missing or none.
    """
    writes = object_of(usage.get("cache_creation"), "cache_creation")
    counts = {
        UNCACHED_INPUT: count_of(usage, "uncached_input_tokens"),
        CACHE_READ: count_of(usage, "cache_read_input_tokens"),
        CACHE_WRITE_5M: count_of(writes, "ephemeral_5m_input_tokens"),
        CACHE_WRITE_1H: count_of(writes, "ephemeral_1h_input_tokens"),
        OUTPUT: count_of(usage, "output_tokens"),
    }
    return {kind: count for kind, count in counts.items() if count}
