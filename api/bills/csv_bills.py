"""Rows of an invoice file as bills, a period per day, or one for the whole file.

Belongs here: applying a mapping to rows, and telling which rows cannot be read. Does not belong here: single cells
(`csv_values`), keeping anything (`uploads`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from api.bills.csv_mapping import ColumnMapping, wrong
from api.bills.csv_text import CsvText, visible
from api.bills.csv_values import CellError, amount_of_cell, category_of_cell, day_of_cell
from api.bills.money import Exchange, lowering
from pipelines.billing.amounts import AmountError
from pipelines.billing.bills import BilledLine, BilledPeriod
from pipelines.lake.bills import DESCRIPTION_LENGTH, LineCategory

PROBLEMS_SHOWN = 50
_COUNT_MAX = 2**53
_TEXT_MAX = {"model": 255, "key_ref": 255, "service_tier": 64}


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that cannot be read: its number in the file, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class FileBills:
    """What a file says.

    Attributes:
        periods: its bills, by day; empty while there are problems.
        rows: lines that were read.
        problems: rows that were not, the first of them.
        problem_count: how many there are.
        unknown_categories: words of the category column nobody gave a meaning, most frequent first.
        currencies: other than USD, that need a rate.
    """

    periods: tuple[BilledPeriod, ...]
    rows: int
    problems: tuple[RowProblem, ...]
    problem_count: int
    unknown_categories: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()


def bills_of(
    text: CsvText,
    mapping: ColumnMapping,
    exchange: Exchange,
    *,
    span: tuple[date, date] | None,
    note: str,
) -> FileBills:
    """Return a file's bills.

    Args:
        text: the file.
        mapping: what its columns are.
        exchange: what other currencies are worth.
        span: first and last day of a file without a date column.
        note: kept with each bill.

    Raises:
        Refused: 422 `bill_mapping_wrong`.
    """
    header = mapping.check(text)
    if ("date" in mapping.columns) == (span is not None):
        raise wrong("Either a column has the date of each row, or the whole file is of one period.")
    reader = _Reader(mapping, exchange, len(header))
    for number, cells in text.rows:
        if number > mapping.header_row and number not in mapping.rows_left_out:
            reader.read(number, cells)
    if not reader.rows and not reader.problems:
        raise wrong("The file has no rows below the names of its columns.")
    periods = () if reader.problems else tuple(reader.periods(span, note))
    return FileBills(
        periods,
        reader.rows,
        tuple(reader.problems[:PROBLEMS_SHOWN]),
        len(reader.problems),
        tuple(word for word, _ in reader.unknown.most_common(PROBLEMS_SHOWN)),
        tuple(sorted(reader.currencies)),
    )


class _Reader:
    """Reads one row after the other and keeps what it learned."""

    def __init__(self, mapping: ColumnMapping, exchange: Exchange, width: int) -> None:
        self._mapping, self._exchange, self._width = mapping, exchange, width
        self._lines: defaultdict[date | None, list[BilledLine]] = defaultdict(list)
        self.rows = 0
        self.problems: list[RowProblem] = []
        self.unknown: Counter[str] = Counter()
        self.currencies: set[str] = set()

    def read(self, number: int, cells: Sequence[str]) -> None:
        """Read a row, or note why it cannot be."""
        if len(cells) != self._width:
            self._refuse(number, f"it has {len(cells)} cells, and the columns' names are {self._width}")
            return
        named = {what: cells[column] for what, column in self._mapping.columns.items()}
        try:
            day = None
            if self._mapping.day_format is not None and "date" in named:
                day = day_of_cell(named["date"], self._mapping.day_format)
            self._lines[day].append(self._line(named))
        except CellError as fault:
            self._refuse(number, str(fault))
            return
        self.rows += 1

    def periods(self, span: tuple[date, date] | None, note: str) -> list[BilledPeriod]:
        """Return what was read, a period per day or one for the span."""
        found: list[BilledPeriod] = []
        for day, lines in sorted(self._lines.items(), key=lambda item: item[0] or date.min):
            first, last = span or (day, day)
            assert first is not None and last is not None  # noqa: S101, PT018 - without a span each row has its day
            found.append(BilledPeriod(first_day=first, last_day=last, lines=tuple(lines), note=note))
        return found

    def _line(self, named: Mapping[str, str]) -> BilledLine:
        category = self._category(named)
        currency = visible(named.get("currency", ""), 3).upper() or "USD"
        amount = self._usd(named["amount"], currency)
        listed = named.get("list_amount", "").strip()
        return BilledLine(
            amount=lowering(category, amount),
            category=category,
            description=visible(named.get("description", ""), DESCRIPTION_LENGTH),
            list_amount=self._usd(listed, currency) if listed else None,
            currency=currency,
            quantity=_count(named.get("quantity", ""), self._mapping.decimal_mark),
            requests=_count(named.get("requests", ""), self._mapping.decimal_mark),
            **{name: _short(named.get(name, ""), longest) for name, longest in _TEXT_MAX.items()},
        )

    def _category(self, named: Mapping[str, str]) -> LineCategory:
        word = named.get("category", "")
        if not word.strip():
            return self._mapping.default_category
        try:
            return category_of_cell(word, self._mapping.categories)
        except CellError:
            self.unknown[visible(word, 100)] += 1
            raise

    def _usd(self, cell: str, currency: str) -> Decimal:
        amount = amount_of_cell(cell, self._mapping.decimal_mark)
        try:
            return self._exchange.usd(amount, currency)
        except KeyError:
            self.currencies.add(currency)
            raise CellError("its currency has no exchange rate to USD") from None
        except AmountError as fault:
            raise CellError(str(fault)) from None

    def _refuse(self, number: int, reason: str) -> None:
        self.problems.append(RowProblem(number, reason))


def _short(cell: str, longest: int) -> str | None:
    text = visible(cell, longest + 1)
    if len(text) > longest:
        raise CellError(f"it has a name of more than {longest} characters")
    return text or None


def _count(cell: str, decimal_mark: str) -> int | None:
    if not cell.strip():
        return None
    number = amount_of_cell(cell, decimal_mark)
    if not 0 <= number <= _COUNT_MAX or number != number.to_integral_value():
        raise CellError("it has a count that is not a whole number")
    return int(number)
