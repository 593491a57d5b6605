"""Amounts as text: exact for programs, short for people.

Belongs here: millicents to text, shares and changes, all with integers. Does not belong here: adding up (`sums`),
colours and columns (`screen`).
"""

from __future__ import annotations

from typing import Final

MILLICENTS_PER_USD: Final = 100_000
_EXACT_DIGITS: Final = 5


def usd(millicents: int) -> str:
    """Return the amount in USD with all five decimals, exactly: 1234567 -> "12.34567"."""
    return _fixed(millicents, _EXACT_DIGITS)


def digits_for(millicents: int) -> int:
    """Return how many decimals suit a column whose largest amount this is."""
    if millicents == 0 or millicents >= MILLICENTS_PER_USD:
        return 2
    return 4 if millicents >= MILLICENTS_PER_USD // 100 else _EXACT_DIGITS


def dollars(millicents: int, digits: int = 2) -> str:
    """Return an amount for people: `$1,234.57`, rounded half-even; `<$0.01` for what would round to nothing."""
    unit = 10 ** (_EXACT_DIGITS - digits)
    rounded = _divided_half_even(abs(millicents), unit)
    if rounded == 0 and millicents != 0:
        return f"<${_fixed(1, digits)}"
    return f"{'-' if millicents < 0 else ''}${_grouped(_fixed(rounded, digits))}"


def percent(part: int, whole: int) -> str:
    """Return a share for people: `12.5 %`; `<0.1 %` for what would round to nothing, a dash when there is no whole."""
    if whole <= 0:
        return "-"
    tenths = _divided_half_even(part * 1000, whole)
    return "<0.1 %" if tenths == 0 and part > 0 else f"{_fixed(tenths, 1)} %"


def change(now: int, before: int) -> str:
    """Return what became of an amount, for people: `+12.5 %`, `new`, `gone`, `=`."""
    if now == before:
        return "="
    if before == 0:
        return "new"
    if now == 0:
        return "gone"
    if now > 10 * before:
        return f"x{_grouped(str(_divided_half_even(now, before)))}"
    tenths = _divided_half_even(abs(now - before) * 1000, before)
    sign = "+" if now > before else "-"
    return f"{sign}{_fixed(tenths, 1)} %" if tenths else f"{sign}<0.1 %"


def _divided_half_even(amount: int, unit: int) -> int:
    quotient, remainder = divmod(amount, unit)
    doubled = 2 * remainder
    return quotient + (doubled > unit or (doubled == unit and quotient % 2 == 1))


def _fixed(amount: int, digits: int) -> str:
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d}"


def _grouped(number: str) -> str:
    whole, _, part = number.partition(".")
    return f"{int(whole):,}" + (f".{part}" if part else "")
