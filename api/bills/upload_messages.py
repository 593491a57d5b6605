"""Messages about invoice files.

Belongs here: what goes over the wire, and examples. Does not belong here: other messages of bills (`messages`), rules.
Cells are shown as visible text, cut at a few characters: a file is data, whatever it looks like.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from msgspec import Meta

from api.bills.csv_bills import FileBills
from api.bills.csv_mapping import ColumnMapping, GuessedMapping
from api.bills.csv_text import CsvText, visible
from api.bills.messages import Category, Instant, Picousd, usd_by_category
from api.bills.money import Exchange
from api.bills.routes import span_of
from api.bills.uploads import UPLOADS_KEPT, Taking
from api.db.models import BillUpload
from pipelines.billing.amounts import picousd
from pipelines.lake.bills import LineCategory
from pipelines.lake.clock import from_micros, iso_utc

ROWS_SHOWN: Final = 20
CELL_SHOWN: Final = 80
What = Literal[
    "date", "amount", "list_amount", "currency", "category", "model", "description", "key_ref", "service_tier",
    "quantity", "requests",
]  # fmt: skip
RowNumber = Annotated[int, Meta(ge=1, le=1_000_000)]


class _Message(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of all messages: closed."""


class FileColumn(_Message, kw_only=True, frozen=True):
    """A column of a file. Two may have the same name: they are told apart by their number, from 0."""

    number: int
    name: str
    looks_like: What | None


class FileRow(_Message, kw_only=True, frozen=True):
    """A row as it stands in the file."""

    row: int
    cells: list[str]


class UploadAnswer(_Message, kw_only=True, frozen=True):
    """A file that waits to be taken, and what it looks like."""

    upload_id: str
    file_name: str
    sha256: str
    byte_count: int
    expires_at: Instant
    encoding: str
    delimiter: str
    rows: Annotated[int, Meta(description="Rows that are not empty, the names of the columns included.")]
    header_row: Annotated[int, Meta(description="Row that looks like the columns' names, from 1.")]
    decimal_mark: Annotated[Literal[".", ","] | None, Meta(description="Null when amounts can be read in two ways.")]
    day_format: Annotated[str | None, Meta(description="Null when days can be read in two ways, or there are none.")]
    columns: list[FileColumn]
    repeated_names: list[str]
    head: list[FileRow]

    @classmethod
    def of(cls, upload: BillUpload, text: CsvText, guess: GuessedMapping) -> Self:
        """Return a file as it is shown."""
        header = next(cells for number, cells in text.rows if number == guess.header_row)
        names = [visible(name, CELL_SHOWN) for name in header]
        what = {number: name for name, number in guess.columns.items()}
        return cls(
            upload_id=upload.id,
            file_name=upload.file_name,
            sha256=upload.sha256,
            byte_count=upload.byte_count,
            expires_at=iso_utc(from_micros(upload.uploaded_at_us) + UPLOADS_KEPT),
            encoding=text.encoding,
            delimiter=text.delimiter,
            rows=len(text.rows),
            header_row=guess.header_row,
            decimal_mark=guess.decimal_mark,  # pyright: ignore[reportArgumentType] - one of the two
            day_format=guess.day_format,
            columns=[
                FileColumn(number=number, name=name, looks_like=what.get(number))  # pyright: ignore[reportArgumentType]
                for number, name in enumerate(names)
            ],
            repeated_names=sorted(name for name, count in Counter(names).items() if count > 1),
            head=[
                FileRow(row=number, cells=[visible(cell, CELL_SHOWN) for cell in cells])
                for number, cells in text.rows[:ROWS_SHOWN]
            ],
        )


class WaitingUpload(_Message, kw_only=True, frozen=True):
    """A file that waits to be taken."""

    upload_id: str
    file_name: str
    sha256: str
    byte_count: int
    uploaded_by: str
    uploaded_at: Instant
    expires_at: Instant

    @classmethod
    def of(cls, upload: BillUpload) -> Self:
        """Return a file as it is listed."""
        uploaded_at = from_micros(upload.uploaded_at_us)
        return cls(
            upload_id=upload.id,
            file_name=upload.file_name,
            sha256=upload.sha256,
            byte_count=upload.byte_count,
            uploaded_by=upload.uploaded_by,
            uploaded_at=iso_utc(uploaded_at),
            expires_at=iso_utc(uploaded_at + UPLOADS_KEPT),
        )


class UploadsAnswer(_Message, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/bills/uploads`: newest first."""

    uploads: list[WaitingUpload]


class TakeUpload(_Message, kw_only=True, frozen=True):
    """How a file is to be taken. A file without a date column is of a month, or of the days from first to last."""

    provider: str
    columns: dict[What, Annotated[int, Meta(ge=0, le=199)]]
    header_row: RowNumber = 1
    rows_left_out: Annotated[list[RowNumber], Meta(max_length=1_000)] = []
    decimal_mark: Literal[".", ","] = "."
    day_format: Literal["iso", "month_first", "day_first", "month_name"] | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    default_category: Category = "usage"
    categories: Annotated[dict[str, Category], Meta(description="Words of the category column.", max_length=200)] = {}
    exchange: Annotated[dict[str, str], Meta(description="USD per unit of each other currency.")] = {}
    month: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$")] | None = None
    first_day: date | None = None
    last_day: date | None = None

    def taking(self) -> Taking:
        """Return it as the service takes it.

        Raises:
            Refused: 422 an exchange rate or the days are not usable.
        """
        has_span = self.month is not None or self.first_day is not None or self.last_day is not None
        return Taking(
            provider=self.provider,
            mapping=ColumnMapping(
                columns={str(what): number for what, number in self.columns.items()},
                header_row=self.header_row,
                rows_left_out=tuple(self.rows_left_out),
                decimal_mark=self.decimal_mark,
                day_format=self.day_format,
                default_category=LineCategory(self.default_category),
                categories={
                    " ".join(word.casefold().split()): LineCategory(of) for word, of in self.categories.items()
                },
                delimiter=self.delimiter,
            ),
            exchange=Exchange.of(self.exchange),
            span=span_of(self.month, self.first_day, self.last_day) if has_span else None,
        )


class ProblemShown(_Message, kw_only=True, frozen=True):
    """A row that cannot be read."""

    row: int
    reason: str


class DayShown(_Message, kw_only=True, frozen=True):
    """A bill the file would make."""

    first_day: date
    last_day: date
    lines: int
    usd_by_category: dict[Category, Picousd]


class PreviewAnswer(_Message, kw_only=True, frozen=True):
    """What a file says under a mapping; nothing is written."""

    rows: int
    bills: Annotated[list[DayShown], Meta(description="By day; none while rows cannot be read.")]
    restated: Annotated[int, Meta(description="How many of them are of days stated before, and would correct those.")]
    total_usd_by_category: dict[Category, Picousd]
    problems: Annotated[list[ProblemShown], Meta(description="The first 50 rows that cannot be read.")]
    problem_count: int
    unknown_categories: list[str]
    currencies_without_rate: list[str]

    @classmethod
    def of(cls, read: FileBills, restated: int) -> Self:
        """Return what was read as it is shown, with how many of its bills correct earlier statements."""
        total: Counter[str] = Counter()
        days: list[DayShown] = []
        for period in read.periods:
            sums: Counter[str] = Counter()
            for line in period.lines:
                sums[line.category.value] += picousd(line.amount)
            total.update(sums)
            days.append(
                DayShown(
                    first_day=period.first_day,
                    last_day=period.last_day,
                    lines=len(period.lines),
                    usd_by_category=usd_by_category(sums),
                )
            )
        return cls(
            rows=read.rows,
            bills=days,
            restated=restated,
            total_usd_by_category=usd_by_category(total),
            problems=[ProblemShown(row=problem.row, reason=problem.reason) for problem in read.problems],
            problem_count=read.problem_count,
            unknown_categories=list(read.unknown_categories),
            currencies_without_rate=list(read.currencies),
        )


UPLOAD: Final[dict[str, Any]] = {
    "upload_id": "5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11",
    "file_name": "june.csv",
    "sha256": "6a1f0c3d5e7b9f81" * 4,
    "byte_count": 5120,
    "expires_at": "2026-07-03T08:11:00Z",
    "encoding": "utf-8",
    "delimiter": ",",
    "rows": 61,
    "header_row": 1,
    "decimal_mark": ".",
    "day_format": "iso",
    "columns": [
        {"number": 0, "name": "Date", "looks_like": "date"},
        {"number": 1, "name": "Cost (USD)", "looks_like": "amount"},
    ],
    "repeated_names": [],
    "head": [{"row": 1, "cells": ["Date", "Cost (USD)"]}, {"row": 2, "cells": ["2026-06-01", "12.04"]}],
}
WAITING: Final[dict[str, Any]] = {
    **{name: UPLOAD[name] for name in ("upload_id", "file_name", "sha256", "byte_count", "expires_at")},
    "uploaded_by": "vk@acme.co",
    "uploaded_at": "2026-07-02T08:11:00Z",
}
TAKE: Final[dict[str, Any]] = {
    "provider": "openai",
    "columns": {"date": 0, "amount": 1},
    "day_format": "iso",
}
PREVIEW: Final[dict[str, Any]] = {
    "rows": 60,
    "bills": [
        {
            "first_day": "2026-06-01",
            "last_day": "2026-06-01",
            "lines": 2,
            "usd_by_category": {"usage": "46.792333333333"},
        }
    ],
    "restated": 0,
    "total_usd_by_category": {"usage": "1403.770000000000"},
    "problems": [],
    "problem_count": 0,
    "unknown_categories": [],
    "currencies_without_rate": [],
}
