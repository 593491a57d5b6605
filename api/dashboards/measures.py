"""Sums of a roll-up, kept as integers.

Belongs here: the measures every dashboard adds up and their addition. Does not belong here: their text (`money`,
`models`) and the SQL that yields them (`queries.spend`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final


@dataclass(frozen=True)
class Measures:
    """Sums over some visible requests. Field order is the column order of `queries.spend`.

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


NOTHING: Final = Measures()
MEASURE_COUNT: Final = len(fields(Measures))
_values = attrgetter(*(field.name for field in fields(Measures)))


def total(parts: Iterable[Measures]) -> Measures:
    """Return the sum of disjoint parts."""
    return Measures(*(sum(column) for column in zip(*map(_values, parts), strict=True)))
