"""Periods and pro-rata: exact, never negative, monotonic, and the parts add up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.billing.pro_rata import CENT, Period, charge, month_of, prorated, running
from pipelines.lake.clock import from_micros, to_micros

DAY_US = 86_400_000_000
PERIODS = st.builds(
    lambda start, days, more: Period(start, start + days * DAY_US + more),
    st.integers(1_600_000_000_000_000, 1_900_000_000_000_000),
    st.integers(1, 400),
    st.integers(0, DAY_US - 1),
)
PRICES = st.integers(0, 10_000_000).map(lambda cents: cents * CENT)


def days_of(period: Period) -> list[int]:
    return [period.starts_at_us + day * DAY_US for day in range(period.days + 1)]


@given(PRICES, PERIODS)
def test_the_days_of_a_period_add_up_to_its_price(price: int, period: Period) -> None:
    left = [prorated(price, period, at) for at in days_of(period)]
    assert (left[0], left[-1]) == (price, 0)
    spent = [before - after for before, after in pairwise(left)]
    assert sum(spent) == price
    assert min(spent) >= 0
    fair = Fraction(price, period.days)
    assert all(abs(day - fair) <= CENT for day in spent)


@given(PRICES, PERIODS, st.integers(-DAY_US, 500 * DAY_US))
def test_what_is_left_is_within_half_a_cent_of_the_exact_part(price: int, period: Period, later: int) -> None:
    at_us = period.starts_at_us + later
    exact = Fraction(price * (period.days - period.elapsed_days(at_us)), period.days)
    left = prorated(price, period, at_us)
    assert abs(left - exact) <= Fraction(CENT, 2)
    assert left % CENT == 0
    assert 0 <= left <= price


@given(PERIODS, st.lists(PRICES, min_size=2, max_size=6), st.integers(0, 400 * DAY_US))
def test_steps_cost_together_what_one_step_costs_and_nothing_is_given_back(
    period: Period, prices: list[int], later: int
) -> None:
    at_us = period.starts_at_us + later
    climbing = sorted(prices)
    steps = [charge(low, high, period, at_us) for low, high in pairwise(climbing)]
    assert sum(steps) == charge(climbing[0], climbing[-1], period, at_us)
    assert min(steps) >= 0
    assert charge(climbing[-1], climbing[0], period, at_us) == 0


@given(PERIODS, PRICES, PRICES, st.integers(0, 400 * DAY_US), st.integers(0, 400 * DAY_US))
def test_later_never_costs_more_and_more_never_costs_less(
    period: Period, price: int, more: int, first: int, second: int
) -> None:
    early, late = sorted(period.starts_at_us + one for one in (first, second))
    assert prorated(price, period, early) >= prorated(price, period, late)
    assert prorated(price + more, period, early) >= prorated(price, period, early)


@pytest.mark.parametrize(
    ("price", "days", "elapsed", "left"),
    [(900, 31, 0, 900), (900, 31, 10, 610), (900, 30, 15, 450), (1, 2, 1, 0), (3, 2, 1, 1), (900, 31, 31, 0)],
)
def test_examples_in_cents(price: int, days: int, elapsed: int, left: int) -> None:
    assert prorated(price * CENT, Period(0, days * DAY_US), elapsed * DAY_US) == left * CENT


@pytest.mark.parametrize("price", [-CENT, 1, CENT + 1])
def test_what_is_no_price_is_refused(price: int) -> None:
    with pytest.raises(ValueError, match="cents"):
        prorated(price, Period(0, DAY_US), 0)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.integers(0, 4_000),
    st.integers(0, DAY_US - 1),
)
def test_every_instant_after_the_anchor_is_in_exactly_one_month(anchor: datetime, days: int, more: int) -> None:
    at = anchor + timedelta(days=days, microseconds=more)
    period = month_of(anchor, at)
    assert period.holds(to_micros(at))
    assert 28 <= period.days <= 31
    following = month_of(anchor, from_micros(period.ends_at_us))
    assert following.starts_at_us == period.ends_at_us
    assert running(month_of(anchor, anchor), at) == period


def test_a_short_month_moves_no_later_one() -> None:
    anchor = datetime(2026, 1, 31, 9, tzinfo=UTC)
    starts = [from_micros(month_of(anchor, anchor + timedelta(days=31 * n + 3)).starts_at_us) for n in range(4)]
    assert [start.strftime("%m-%d") for start in starts] == ["01-31", "02-28", "03-31", "04-30"]


def test_a_yearly_period_runs_to_its_end() -> None:
    year = Period(0, 365 * DAY_US)
    assert running(year, from_micros(200 * DAY_US)) == year
    assert running(year, from_micros(366 * DAY_US)).days <= 31
