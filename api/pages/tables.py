"""Tables: defined once, shown on a page sorted as its URL says, and sent as CSV.

Belongs here: columns, sorting, cells and CSV of a table's rows. Does not belong here: where rows come from (a page's
module), markup (`templates/tables.html`), routes (`table_routes`).

A row is whatever the page has: a part of a JSON answer, as a rule. A column says how to read its value from it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from api.dashboards.request_csv import safe_text
from api.pages.cell_words import NUMBERS, Kind, Writing, cell_words, exact_words
from api.pages.rail import Rail, RailShown

_TIMES: Final = frozenset({"day", "month", "instant"})
_UNITS: Final = ("_usd", "_percent")
_ROWS_PER_CHUNK: Final = 2_000
_SORT: Final = re.compile(r"-?[a-z0-9-]{1,64}\.[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: its name in URLs and in CSV.
        words: its heading.
        value: reads a row's value: text, a number, exact amount text, `date`, or None for unknown.
        kind: how it is written and sorted; `money` to the cent, `precise` as exactly as it is known, `signed` so with
            its sign, `meter` a percentage with a bar, `month` as 2026-05.
        link: the path its value leads to; None for no link.
        note: quiet words under the value.
        badge: words and kind (`good`, `warn`, `bad` or empty) of a badge beside it; None for none.
        more: links that are folded away, words and path of each; then the value is in the CSV alone.
        also: further CSV columns that the page shows within this one, by name.
        sorts: whether one can sort by it.
    """

    key: str
    words: str
    value: Callable[[Any], Any]
    kind: Kind = "text"
    link: Callable[[Any], str | None] | None = None
    note: Callable[[Any], str | None] | None = None
    badge: Callable[[Any], tuple[str, str] | None] | None = None
    more: Callable[[Any], Sequence[tuple[str, str]]] | None = None
    also: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict[str, Callable[[Any], Any]])
    sorts: bool = True

    def of(self, part: Callable[[Any], Any]) -> Column:
        """Return the same column for rows of which `part` is what it reads."""
        return replace(
            self,
            value=_within(self.value, part),
            link=_within(self.link, part) if self.link else None,
            note=_within(self.note, part) if self.note else None,
            badge=_within(self.badge, part) if self.badge else None,
            more=_within(self.more, part) if self.more else None,
            also={name: _within(reader, part) for name, reader in self.also.items()},
        )


@dataclass(frozen=True, slots=True)
class Table:
    """One table; its first column names a row.

    Attributes:
        name: in URLs: lower case and dashes; no two tables share one.
        caption: over it.
        columns: from left to right.
        empty: what stands there when it has no rows.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    empty: str = "Nothing in this period."

    def shown(
        self,
        rows: Iterable[Any],
        rail: RailShown,
        *,
        caption: str = "",
        without: Iterable[str] = (),
        csv_path: str | None = "",
        zone: str = "UTC",
        is_all: bool = True,
        **csv_extra: str,
    ) -> TableShown:
        """Return the table as a page shows it, sorted as its URL says; in the rows' own order when it says nothing.

        Args:
            rows: of the table.
            rail: of the page.
            caption: another one than the table's own.
            without: keys of columns this page leaves out.
            csv_path: another CSV than the table's own; None for none.
            zone: in which instants are written.
            is_all: false for one page of several: the pages' order is the rows' own, and sorting a part would mislead.
            csv_extra: parameters its CSV needs beside the rail.
        """
        left_out = set(without)
        columns = [column for column in self.columns if column.key not in left_out]
        if not is_all:
            columns = [replace(column, sorts=False) for column in columns]
        sort = self.sort_of(rail.rail) if is_all else None
        writing = Writing(zone, with_year=rail.days[0].year != rail.days[1].year)
        return TableShown(
            name=self.name,
            caption=caption or self.caption,
            headings=[self._heading(column, sort, rail) for column in columns],
            rows=[[_cell(column, row, writing) for column in columns] for row in self.sorted(rows, sort)],
            empty=self.empty,
            csv=rail.csv(self.name, **csv_extra) if csv_path == "" else csv_path,
        )

    def sort_of(self, rail: Rail) -> tuple[str, bool] | None:
        """Return which column a URL sorts this table by and whether downwards; None when it says nothing usable."""
        for given in rail.sorts:
            name, _, key = given.removeprefix("-").partition(".")
            if name == self.name and any(column.key == key and column.sorts for column in self.columns):
                return key, given.startswith("-")
        return None

    def sorted(self, rows: Iterable[Any], sort: tuple[str, bool] | None) -> list[Any]:
        """Return rows in a column's order, unknown values last either way; else in their own."""
        given = list(rows)
        if sort is None:
            return given
        column = next(one for one in self.columns if one.key == sort[0])
        keyed = [(_sort_key(column, row), row) for row in given]
        known = sorted(((key, row) for key, row in keyed if key is not None), key=lambda one: one[0], reverse=sort[1])
        return [*(row for _, row in known), *(row for key, row in keyed if key is None)]

    def csv_chunks(self, rows: Iterable[Any]) -> Iterator[bytes]:
        """Yield rows as CSV: UTF-8 with CRLF, exact values, no cell that a spreadsheet takes for a formula."""
        readers: list[tuple[str, Callable[[Any], Any], Kind]] = []
        for column in self.columns:
            readers.append((column.key, column.value, column.kind))
            readers.extend(_also(column))
        chunk: list[list[Any]] = [[name for name, _, _ in readers]]
        for row in rows:
            chunk.append([_csv_cell(value(row), kind) for _, value, kind in readers])
            if len(chunk) >= _ROWS_PER_CHUNK:
                yield _encoded(chunk)
                chunk = []
        yield _encoded(chunk)

    def _heading(self, column: Column, sort: tuple[str, bool] | None, rail: RailShown) -> Heading:
        now = sort is not None and sort[0] == column.key
        down = sort[1] if sort and now else False
        # A second click turns the order around; numbers begin with the largest.
        downwards = not down if now else column.kind in NUMBERS or column.kind in _TIMES
        # Other tables of the page keep their order.
        others = [one for one in rail.rail.sorts if not one.removeprefix("-").startswith(f"{self.name}.")]
        query = "&".join(
            part
            for part in (
                rail.rail.query(sort=None),
                *(f"sort={one}" for one in _safe(others)),
                f"sort={'-' if downwards else ''}{self.name}.{column.key}",
            )
            if part
        )
        return Heading(
            words=column.words,
            number=column.kind in NUMBERS,
            sort_path=f"{rail.path}?{query}#{self.name}" if column.sorts else None,
            order=("descending" if down else "ascending") if now else None,
        )


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading; `order` is `ascending` or `descending` where the table is sorted by it."""

    words: str
    number: bool
    sort_path: str | None
    order: str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what it says, and how."""

    words: str
    label: str
    kind: Kind
    number: bool
    link: str | None
    note: str | None
    badge: tuple[str, str] | None
    exact: str | None
    value: Any
    more: Sequence[tuple[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class TableShown:
    """A table as a page shows it."""

    name: str
    caption: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]
    empty: str
    csv: str | None


def _cell(column: Column, row: Any, writing: Writing) -> Cell:
    value = column.value(row)
    return Cell(
        words=cell_words(value, column.kind, writing),
        label=column.words,
        kind=column.kind,
        number=column.kind in NUMBERS,
        link=column.link(row) if column.link else None,
        note=(column.note(row) if column.note else None) or None,
        badge=column.badge(row) if column.badge else None,
        # Rounded for reading; the exact value is one hover away, and in the CSV.
        exact=None if value is None else exact_words(value, column.kind),
        value=value,
        more=column.more(row) if column.more else None,
    )


def _within(reader: Callable[[Any], Any], part: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda row: reader(part(row))


def _sort_key(column: Column, row: Any) -> Any:
    value = column.value(row)
    if value is None:
        return None
    if column.kind in NUMBERS:
        return Decimal(str(value))
    return str(value) if column.kind in _TIMES else (str(value).casefold(), str(value))


def _also(column: Column) -> list[tuple[str, Callable[[Any], Any], Kind]]:
    # What a further column holds is told by the unit in its name: an amount or percentage below zero is no formula.
    return [(name, value, "precise" if name.endswith(_UNITS) else "text") for name, value in column.also.items()]


def _csv_cell(value: Any, kind: Kind) -> Any:
    if value is None or isinstance(value, int | float | Decimal):
        return value
    # Amounts and percentages are numbers in exact text: a minus before them is no formula.
    return str(value) if kind in NUMBERS else safe_text(str(value))


def _safe(sorts: Sequence[str]) -> list[str]:
    # Whatever else stands in a URL is no sort of ours, and is not carried on.
    return [one for one in sorts if _SORT.fullmatch(one)]


def _encoded(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", errors="replace")
