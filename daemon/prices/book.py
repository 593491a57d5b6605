"""What a call costs.

Belongs here: the book that is asked: bundled prices with a person's own over them. Does not belong here: reading either
(`table`, `overrides`), arithmetic (`rates`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Self

import msgspec

from daemon.calls.tokens import Tokens
from daemon.prices import rates, rules
from daemon.prices.rates import STANDARD, Picodollars, Rate
from daemon.prices.table import Table, bundled_table

_NAMES_REMEMBERED: Final = 4096


class Cost(msgspec.Struct, frozen=True):
    """A call's price.

    Attributes:
        millicents: 100,000 to the USD; rounded once, half to even, from exact picodollars.
        source: which table said so.
    """

    millicents: int
    source: str


class OwnPrice(msgspec.Struct, kw_only=True, frozen=True):
    """A price that a person set.

    Attributes:
        provider: wire name.
        model: as providers return it, or the priced model's name; in any case.
        rate: kinds without a price take the bundled one; of a model without any, caches cost what input costs.
    """

    provider: str
    model: str
    rate: Rate


class PriceBook:
    """Prices of all models; never changes. Make one with `bundled`, or `daemon.prices.overrides.load_prices`."""

    def __init__(self, table: Table, own: Sequence[OwnPrice] = ()) -> None:
        self._table = table
        self._own: dict[tuple[str, str], list[Rate]] = {}
        for price in own:
            self._own.setdefault((price.provider, price.model.lower()), []).append(price.rate)
        self._named = lru_cache(_NAMES_REMEMBERED)(self._ref_of)

    @classmethod
    def bundled(cls) -> Self:
        """Return the prices this release carries."""
        return cls(bundled_table())

    def cost(self, provider: str, model: str, tokens: Tokens, at_us: int, service_tier: str | None) -> Cost | None:
        """Return what a call costs.

        A price of the call's tier beats a standard one, a person's own beats the bundled one, and a tier that nobody
        priced is the standard one.

        Args:
            provider: wire name (`gemini`, not `google`).
            model: as the provider returned it.
            tokens: disjoint kinds; all input, cached or not, decides the context band.
            at_us: when the call began, UTC microseconds.
            service_tier: the tier that served it, in any case; None when the provider named none.

        Returns:
            None when the model is unknown, or a kind that has tokens has no price.
        """
        found = self._rate_and_prices(provider, model, tokens, at_us, (service_tier or STANDARD).lower())
        if found is None:
            return None
        rate, prices = found
        picodollars = rates.picodollars_of(tokens, prices)
        return None if picodollars is None else Cost(rates.millicents(picodollars), rate.source)

    def model_ref(self, provider: str, model: str) -> str | None:
        """Return the name of the bundled, priced model that a name means; None when it means none."""
        return self._named(provider, model[: rules.NAME_MAX])

    def _ref_of(self, provider: str, model: str) -> str | None:
        part = self._table.providers.get(provider)
        return None if part is None else rules.model_ref(part.rules, model)

    def _rate_and_prices(
        self, provider: str, model: str, tokens: Tokens, at_us: int, tier: str
    ) -> tuple[Rate, Picodollars] | None:
        ref = self.model_ref(provider, model)
        own = self._own_rates(provider, model, ref)
        listed = self._listed_rates(provider, ref)
        for asked in dict.fromkeys((tier, STANDARD)):
            if rate := rates.applying(own, asked, at_us, tokens.total_input):
                return rate, _completed(rate, self._listed(listed, asked, at_us, tokens.total_input))
            if rate := rates.applying(listed, asked, at_us, tokens.total_input):
                return rate, rate.picodollars
        return None

    def _own_rates(self, provider: str, model: str, ref: str | None) -> Sequence[Rate]:
        exact = self._own.get((provider, model.lower()), ())
        return exact or (self._own.get((provider, ref.lower()), ()) if ref is not None else ())

    def _listed_rates(self, provider: str, ref: str | None) -> Sequence[Rate]:
        return () if ref is None else self._table.providers[provider].rates.get(ref, ())

    @staticmethod
    def _listed(listed: Iterable[Rate], tier: str, at_us: int, total_input: int) -> Rate | None:
        listed = tuple(listed)
        return rates.applying(listed, tier, at_us, total_input) or rates.applying(listed, STANDARD, at_us, total_input)


def _completed(own: Rate, listed: Rate | None) -> Picodollars:
    """Return a person's prices, each one left out taken from the bundled rate, or from input where there is none."""
    uncached, read, five, hour, output = own.picodollars
    if listed is not None:
        known = listed.picodollars
        pairs = zip(own.picodollars, known, strict=True)
        uncached, read, five, hour, output = (set_ if set_ is not None else other for set_, other in pairs)
        return uncached, read, five, hour, output
    cached = tuple(uncached if price is None else price for price in (read, five, hour))
    return uncached, cached[0], cached[1], cached[2], output
