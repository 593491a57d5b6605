"""Periods and parts of them: what is left of a monthly price, to the cent.

Belongs here: pure calendar and money arithmetic over integers. Does not belong here: prices (`prices`), what a
workspace has (`subscriptions`).

Days are whole days since the period began, so a quote stays true until the next one begins; the day somebody buys on
counts in full. The used part of an amount is rounded to the cent, halves up, and the rest is what is charged: for any
way of cutting a period into days, and an amount into steps, the parts add up to the whole.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pipelines.lake.clock import from_micros, to_micros

CENT: Final = 1_000
"""Millicents."""
_DAY_US: Final = timedelta(days=1) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """What one invoice covers, in microseconds; the end is not part of it."""

    starts_at_us: int
    ends_at_us: int

    @property
    def days(self) -> int:
        """Days in it, a broken one counted whole; at least 1."""
        return max(1, -(-(self.ends_at_us - self.starts_at_us) // _DAY_US))

    def holds(self, at_us: int) -> bool:
        """Tell whether an instant is part of it."""
        return self.starts_at_us <= at_us < self.ends_at_us

    def elapsed_days(self, at_us: int) -> int:
        """Return the whole days gone by, from 0 to `days`."""
        return min(self.days, max(0, (at_us - self.starts_at_us) // _DAY_US))


def month_of(anchor: datetime, at: datetime) -> Period:
    """Return the monthly period `at` lies in, when periods begin on the anchor's day of the month, in UTC.

    In a month too short for that day the period begins on its last day; later months do not drift. Before the anchor it
    is the first period.
    """
    months = max(0, (at.year - anchor.year) * 12 + at.month - anchor.month)
    if months and _plus_months(anchor, months) > at:
        months -= 1
    return Period(to_micros(_plus_months(anchor, months)), to_micros(_plus_months(anchor, months + 1)))


def running(period: Period, at: datetime) -> Period:
    """Return the period itself while it runs, afterwards the monthly one that follows from its beginning."""
    if to_micros(at) < period.ends_at_us:
        return period
    return month_of(from_micros(period.starts_at_us), at)


def prorated(millicents: int, period: Period, at_us: int) -> int:
    """Return what is left of a price for the period from `at_us` on, in whole cents.

    Args:
        millicents: price of the whole period, whole cents.
        period: what it is for.
        at_us: when the rest begins.

    Raises:
        ValueError: the price is negative or no whole number of cents.
    """
    cents, rest = divmod(millicents, CENT)
    if cents < 0 or rest:
        raise ValueError("a price is a whole number of cents and not negative")
    days = period.days
    used = (2 * cents * period.elapsed_days(at_us) + days) // (2 * days)
    return (cents - used) * CENT


def charge(paid: int, wanted: int, period: Period, at_us: int) -> int:
    """Return what raising the monthly price from `paid` to `wanted` adds to the next invoice, in millicents.

    What was paid for in this period is not charged again, and nothing is given back: never negative.
    """
    return max(0, prorated(wanted, period, at_us) - prorated(paid, period, at_us))


def _plus_months(anchor: datetime, months: int) -> datetime:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, last))
