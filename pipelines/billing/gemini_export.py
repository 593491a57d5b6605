"""Google's Cloud Billing export as files: the BigQuery table, written out as Parquet or CSV into a folder.

Belongs here: the table's columns, which rows are Gemini's, and rows that were written out twice. Does not belong here:
getting the files there; Google has no interface that tells what Gemini costs.

Nested columns may be nested (Parquet), or flat with their path as name (`service.description`); credits are a list, or
JSON text. Columns of binary fractions are taken at the shortest decimal text that means the same number. Amounts in
another currency are turned into USD at the row's own `currency_conversion_rate`, to the picodollar.

A row that stands in several files counts once: an export written out again is not a second bill.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.billing.amounts import PICOUSD_DIGITS, AmountError, parse_amount
from pipelines.billing.answers import DayBills
from pipelines.billing.bills import CACHE_READ, OUTPUT, UNCACHED_INPUT, BilledLine, BilledPeriod, days_of
from pipelines.billing.http import AnswerError, BillingError
from pipelines.lake.bills import LineCategory

SERVICES: Final = ("Gemini API", "Generative Language API", "Vertex AI")
"""Services whose rows count unless a connection names others; of Vertex AI only SKUs that name Gemini."""
NOT_YET: Final = "The export has no row from after this day."
_FILE_BYTES_MAX: Final = 2 * 1024**3
_QUANTITY_MAX: Final = 2**62
_ROWS_AT_ONCE: Final = 20_000
_NEEDED: Final = ("service.description", "sku.description", "usage_start_time", "cost", "currency")
_COLUMNS: Final = (
    *_NEEDED, "cost_at_list", "cost_type", "currency_conversion_rate", "project.id", "usage.amount", "usage.unit",
    "credits", "export_time", "invoice.month",
)  # fmt: skip
_MODEL: Final = re.compile(r"gemini[ -]([0-9]+(?:\.[0-9]+)?)[ -](flash[ -]lite|flash|pro|ultra|nano)", re.ASCII)
_CATEGORY: Final = {
    "regular": LineCategory.USAGE,
    "tax": LineCategory.TAX,
    "adjustment": LineCategory.ADJUSTMENT,
    "rounding_error": LineCategory.ADJUSTMENT,
}
_DISCOUNTS: Final = frozenset({
    "COMMITTED_USAGE_DISCOUNT", "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", "SUSTAINED_USAGE_DISCOUNT", "DISCOUNT",
    "RESELLER_MARGIN", "SUBSCRIPTION_BENEFIT", "FEE_UTILIZATION_OFFSET",
})  # fmt: skip
_COUNT_UNITS: Final = frozenset({"count", "tokens", "token"})


class _Row(NamedTuple):
    """One row of the export, as text; two that are equal are the same row."""

    day: date
    service: str
    sku: str
    project: str | None
    cost: str
    listed: str | None
    cost_type: str
    currency: str
    rate: str | None
    quantity: int | None
    credits: tuple[tuple[str, str, str], ...]
    told: tuple[str, ...]


def read(folder: Path, first: date, last: date, *, services: Sequence[str] = SERVICES) -> list[BilledPeriod]:
    """Return a bill per day from `first` to `last`, both included; days are those of `usage_start_time` in UTC.

    Raises:
        BillingError: there are no files, or one of them is not such an export.
    """
    files = sorted(path for path in _listed(folder) if path.suffix.lower() in {".parquet", ".csv"})
    if not files:
        raise BillingError(f"There is no .parquet or .csv file in {folder}.")
    rows: Counter[_Row] = Counter()
    newest = date.min
    for path in files:
        of_file: Counter[_Row] = Counter()
        for row in _gemini_rows(path, services):
            newest = max(newest, row.day)
            if first <= row.day <= last:
                of_file[row] += 1
        rows |= of_file  # the greater count of each: what both files have is the same
    bills = DayBills("The export", first, last)
    for row, count in rows.items():
        for _ in range(count):
            _add(bills, row)
    for day in days_of(max(first, newest), last):
        bills.mark_partial(day)
        bills.note(NOT_YET, day)
    return bills.periods()


def _listed(folder: Path) -> list[Path]:
    try:
        files = [path for path in folder.iterdir() if path.is_file()]
    except OSError as fault:
        raise BillingError(f"{folder} cannot be read: {fault.strerror}.") from None
    for path in files:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise BillingError(f"{path.name} is larger than {_FILE_BYTES_MAX // 1024**3} GiB; export it in parts.")
    return files


def _gemini_rows(path: Path, services: Sequence[str]) -> Iterator[_Row]:
    wanted = set(services)
    try:
        for raw in _parquet_rows(path) if path.suffix.lower() == ".parquet" else _csv_rows(path):
            service, sku = _text(raw, "service.description"), _text(raw, "sku.description")
            if service in wanted and (service != "Vertex AI" or "gemini" in sku.lower()):
                yield _row(raw, service, sku)
    except (AnswerError, AmountError) as fault:
        raise AnswerError(f"{path.name} is not a billing export as documented: {fault}") from None
    except (OSError, pa.ArrowException, csv.Error, UnicodeDecodeError) as fault:
        raise AnswerError(f"{path.name} cannot be read ({type(fault).__name__}).") from None


def _parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with pq.ParquetFile(path) as content:
        present = set(content.schema_arrow.names)
        heads = {one.partition(".")[0] for one in _COLUMNS} | set(_COLUMNS)
        _check_columns(present | {one for one in _COLUMNS if one.partition(".")[0] in present})
        for batch in content.iter_batches(_ROWS_AT_ONCE, columns=sorted(heads & present)):
            for row in batch.to_pylist():
                yield {name: _at(row, name) for name in _COLUMNS}


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        _check_columns(set(reader.fieldnames or ()))
        for row in reader:
            yield {name: row.get(name) or None for name in _COLUMNS}


def _check_columns(present: set[str]) -> None:
    missing = [name for name in _NEEDED if name not in present]
    if missing:
        raise AnswerError(f"there is no column {missing[0]}.")


def _at(row: Mapping[str, Any], name: str) -> Any:
    if name in row:
        return row[name]
    head, _, rest = name.partition(".")
    inner = row.get(head)
    return inner.get(rest) if rest and isinstance(inner, dict) else None


def _row(raw: Mapping[str, Any], service: str, sku: str) -> _Row:
    unit = _text(raw, "usage.unit").lower()
    usage = _quantity(raw["usage.amount"])
    return _Row(
        day=_utc_day(raw["usage_start_time"]),
        service=service,
        sku=sku,
        project=_text(raw, "project.id") or None,
        cost=_number(raw["cost"]) or _no_cost(),
        listed=_number(raw["cost_at_list"]),
        cost_type=_text(raw, "cost_type") or "regular",
        currency=_text(raw, "currency"),
        rate=_number(raw["currency_conversion_rate"]),
        quantity=usage if unit in _COUNT_UNITS else None,
        credits=_credits(raw["credits"]),
        told=(
            str(raw["export_time"]),
            str(raw["usage_start_time"]),
            str(raw["invoice.month"]),
            str(raw["usage.amount"]),
        ),
    )


def _add(bills: DayBills, row: _Row) -> None:
    sku = row.sku.lower()
    whose: dict[str, Any] = {
        "model": f"gemini-{found[1]}-{found[2].replace(' ', '-')}" if (found := _MODEL.search(sku)) else None,
        "key_ref": row.project,
        "service_tier": "batch" if "batch" in sku else None,
        "currency": row.currency,
    }
    kind = _kind(sku)
    line = BilledLine(
        amount=_usd(row.cost, row),
        list_amount=None if row.listed is None else _usd(row.listed, row),
        category=_CATEGORY.get(row.cost_type, LineCategory.ADJUSTMENT),
        token_kind=kind,
        quantity=row.quantity if kind else None,
        description=row.sku,
        **whose,
    )
    bills.add(row.day, line)
    for name, kind_of_credit, amount in row.credits:
        category = LineCategory.DISCOUNT if kind_of_credit in _DISCOUNTS else LineCategory.CREDIT
        bills.add(row.day, BilledLine(amount=_usd(amount, row), category=category, description=name, **whose))


def _usd(text: str, row: _Row) -> Decimal:
    amount = parse_amount(text)
    if row.currency == "USD":
        return amount
    rate = parse_amount(row.rate) if row.rate else Decimal(0)
    if rate <= 0:
        raise AnswerError(f"Rows in {row.currency} need a currency_conversion_rate.")
    with localcontext() as context:
        context.prec = 60
        return (amount / rate).quantize(Decimal(1).scaleb(-PICOUSD_DIGITS), ROUND_HALF_EVEN)


def _kind(sku: str) -> str | None:
    if "token" not in sku or "storage" in sku or "image" in sku or "audio" in sku or "video" in sku:
        return None
    if "output" in sku:
        return OUTPUT
    if "cached" in sku or "caching" in sku:
        return CACHE_READ
    return UNCACHED_INPUT if "input" in sku else None


def _credits(value: Any) -> tuple[tuple[str, str, str], ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise AnswerError("the credits are not JSON.") from None
    if not isinstance(value, list | None):
        raise AnswerError("the credits are not a list.")
    found: list[tuple[str, str, str]] = []
    for one in value or ():
        amount = _number(one.get("amount")) if isinstance(one, dict) else None
        if amount is None:
            raise AnswerError("a credit has no amount.")
        found.append((str(one.get("name") or ""), str(one.get("type") or ""), amount))
    return tuple(sorted(found))


def _number(value: Any) -> str | None:
    """Return a number as decimal text; a binary fraction as the shortest text that means it."""
    if value is None:
        return None
    text = repr(value) if isinstance(value, float) else str(value)
    parse_amount(text)
    return text


def _quantity(value: Any) -> int | None:
    """Return a measured quantity in whole units, half to even."""
    try:
        number = None if value is None else Decimal(str(value))
    except ArithmeticError:
        raise AnswerError("a usage amount is not a number.") from None
    if number is None:
        return None
    if not number.is_finite() or not 0 <= number < _QUANTITY_MAX:
        raise AnswerError("a usage amount is not a quantity.")
    return round(number)


def _no_cost() -> str:
    raise AnswerError("a row has no cost.")


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw[name]
    if value is not None and not isinstance(value, str):
        raise AnswerError(f"{name} is not text.")
    return value or ""


def _utc_day(value: Any) -> date:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.removesuffix(" UTC").strip())
        except ValueError:
            raise AnswerError("usage_start_time is not an instant.") from None
    if not isinstance(value, datetime):
        raise AnswerError("usage_start_time is not an instant.")
    return (value if value.tzinfo is None else value.astimezone(UTC)).date()
