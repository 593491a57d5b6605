"""How reports write amounts, days and names.

Belongs here: filters of the templates. Does not belong here: exact figures (`figures`); they are in the PDF as well.

Names come from anywhere. What turns the direction of text round, or cannot be seen, is shown as a replacement
character, so that no name reads as another one on paper.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.providers import provider_words

NAME_MAX: Final = 80
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")
"""Needed to write Persian, Hindi and emoji; they turn nothing round."""
_SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_KINDS: Final = {"subscription_imputed": "subscription", "imported": "imported"}
_THOUSAND: Final = 1000
_LARGE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def name(text: str | None, most: int = NAME_MAX) -> str:
    """Return a name as it is safe to print; a very long one is cut, the whole of it is in the PDF's figures."""
    shown = "".join(
        "\ufffd" if unicodedata.category(letter) in _UNSEEN and letter not in _JOINERS else letter
        for letter in text or ""
    )
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def amount(text: str, currency: str, digits: int = 2) -> str:
    """Return an amount in a currency, rounded half-even: `€1,234.57`, `CHF 12.00`."""
    rounded = Decimal(text).quantize(Decimal(1).scaleb(-digits), context=_LARGE)
    sign = "\u2212" if rounded < 0 else ""
    symbol = _SYMBOLS.get(currency, f"{currency}\u00a0")
    return f"{sign}{symbol}{abs(rounded):,.{digits}f}"


def usd(text: str | None, digits: int = 2) -> str:
    """Return US dollars; a dash where unknown, and `<$0.01` for what is more than nothing and less than a cent."""
    if text is None:
        return "\u2013"
    exact = Decimal(text)
    smallest = Decimal(1).scaleb(-digits)
    if 0 < exact < smallest / 2:
        return f"<${smallest}"
    return amount(text, "USD", digits)


def change(text: str | None, digits: int = 1) -> str:
    """Return a change in percent with its sign."""
    if text is None:
        return "\u2013"
    value = Decimal(text).quantize(Decimal(1).scaleb(-digits), context=_LARGE)
    sign = "+" if value > 0 else "\u2212" if value < 0 else "±"
    return f"{sign}{abs(value):,}%"


def share(text: str | None) -> str:
    """Return a share in percent with one decimal."""
    return "\u2013" if text is None else f"{Decimal(text).quantize(Decimal('0.1'), context=_LARGE)}%"


def count(number: int) -> str:
    """Return a count with its thousands apart."""
    return f"{number:,}"


def compact(number: int) -> str:
    """Return a large count in three digits: `12.4 M`."""
    value, unit = Decimal(number), ""
    for next_unit in ("k", "M", "G", "T"):
        if abs(value) < _THOUSAND:
            break
        value, unit = value / _THOUSAND, next_unit
    if not unit:
        return f"{number}"
    digits = 2 if value < 10 else 1 if value < 100 else 0  # noqa: PLR2004 - three digits in all
    return f"{value:.{digits}f}\u202f{unit}"


def day(text: str) -> str:
    """Return a day as `1 June 2026`."""
    when = date.fromisoformat(text)
    return f"{when.day} {when:%B %Y}"


def days(first: str, last: str) -> str:
    """Return a period as short as it can be read: `1\u201330 June 2026`."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    if begin == end:
        return day(first)
    if (begin.year, begin.month) == (end.year, end.month):
        return f"{begin.day}\u2013{end.day} {end:%B %Y}"
    if begin.year == end.year:
        return f"{begin.day} {begin:%B} \u2013 {end.day} {end:%B %Y}"
    return f"{day(first)} \u2013 {day(last)}"


def month(text: str) -> str:
    """Return a month as `June 2026`."""
    return f"{date.fromisoformat(text):%B %Y}"


def instant(text: str | None, zone: str = "UTC") -> str:
    """Return an instant as `1 July 2026, 12:00 UTC`."""
    if text is None:
        return "\u2013"
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y, %H:%M} {local:%Z}"


def moment(text: str, zone: str) -> str:
    """Return an instant in a list: `14 Jun, 09:31`."""
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b, %H:%M}"


def kind(text: str) -> str:
    """Return in a word what is not charged by the request."""
    return _KINDS.get(text, "other")


def counted(number: int, word: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 request`, `2 requests`."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "name": name, "amount": amount, "usd": usd, "change": change, "share": share, "count": count, "compact": compact,
    "day": day, "days": days, "month_name": month, "instant": instant, "moment": moment, "counted": counted,
    "kind": kind, "provider": provider_words,
}  # fmt: skip
