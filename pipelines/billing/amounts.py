"""Money as providers write it, exactly: decimal text in, whole picodollars out.

Belongs here: parsing, cents to dollars, the canonical text, and refusing what is not money. Does not belong here: what
an amount is for (`bills`).

No binary fraction ever holds an amount. The one rounding is that to whole picodollars (10^-12 USD, half to even), of
amounts a provider states finer than that; their exact text is kept beside.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from pipelines.lake.bills import AMOUNT_TEXT_LENGTH

PICOUSD_DIGITS: Final = 12
PICOUSD_MAX: Final = 2**63 - 1
"""9,223,372.04 USD, the most 64 bits hold."""
_TEXT: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_SHIFT_MAX: Final = 50
"""Digits on either side of the point; beyond them nothing is money, and arithmetic would only be slow."""


class AmountError(ValueError):
    """What stands where an amount should is none, or more than 64 bits of picodollars hold."""


def parse_amount(value: object) -> Decimal:
    """Return an amount written as decimal text, or as a number that was read as `Decimal` or `int`.

    Raises:
        AmountError: it is something else, is not finite, or has more digits than money has.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise AmountError("an amount is missing or not a number")
    text = str(value) if isinstance(value, Decimal) else value
    if isinstance(text, int):
        amount = _whole(text)
    elif len(text) <= AMOUNT_TEXT_LENGTH and _TEXT.fullmatch(text):
        amount = Decimal(text)
    else:
        raise AmountError("an amount is not a decimal number")
    return _within(amount)


def usd_from_cents(value: object) -> Decimal:
    """Return USD of an amount in cents; exact.

    Raises:
        AmountError: as `parse_amount`.
    """
    return _within(_shifted(parse_amount(value), -2))


def picousd(amount: Decimal) -> int:
    """Return whole picodollars of an amount in USD, half to even.

    Raises:
        AmountError: they do not fit 64 bits.
    """
    sign, digits, exponent = _parts(amount)
    shift = exponent + PICOUSD_DIGITS
    units = digits * 10**shift if shift >= 0 else _half_even(digits, 10**-shift)
    if units > PICOUSD_MAX:
        raise AmountError("an amount is above 9,223,372 USD")
    return -units if sign else units


def amount_text(amount: Decimal) -> str:
    """Return the one text of an amount: plain digits, no exponent, no trailing zeros, no negative zero."""
    sign, digits, exponent = _parts(amount)
    if not digits:
        return "0"
    while digits % 10 == 0:
        digits, exponent = digits // 10, exponent + 1
    text = str(digits)
    if exponent >= 0:
        text += "0" * exponent
    else:
        text = text.rjust(1 - exponent, "0")
        text = f"{text[:exponent]}.{text[exponent:]}"
    return f"-{text}" if sign else text


def _whole(number: int) -> Decimal:
    if abs(number) > PICOUSD_MAX:  # before `str`, which refuses very long ones in words of its own
        raise AmountError("an amount is above 9,223,372 USD")
    return Decimal(number)


def _within(amount: Decimal) -> Decimal:
    _, digits, exponent = _parts(amount)
    if exponent < -_SHIFT_MAX or (digits and amount.adjusted() > _SHIFT_MAX):
        raise AmountError("an amount has more digits than money has")
    if not digits:
        return Decimal(0)
    picousd(amount)
    return amount


def _shifted(amount: Decimal, places: int) -> Decimal:
    """Return the amount times a power of ten; digit by digit, so that no context rounds it."""
    sign, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - `parse_amount` gives finite ones only
    return Decimal((sign, digits, exponent + places))


def _parts(amount: Decimal) -> tuple[int, int, int]:
    if not amount.is_finite():
        raise AmountError("an amount is not finite")
    sign, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - it is finite
    return sign, int("".join(map(str, digits))), exponent


def _half_even(digits: int, divisor: int) -> int:
    whole, rest = divmod(digits, divisor)
    return whole + (rest * 2 > divisor or (rest * 2 == divisor and whole % 2 == 1))
