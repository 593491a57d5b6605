"""Which column of an invoice file is what.

Belongs here: the mapping people confirm, checking it against a file, and guessing it. Does not belong here: reading
cells (`csv_values`), making bills of rows (`csv_bills`).

Columns are numbers from 0: two may have the same name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from api.bills.csv_text import CsvText, guessed_header
from api.bills.csv_values import DAY_FORMATS, DECIMAL_MARKS, guessed_day_format, guessed_decimal_mark
from api.errors import Refused, invalid
from pipelines.lake.bills import LineCategory

COLUMNS: Final = (
    "date", "amount", "list_amount", "currency", "category", "model", "description", "key_ref", "service_tier",
    "quantity", "requests",
)  # fmt: skip
"""What a column can be."""
ROWS_LEFT_OUT_MAX: Final = 1_000
CATEGORY_WORDS_MAX: Final = 200
_GUESSED_FROM: Final = 1_000
_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "date": ("date", "day", "usage date", "usage date utc", "start date", "start time", "date utc", "usage start"),
        "amount": ("amount", "cost", "cost usd", "amount usd", "total", "charge", "price", "net amount", "usage cost"),
        "list_amount": ("list amount", "list cost", "gross amount", "cost at list", "list price", "subtotal"),
        "currency": ("currency", "currency code"),
        "category": ("category", "type", "line type", "charge type", "cost type", "kind", "transaction type"),
        "model": ("model", "model name", "model version", "sku model"),
        "description": ("description", "line item", "item", "sku", "sku description", "memo", "details"),
        "key_ref": ("api key", "api key id", "key", "project", "project id", "workspace", "project name"),
        "service_tier": ("service tier", "tier", "usage type"),
        "quantity": ("tokens", "quantity", "token count", "usage amount", "units"),
        "requests": ("requests", "request count", "calls", "num requests"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """What people say about a file.

    Attributes:
        columns: what each is (`COLUMNS`) to the number of its column; `amount` is needed.
        header_row: number of the row with the columns' names, from 1; rows before it are left out.
        rows_left_out: numbers of further rows that are no lines of the bill, such as its total.
        decimal_mark: of amounts.
        day_format: of the dates, needed with a date column.
        default_category: of all rows without a category column.
        categories: words of the category column, in lower case, to what they stand for.
        delimiter: between cells; found out when None.
    """

    columns: Mapping[str, int]
    header_row: int = 1
    rows_left_out: tuple[int, ...] = ()
    decimal_mark: str = "."
    day_format: str | None = None
    default_category: LineCategory = LineCategory.USAGE
    categories: Mapping[str, LineCategory] = field(default_factory=dict[str, LineCategory])
    delimiter: str | None = None

    def check(self, text: CsvText) -> tuple[str, ...]:
        """Return the columns' names in the file.

        Raises:
            Refused: 422 `bill_mapping_wrong`: the mapping does not fit the file.
        """
        header = next((cells for number, cells in text.rows if number == self.header_row), None)
        if header is None:
            raise wrong("There is no row of that number to name the columns.")
        if not set(self.columns) <= set(COLUMNS):
            raise wrong(f"Columns can be {', '.join(COLUMNS)}.")
        if "amount" not in self.columns:
            raise wrong("One column must be the amount.")
        numbers = list(self.columns.values())
        if len(set(numbers)) != len(numbers) or not all(0 <= number < len(header) for number in numbers):
            raise wrong("Each column can be one thing, and must be in the file.")
        if self.decimal_mark not in DECIMAL_MARKS:
            raise wrong("The decimal mark must be a point or a comma.")
        if "date" in self.columns and self.day_format not in DAY_FORMATS:
            raise wrong(f"Dates are written as one of {', '.join(DAY_FORMATS)}.")
        if len(self.rows_left_out) > ROWS_LEFT_OUT_MAX or len(self.categories) > CATEGORY_WORDS_MAX:
            raise wrong("Too many rows are left out, or too many words are given a category.")
        return header


@dataclass(frozen=True, slots=True)
class GuessedMapping:
    """What a file looks like; people have the last word.

    Attributes:
        columns: as far as their names or cells tell.
        header_row: number of the row with the columns' names.
        decimal_mark: None when amounts can be read in two ways, or in none.
        day_format: None when days can be read in two ways, or in none.
    """

    columns: Mapping[str, int]
    header_row: int
    decimal_mark: str | None
    day_format: str | None


def guess_mapping(text: CsvText) -> GuessedMapping:
    """Return what the names of the columns, and the cells below them, look like."""
    header_row = guessed_header(text)
    header = next(cells for number, cells in text.rows if number == header_row)
    below = [cells for number, cells in text.rows if number > header_row and len(cells) == len(header)][:_GUESSED_FROM]
    columns: dict[str, int] = {}
    plain = [" ".join(name.casefold().replace("_", " ").replace("(", " ").replace(")", " ").split()) for name in header]
    for what, names in _NAMES.items():
        for name in names:
            if name in plain and plain.index(name) not in columns.values():
                columns[what] = plain.index(name)
                break
    return GuessedMapping(
        columns,
        header_row,
        guessed_decimal_mark(_cells(below, columns.get("amount"))),
        guessed_day_format(_cells(below, columns.get("date"))),
    )


def wrong(message: str) -> Refused:
    """Return the 422 for a mapping that does not fit."""
    return invalid(message, code="bill_mapping_wrong")


def _cells(rows: Sequence[tuple[str, ...]], column: int | None) -> list[str]:
    return [] if column is None else [row[column] for row in rows]
