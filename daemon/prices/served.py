"""What a call costs as it was served.

Belongs here: servings that cost so much else that the standard price would be a wrong one. Does not belong here: prices
and how they are chosen (`book`).
"""

from __future__ import annotations

from typing import Final, Protocol

from daemon.calls.tokens import Tokens
from daemon.prices.book import Cost

_FAST: Final = ("anthropic", "fast")
"""Provider and tier of a serving that costs twice to twelve times the standard price."""


class Prices(Protocol):
    """What is asked of a price book."""

    def cost(self, provider: str, model: str, tokens: Tokens, at_us: int, service_tier: str | None) -> Cost | None:
        """Return what tokens cost at an instant, None when that is not known."""
        ...


def cost_as_served(
    prices: Prices, provider: str, model: str, tokens: Tokens, at_us: int, service_tier: str | None
) -> Cost | None:
    """Return what a call costs; None as well for fast serving of a model whose fast price nobody knows.

    Args:
        prices: is asked.
        provider: wire name.
        model: as the provider returned it.
        tokens: disjoint kinds.
        at_us: when the call began, UTC microseconds.
        service_tier: the tier that served it.
    """
    found = prices.cost(provider, model, tokens, at_us, service_tier)
    if (provider, service_tier) != _FAST or found is None or not found.millicents:
        return found
    # A tier that nobody priced costs what the standard one does, which fast serving never does.
    return None if found == prices.cost(provider, model, tokens, at_us, None) else found
