"""What cells of an invoice file say: amounts, days and categories, strictly.

Belongs here: one cell's text to one value, or the reason why not. Does not belong here: which column it stands in
(`csv_mapping`), whole files (`csv_bills`). Nothing is guessed from a single cell: `1,234` is an amount only once the
file's decimal mark is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from pipelines.billing.amounts import AmountError, parse_amount
from pipelines.lake.bills import LineCategory

DECIMAL_MARKS: Final = (".", ",")
_CURRENCY: Final = re.compile(r"(?:US)?\$|USD|€|EUR|£|GBP", re.ASCII)
_MINUS: Final = str.maketrans({"\u2212": "-", "\u2013": "-", "\u00a0": " ", "\u202f": " "})
_PLAIN: Final = re.compile(r"[0-9]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([,.' ])[0-9]{3})(?:\1[0-9]{3})*", re.ASCII)
_MONTHS: Final = MappingProxyType(
    {
        name: number
        for number, names in enumerate(
            (
                "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
                "sep sept september", "oct october", "nov november", "dec december",
            ),
            1,
        )
        for name in names.split()
    }
)  # fmt: skip
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", re.ASCII)
_SLASHED: Final = re.compile(r"([0-9]{1,2})[/.\-]([0-9]{1,2})[/.\-]([0-9]{4})", re.ASCII)
_NAMED: Final = re.compile(
    r"(?:([0-9]{1,2})[ \-]([A-Za-z]+)\.?,?|([A-Za-z]+)\.? ([0-9]{1,2}),?)[ \-]([0-9]{4})", re.ASCII
)

_WORDS: Final[Mapping[str, LineCategory]] = MappingProxyType(
    {
        word: category
        for category, words in {
            LineCategory.USAGE: "usage|cost|charge|charges|token usage|tokens|api usage|subscription|fee",
            LineCategory.CREDIT: "credit|credits|promo|promotion|promotional credit|promo credit|coupon|grant|sud",
            LineCategory.DISCOUNT: "discount|discounts|committed use|volume discount|rebate",
            LineCategory.TAX: "tax|taxes|vat|gst|sales tax|iva|mwst",
            LineCategory.PREPAID: "prepaid|prepayment|credit purchase|top-up|top up|topup|balance purchase|funds added",
            LineCategory.ADJUSTMENT: "adjustment|adjustments|correction|refund|rounding|rounding error",
        }.items()
        for word in words.split("|")
    }
)


class CellError(ValueError):
    """A cell that is not what its column holds; the message is for people and repeats no cell."""


def amount_of_cell(text: str, decimal_mark: str) -> Decimal:
    """Return an amount as it is written: with a currency sign, grouped, in brackets or with its minus behind, or not.

    Args:
        text: the cell.
        decimal_mark: `.` or `,`; the other one, a blank and an apostrophe may group by three.

    Raises:
        CellError: it is no amount, or could be two.
    """
    cell = _CURRENCY.sub("", text.translate(_MINUS).strip(), count=1).strip()
    negative = False
    if cell.startswith("(") and cell.endswith(")"):
        negative, cell = True, cell[1:-1].strip()
    if cell.endswith("-"):
        negative, cell = not negative, cell[:-1].strip()
    elif cell.startswith(("-", "+")):
        negative, cell = negative != (cell[0] == "-"), cell[1:].strip()
    cell = _CURRENCY.sub("", cell, count=1).strip()
    whole, mark, fraction = cell.partition(decimal_mark)
    grouped = _GROUPED.fullmatch(whole)
    if grouped is not None and grouped[1] != decimal_mark:
        whole = whole.replace(grouped[1], "")
    plain = f"{whole}.{fraction}" if mark else whole
    if not plain or plain == "." or not _PLAIN.fullmatch(plain):
        raise CellError("it is not an amount")
    try:
        amount = parse_amount(plain)
    except AmountError as fault:
        raise CellError(str(fault)) from None
    return amount.copy_negate() if negative and amount else amount


def guessed_decimal_mark(cells: Iterable[str]) -> str | None:
    """Return the decimal mark these amounts leave no choice of; None when neither fits, or both and it matters."""
    seen = [cell for cell in cells if cell.strip()]
    readings = {mark: [_reading(cell, mark) for cell in seen] for mark in DECIMAL_MARKS}
    fitting = [mark for mark in DECIMAL_MARKS if seen and None not in readings[mark]]
    if len(fitting) > 1 and readings[fitting[0]] != readings[fitting[1]]:
        return None
    return fitting[0] if fitting else None


def day_of_cell(text: str, day_format: str) -> date:
    """Return a UTC day. An instant with an offset is that of its day in UTC.

    Args:
        text: the cell.
        day_format: one of `DAY_FORMATS`.

    Raises:
        CellError: it is not a day in this format.
    """
    try:
        return _DAY_READERS[day_format](text.strip())
    except (ValueError, OverflowError):
        raise CellError("it is not a day as the others are written") from None


def guessed_day_format(cells: Iterable[str]) -> str | None:
    """Return the one format all of these days can be read in; cells that are no days in any, such as `Total`, aside."""
    readable = [formats for cell in cells if (formats := {one for one in DAY_FORMATS if _is_day(cell, one)})]
    fitting = set(DAY_FORMATS).intersection(*readable) if readable else set[str]()
    return fitting.pop() if len(fitting) == 1 else None


def category_of_cell(text: str, chosen: Mapping[str, LineCategory]) -> LineCategory:
    """Return what a word of the file stands for: as people chose, else as its usual meaning.

    Raises:
        CellError: nobody said.
    """
    word = " ".join(text.casefold().replace("_", " ").split())
    found = chosen.get(word) or _WORDS.get(word)
    if found is None:
        raise CellError("nobody said which category it is")
    return found


def _reading(cell: str, mark: str) -> Decimal | None:
    try:
        return amount_of_cell(cell, mark)
    except CellError:
        return None


def _is_day(cell: str, day_format: str) -> bool:
    try:
        day_of_cell(cell, day_format)
    except CellError:
        return False
    return True


def _iso(text: str) -> date:
    text = text.removesuffix(" UTC")
    if not _ISO_DAY.match(text):  # Python's own reading takes weeks and undivided digits, too
        raise ValueError
    if len(text) == len("2026-06-01"):
        return date.fromisoformat(text)
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo is None else instant.astimezone(UTC)).date()


def _month_first(text: str) -> date:
    found = _SLASHED.fullmatch(text)
    if found is None:
        raise ValueError
    return date(int(found[3]), int(found[1]), int(found[2]))


def _day_first(text: str) -> date:
    found = _SLASHED.fullmatch(text)
    if found is None:
        raise ValueError
    return date(int(found[3]), int(found[2]), int(found[1]))


def _named(text: str) -> date:
    found = _NAMED.fullmatch(text)
    month = None if found is None else _MONTHS.get((found[2] or found[3]).lower())
    if found is None or month is None:
        raise ValueError
    return date(int(found[5]), month, int(found[1] or found[4]))


_DAY_READERS: Final[Mapping[str, Callable[[str], date]]] = MappingProxyType(
    {"iso": _iso, "month_first": _month_first, "day_first": _day_first, "month_name": _named}
)
DAY_FORMATS: Final = tuple(_DAY_READERS)
