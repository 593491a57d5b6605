"""Money and shares as exact decimal text.

Belongs here: integers in, decimal strings out, rounded once and half-even where a division makes it necessary. Does
not belong here: summing (integers, in `measures` and SQL) and any float.
"""

from __future__ import annotations

from typing import Final

MILLICENT_DIGITS: Final = 5
"""1 USD = 100,000 millicents."""
PICOUSD_DIGITS: Final = 12
"""1 USD = 10^12 picodollars."""
PER_REQUEST_DIGITS: Final = 8
PERCENT_DIGITS: Final = 2


def usd_from_millicents(amount: int) -> str:
    """Return millicents as USD with 5 decimals, exactly: 1234567 -> "12.34567"."""
    return _fixed(amount, MILLICENT_DIGITS)


def usd_from_picousd(amount: int) -> str:
    """Return picodollars as USD with 12 decimals, exactly."""
    return _fixed(amount, PICOUSD_DIGITS)


def known_usd_from_millicents(amount: int | None) -> str | None:
    """Return millicents as USD, or None for an unknown amount: unknown is not zero."""
    return None if amount is None else usd_from_millicents(amount)


def known_usd_from_picousd(amount: int | None) -> str | None:
    """Return picodollars as USD, or None for an unknown amount."""
    return None if amount is None else usd_from_picousd(amount)


def percent(part: int, whole: int) -> str | None:
    """Return part of whole in percent with 2 decimals, half-even; None when the whole is zero."""
    if whole == 0:
        return None
    return _fixed(divide_half_even(part * 100 * 10**PERCENT_DIGITS, whole), PERCENT_DIGITS)


def variance_percent(variance: int | None, billed: int | None) -> str | None:
    """Return a variance in percent of the bill; None without a bill above zero, of which a percentage has no sign."""
    return percent(variance, billed) if variance is not None and billed is not None and billed > 0 else None


def usd_per_request(millicents: int, requests: int) -> str | None:
    """Return USD per request with 8 decimals, half-even; None without a request."""
    if requests == 0:
        return None
    scaled = millicents * 10 ** (PER_REQUEST_DIGITS - MILLICENT_DIGITS)
    return _fixed(divide_half_even(scaled, requests), PER_REQUEST_DIGITS)


def divide_half_even(numerator: int, denominator: int) -> int:
    """Return the integer nearest to numerator / denominator, ties to even.

    Raises:
        ZeroDivisionError: the denominator is zero.
    """
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, remainder = divmod(numerator, denominator)
    doubled = 2 * remainder
    if doubled > denominator or (doubled == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


def _fixed(amount: int, digits: int) -> str:
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d}"
