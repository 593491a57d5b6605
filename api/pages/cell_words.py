"""How cells of tables are written, by the kind of their value.

Belongs here: kinds, and their words. Does not belong here: columns and tables (`tables`), filters of templates
(`words`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

from api.pages.words import MINUS, grouped, micros_of, moment, precise, usd, usd_signed
from api.providers import provider_words

Kind = Literal[
    "text", "code", "money", "change_money", "number", "precise", "signed", "percent", "meter", "change",
    "day", "month", "instant", "provider",
]  # fmt: skip
NUMBERS: Final = frozenset({"money", "change_money", "precise", "signed", "number", "percent", "meter", "change"})
"""Kinds that stand to the right and are sorted largest first."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a table writes instants: in which zone, and whether the year is worth saying."""

    zone: str
    with_year: bool


def exact_words(value: Any, kind: Kind) -> str | None:
    """Return what stands behind a rounded cell; None when it says all there is."""
    if kind in ("money", "change_money", "precise", "signed"):
        return f"{value} USD"
    return str(value) if kind == "instant" else None


_WRITTEN: Final[Mapping[Kind, Callable[[Any], str]]] = {
    "money": lambda value: usd(str(value)),
    "change_money": lambda value: usd_signed(str(value)),
    "precise": lambda value: precise(str(value)),
    "signed": lambda value: _signed(precise(str(value)), Decimal(str(value))),
    "number": lambda value: f"{value:,}",
    "percent": lambda value: f"{grouped(str(value))} %",
    "meter": lambda value: f"{value} %",
    "change": lambda value: _signed(f"{grouped(str(value))} %", Decimal(str(value))),
    "day": lambda value: f"{value.day} {value:%b %Y}" if isinstance(value, date) else str(value),
    "month": lambda value: f"{date.fromisoformat(f'{value}-01'):%B %Y}",
    "provider": lambda value: provider_words(str(value)),
}


def cell_words(value: Any, kind: Kind, writing: Writing) -> str:
    """Return a value as people read it; an em dash when there is none."""
    if value is None or value == "":
        return "\u2014"
    if kind == "instant":
        return moment(micros_of(str(value)), writing.zone, with_year=writing.with_year)
    return _WRITTEN.get(kind, str)(value)


def _signed(words: str, amount: Decimal) -> str:
    words = words.lstrip(f"-{MINUS}")
    return f"+{words}" if amount > 0 else f"{MINUS}{words}" if amount < 0 else words
