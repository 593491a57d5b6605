"""List prices for the kinds of tokens a negotiation left out.

Belongs here: completing a negotiated rate, which replaces the common one whole, so that no kind loses its price. Does
not belong here: storing it (the control plane).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, fields, replace
from datetime import datetime

from pipelines.lake.pricing import RateIndex
from pipelines.lake.rate_book import Rate, TokenRates
from pipelines.rates.seed import seed_rates


class AmbiguousListPriceError(ValueError):
    """A kind that was left out has several list prices where the rate would apply.

    Attributes:
        kinds: those kinds, fields of `TokenRates`.
    """

    def __init__(self, kinds: tuple[str, ...]) -> None:
        super().__init__(", ".join(kinds))
        self.kinds = kinds


def known_tiers(provider: str) -> list[str]:
    """Return the service tiers that any model of a provider (wire id) has a price for, sorted."""
    return sorted({rate.service_tier for rate in seed_rates() if rate.provider == provider})


def with_list_prices(negotiated: Rate) -> Rate:
    """Return the rate with every missing kind at its list price; a kind without one stays without.

    Raises:
        AmbiguousListPriceError: the list price of a missing kind changes within the rate's validity, or with the
            context length above its `context_over_tokens`; no one price says the same.
    """
    listed = [astuple(rates) for rates in _list_rates(negotiated)]
    kinds = [field.name for field in fields(TokenRates)]
    by_kind = {kind: {prices[index] for prices in listed} for index, kind in enumerate(kinds)}
    missing = [kind for kind in kinds if getattr(negotiated.rates, kind) is None]
    if several := tuple(kind for kind in missing if len(by_kind[kind]) > 1):
        raise AmbiguousListPriceError(several)
    complete = {kind: getattr(negotiated.rates, kind) for kind in kinds} | {k: min(by_kind[k]) for k in missing}
    return replace(negotiated, rates=TokenRates(**complete))


def _list_rates(negotiated: Rate) -> Iterator[TokenRates]:
    """Yield everyone's rates at each start of a period or context band the negotiated rate would replace."""
    book = [
        rate for rate in seed_rates() if rate.provider == negotiated.provider and rate.model_ref == negotiated.model_ref
    ]
    index = RateIndex(book)
    starts: set[datetime] = {r.valid_from for r in book if negotiated.applies_at(r.valid_from)}
    bands = {r.context_over_tokens for r in book if r.context_over_tokens > negotiated.context_over_tokens}
    for at in starts | {negotiated.valid_from}:
        for over in bands | {negotiated.context_over_tokens}:
            found = index.find(
                provider=negotiated.provider,
                model_ref=negotiated.model_ref,
                service_tier=negotiated.service_tier,
                at=at,
                total_input=over + 1,
                workspace_id="",
            )
            yield found.rates if found else TokenRates()
