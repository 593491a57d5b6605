"""Sums of calls, kept as integers.

Belongs here: what a report adds up, its addition, groupings, exact quantiles. Does not belong here: SQL (`reading`),
text (`document`, `csv_text`, `screen`).

The monies are kept apart and are never added to one another: what metered calls cost, what calls under a subscription
would have cost, what was imported as an amount, and amounts whose basis this release does not know.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Final, NamedTuple, TypeVar

IMPUTED: Final = "subscription_imputed"
IMPORTED: Final = "imported"
_METERED: Final = frozenset({None, "", "metered"})
_MICROS_PER_MS: Final = 1000

K = TypeVar("K", bound=Hashable)


def money_of(basis: str | None) -> str:
    """Return which money a call's billing basis is: `metered`, `imputed`, `imported` or `other`."""
    if basis in _METERED:
        return "metered"
    return {IMPUTED: "imputed", IMPORTED: "imported"}.get(basis or "", "other")


@dataclass(slots=True)
class Sums:
    """Counts, monies and tokens of some calls.

    Attributes:
        requests: calls of every kind, failed ones among them.
        error_requests: those that did not succeed.
        unpriced_requests: those whose cost is unknown, which is not zero.
        unpriced_error_requests: those of them that failed.
        incomplete_requests: those whose token counts may be partial.
        input_tokens: as the providers count them, as `output_tokens`, `thinking_tokens`, `cached_tokens` (reads) and
            `cache_write_tokens`; conventions differ.
        uncached_input_tokens: first of the five kinds that do not overlap, with `cached_tokens`,
            `cache_write_5m_tokens`, `cache_write_1h_tokens` and `billable_output_tokens` (thinking included).
        latencies_us: of the calls that succeeded, microseconds, in no order.
    """

    requests: int = 0
    error_requests: int = 0
    unpriced_requests: int = 0
    unpriced_error_requests: int = 0
    incomplete_requests: int = 0
    metered_requests: int = 0
    imputed_requests: int = 0
    imported_requests: int = 0
    other_requests: int = 0
    metered_millicents: int = 0
    imputed_millicents: int = 0
    imported_millicents: int = 0
    other_millicents: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    uncached_input_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    billable_output_tokens: int = 0
    latencies_us: array[int] = field(default_factory=lambda: array("q"))

    def add(self, other: Sums) -> None:
        """Add another's sums to these."""
        for name, number in zip(SUMMED, _figures(other), strict=True):
            if number:  # most are zero: a part is of one money, and rarely of failures
                setattr(self, name, getattr(self, name) + number)
        self.latencies_us.extend(other.latencies_us)

    @property
    def total_input_tokens(self) -> int:
        """All input, cached or not, counted alike for every provider."""
        return self.uncached_input_tokens + self.cached_tokens + self.cache_write_tokens

    def average_latency_ms(self) -> float | None:
        """Mean wall time of the calls that succeeded, to the microsecond; None when none did."""
        if not self.latencies_us:
            return None
        return round(sum(self.latencies_us) / len(self.latencies_us)) / _MICROS_PER_MS

    def p95_latency_ms(self) -> float | None:
        """The time that 95 of 100 successful calls did not exceed (nearest rank, exact); None when none succeeded."""
        count = len(self.latencies_us)
        if count == 0:
            return None
        return sorted(self.latencies_us)[(95 * count + 99) // 100 - 1] / _MICROS_PER_MS


SUMMED: Final = tuple(one.name for one in fields(Sums) if one.name != "latencies_us")
"""The counts that `Sums.add` adds."""
_figures: Final = attrgetter(*SUMMED)


class Part(NamedTuple):
    """Sums of the calls that are alike in all that a report groups by.

    Attributes:
        slot_us: start of the slot of time they began in, UTC microseconds.
        error_class: why they failed; None when they did not.
    """

    project: str
    provider: str
    model: str
    slot_us: int
    error_class: str | None
    sums: Sums


def add_all(many: Iterable[Sums]) -> Sums:
    """Return the sums of all."""
    added = Sums()
    for one in many:
        added.add(one)
    return added


def total(parts: Iterable[Part]) -> Sums:
    """Return the sums of all parts."""
    return add_all(part.sums for part in parts)


def grouped(parts: Iterable[Part], key: Callable[[Part], K]) -> dict[K, Sums]:
    """Return the sums by whatever `key` says of a part: each part counts in exactly one."""
    found: dict[K, Sums] = {}
    for part in parts:
        found.setdefault(key(part), Sums()).add(part.sums)
    return found
