"""One price, and a book of them.

Belongs here: the row of the rate book, its identity and the exact arithmetic from USD per million tokens to integer
picodollars per token. Does not belong here: where prices come from (`pipelines.rates`) or how
rows are stored (`pipelines.lake.rate_book_file`).

1 USD = 10^12 picodollars, so 1 USD per million tokens is 10^6 picodollars per token: every published price is an
integer, and sums of them are exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property

PICOUSD_PER_TOKEN_PER_USD_MTOK = 1_000_000
MAX_PICOUSD_PER_TOKEN = 1_800_000_000
"""1,800 USD per million tokens: five kinds of 10^9 tokens at this price still fit a signed 64-bit integer."""

STANDARD_TIER = "standard"
SINCE_EVER = datetime(1970, 1, 1, tzinfo=UTC)
UNTIL_FURTHER_NOTICE = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class TokenRates:
    """Picodollars per token of the five disjoint kinds; None where the kind has no known price."""

    uncached_input: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None


@dataclass(frozen=True)
class Rate:
    """A price in force for one model, tier and context band over [valid_from, valid_to).

    Attributes:
        provider: wire id (`gemini`, not `google`).
        model_ref: the priced model; daemons' names lead here through `model_aliases`.
        service_tier: `standard`, `batch`, `flex`, `priority`, …
        context_over_tokens: the band applies to calls with more input tokens (cached ones included) than this, up to
            the next band's; 0 is the base band and takes calls without input too.
        known_from: when this installation learned of the price.
        source: where it comes from, for people.
        workspace_id: None for everyone; else the workspace that negotiated it.
    """

    provider: str
    model_ref: str
    service_tier: str
    context_over_tokens: int
    valid_from: datetime
    valid_to: datetime
    rates: TokenRates
    source: str
    known_from: datetime = SINCE_EVER
    workspace_id: str | None = None

    @cached_property
    def rate_id(self) -> str:
        """Name of this price, made from its content: another price never has the same one, at any time."""
        validity = f"{self.valid_from.isoformat()}/{self.valid_to.isoformat()}"
        digest = hashlib.sha256(f"{self.workspace_id}|{validity}|{self.rates}".encode()).hexdigest()[:16]
        return f"{self.provider}/{self.model_ref}@{self.service_tier}>{self.context_over_tokens}#{digest}"

    def applies_at(self, instant: datetime) -> bool:
        """Whether `instant` (aware) falls in the rate's validity."""
        return self.valid_from <= instant < self.valid_to


def picousd_per_token(usd_per_mtok: Decimal) -> int:
    """Convert a price exactly.

    Args:
        usd_per_mtok: USD per million tokens.

    Returns:
        Picodollars per token.

    Raises:
        ValueError: the price is negative, not a whole number of picodollars, or above `MAX_PICOUSD_PER_TOKEN`.
    """
    exact = usd_per_mtok * PICOUSD_PER_TOKEN_PER_USD_MTOK
    if exact != exact.to_integral_value() or not 0 <= exact <= MAX_PICOUSD_PER_TOKEN:
        raise ValueError(f"{usd_per_mtok} USD per million tokens is no whole, sane number of picodollars per token")
    return int(exact)


def rate_book_version(rates: Iterable[Rate]) -> str:
    """Name the content of a rate book: 16 hex digits, the same for the same prices in any order.

    Negotiated rates may overlap, and then the latest known wins: when they became known is part of the content.
    """
    ids = "\n".join(
        sorted(f"{rate.rate_id} {rate.known_from.isoformat()}" if rate.workspace_id else rate.rate_id for rate in rates)
    )
    return hashlib.sha256(ids.encode()).hexdigest()[:16]
