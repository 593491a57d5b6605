"""Money in, picodollars out: exact, or refused."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.billing.amounts import PICOUSD_MAX, AmountError, amount_text, parse_amount, picousd, usd_from_cents


@pytest.mark.parametrize(
    ("cents", "text", "units"),
    [
        ("123.78912", "1.2378912", 1_237_891_200_000),
        ("1e-7", "0.000000001", 1_000),
        ("1.5E+2", "1.5", 1_500_000_000_000),
        ("-250", "-2.5", -2_500_000_000_000),
        ("0", "0", 0),
        ("-0.000", "0", 0),
        (".5", "0.005", 5_000_000_000),
        (42, "0.42", 420_000_000_000),
        (Decimal("0.1"), "0.001", 1_000_000_000),
    ],
)
def test_cents_become_dollars_exactly(cents: object, text: str, units: int) -> None:
    amount = usd_from_cents(cents)
    assert (amount_text(amount), picousd(amount)) == (text, units)


@pytest.mark.parametrize(
    "value",
    [
        "NaN", "nan", "Infinity", "-inf", "", " 1", "1 ", "1,5", "1_000", "0x10", "\u0661", "1e9999", "1e", "--1", "+1",
        "1.2.3", "9" * 81, "1e40", "1e-60", "9223372.036854775808", "-9223372.036854775808", 10**30, None, True, 1.5,
        [], Decimal("NaN"), Decimal("Infinity"), Decimal("1e999999"), Decimal("1e-999999"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(AmountError):
        parse_amount(value)


def test_the_largest_amount_is_taken() -> None:
    assert picousd(parse_amount("9223372.036854775807")) == PICOUSD_MAX
    assert picousd(parse_amount("-9223372.036854775807")) == -PICOUSD_MAX


@given(amount=st.decimals(-9_000_000, 9_000_000, places=20), is_exponent=st.booleans())
@example(amount=Decimal("0.0000000000005"), is_exponent=False)
@example(amount=Decimal("0.0000000000015"), is_exponent=False)
def test_any_amount_survives_its_text_and_rounds_half_to_even(amount: Decimal, *, is_exponent: bool) -> None:
    written = f"{amount:E}" if is_exponent else f"{amount:f}"
    with localcontext() as context:
        context.prec = 5  # no context must matter
        parsed = parse_amount(written)
        text, units = amount_text(parsed), picousd(parsed)
    assert Fraction(text) == Fraction(amount)
    assert amount_text(parse_amount(text)) == text
    assert "E" not in text
    assert text == "0" or "." not in text or not text.endswith("0")
    assert units == round(Fraction(amount) * 10**12)
