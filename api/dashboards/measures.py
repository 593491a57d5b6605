"""Sums of a roll-up, kept as integers.

Belongs here: the measures every dashboard adds up and their addition. Does not belong here: their text (`money`,
`shown`) and the SQL that yields them (`queries.spend`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec


class Money(msgspec.Struct, frozen=True):
    """Counts and monies of some visible requests.

    The monies are kept apart and are never added to one another: what metered calls cost as the laptops logged it
    (`metered_millicents`) and by our own rate book (`metered_picousd`), what subscriptions would have cost
    (`imputed_millicents`), what was imported, and amounts whose basis this release does not know.

    Attributes:
        requests: calls of every kind.
        unpriced_requests: calls whose logged cost is unknown.
        unrated_requests: calls our own rate book cannot price.
        error_requests: calls that did not succeed.
        priced_metered_requests: metered calls with a known logged cost.
    """

    requests: int = 0
    unpriced_requests: int = 0
    unrated_requests: int = 0
    error_requests: int = 0
    priced_metered_requests: int = 0
    metered_millicents: int = 0
    metered_picousd: int = 0
    imputed_millicents: int = 0
    imported_millicents: int = 0
    other_millicents: int = 0


class Measures(Money, frozen=True):
    """Money and tokens of some visible requests: five counts as providers report them, then five disjoint kinds."""

    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    uncached_input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    billable_output_tokens: int = 0


M = TypeVar("M", bound=Money)
NO_MONEY: Final = Money()
NOTHING: Final = Measures()
MONEY_MEASURES: Final = Money.__struct_fields__
TOKEN_MEASURES: Final = tuple(name for name in Measures.__struct_fields__ if name not in MONEY_MEASURES)


def total(parts: Iterable[M], nothing: M) -> M:
    """Return the sum of disjoint parts; `nothing` is the sum of none."""
    values = _values(type(nothing))
    return type(nothing)(*(sum(column) for column in zip(values(nothing), *map(values, parts), strict=True)))


@cache
def _values(of: type[Money]) -> Callable[[Money], tuple[Any, ...]]:
    return attrgetter(*of.__struct_fields__)
