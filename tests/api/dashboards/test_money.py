"""Money as exact text."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboards.money import (
    known_usd_from_millicents,
    percent,
    usd_from_millicents,
    usd_from_picousd,
    usd_per_request,
    variance_percent,
)

AMOUNTS = st.integers(-(2**100), 2**100)


@given(AMOUNTS)
def test_millicents_and_picodollars_come_back_unchanged(amount: int):
    with localcontext(prec=60):
        assert Decimal(usd_from_millicents(amount)) * 100_000 == amount
        assert Decimal(usd_from_picousd(amount)) * 10**12 == amount


@given(AMOUNTS)
def test_text_always_has_all_its_decimals(amount: int):
    assert len(usd_from_millicents(amount).partition(".")[2]) == 5
    assert len(usd_from_picousd(amount).partition(".")[2]) == 12


@given(AMOUNTS, st.integers(-(2**70), 2**70).filter(bool))
def test_percent_rounds_half_to_even(part: int, whole: int):
    with localcontext(prec=120):
        expected = (Decimal(part) * 100 / Decimal(whole)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        assert Decimal(percent(part, whole) or "") == expected


@given(st.integers(0, 2**80), st.integers(1, 2**40))
def test_cost_per_request_rounds_half_to_even(millicents: int, requests: int):
    with localcontext(prec=120):
        expected = (Decimal(millicents) / 100_000 / requests).quantize(Decimal("1e-8"), ROUND_HALF_EVEN)
        assert Decimal(usd_per_request(millicents, requests) or "") == expected


@pytest.mark.parametrize(("part", "whole", "text"), [(1, 80_000, "0.00"), (3, 80_000, "0.00"), (-1, 3, "-33.33")])
def test_percent_of_small_parts(part: int, whole: int, text: str):
    assert percent(part, whole) == text


def test_nothing_is_a_share_of_nothing():
    assert percent(5, 0) is None
    assert usd_per_request(5, 0) is None


def test_unknown_is_not_zero():
    assert known_usd_from_millicents(None) is None
    assert known_usd_from_millicents(0) == "0.00000"


def test_a_variance_is_in_percent_of_a_bill_above_zero_only():
    assert variance_percent(14, 34204) == "0.04"
    assert variance_percent(-3, 2) == "-150.00"
    for variance, billed in ((15, -5), (15, 0), (None, None), (15, None)):
        assert variance_percent(variance, billed) is None
