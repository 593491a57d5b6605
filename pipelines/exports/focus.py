"""FOCUS 1.2 as it leaves the house: the mart's 57 columns in the specification's spelling, as CSV or Parquet.

Belongs here: names, formats and the query. Does not belong here: what the columns mean
(`dbt_project/models/analysis/focus`).

Instants are ISO 8601 in UTC; numbers are exact decimals, whole ones with `.0`, so that nobody takes them for integers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

FOCUS_TABLE: Final = "mart_focus_1_2"
FOCUS_EXPORT: Final = "focus_1_2"
ROWS_PER_CHUNK: Final = 2_000
_NAMES: Final = [
    "availability_zone", "billed_cost", "billing_account_id", "billing_account_name", "billing_account_type",
    "billing_currency", "billing_period_end", "billing_period_start", "capacity_reservation_id",
    "capacity_reservation_status", "charge_category", "charge_class", "charge_description", "charge_frequency",
    "charge_period_end", "charge_period_start", "commitment_discount_category", "commitment_discount_id",
    "commitment_discount_name", "commitment_discount_quantity", "commitment_discount_status",
    "commitment_discount_type", "commitment_discount_unit", "consumed_quantity", "consumed_unit",
    "contracted_cost", "contracted_unit_price", "effective_cost", "invoice_id", "invoice_issuer_name",
    "list_cost", "list_unit_price", "pricing_category", "pricing_currency",
    "pricing_currency_contracted_unit_price", "pricing_currency_effective_cost",
    "pricing_currency_list_unit_price", "pricing_quantity", "pricing_unit", "provider_name", "publisher_name",
    "region_id", "region_name", "resource_id", "resource_name", "resource_type", "service_category",
    "service_name", "service_subcategory", "sku_id", "sku_meter", "sku_price_details", "sku_price_id",
    "sub_account_id", "sub_account_name", "sub_account_type", "tags",
]  # fmt: skip
FOCUS_COLUMNS: Final = {name: "".join(part.capitalize() for part in name.split("_")) for name in _NAMES}
"""Column of the mart to column of FOCUS, in the specification's order."""
_INSTANTS: Final = frozenset({"billing_period_end", "billing_period_start", "charge_period_end", "charge_period_start"})
_ORDER: Final = (
    "charge_period_start, charge_category, sub_account_id, provider_name, resource_id, sku_price_id, sku_id,"
    " charge_class, charge_description, tags, billed_cost"
)


def focus_columns(*, whose: bool = False, month: bool = False) -> str:
    """Return the query of one workspace's rows.

    Args:
        whose: put `workspace_id` first, for exports that check it.
        month: of the billing period `$month` only.
    """
    columns = ", ".join(
        f"timezone('UTC', {name}) as \"{focus}\"" if name in _INSTANTS else f'{name} as "{focus}"'
        for name, focus in FOCUS_COLUMNS.items()
    )
    first = "cast(workspace_id as varchar) as workspace_id, " if whose else ""
    where = " and billing_period_start = cast($month as timestamp)" if month else ""
    return f"select {first}{columns} from {FOCUS_TABLE} where workspace_id = $workspace_id{where} order by {_ORDER}"  # noqa: S608 - our own names


def focus_csv(rows: Iterable[tuple[Any, ...]], safe_text: Any = None) -> Iterator[bytes]:
    """Yield rows in the order of `FOCUS_COLUMNS` as CSV, UTF-8 with CRLF; the header comes at once.

    Args:
        rows: of `focus_columns()`.
        safe_text: makes text that no spreadsheet takes for a formula; None leaves it as it is.
    """
    yield _encoded([tuple(FOCUS_COLUMNS.values())])
    chunk: list[tuple[Any, ...]] = []
    for row in rows:
        chunk.append(tuple(_cell(value, safe_text) for value in row))
        if len(chunk) >= ROWS_PER_CHUNK:
            yield _encoded(chunk)
            chunk = []
    if chunk:
        yield _encoded(chunk)


def focus_text(value: Any) -> Any:
    """Return a value as FOCUS writes it in text: JSON and CSV alike; None stays None."""
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _cell(value: Any, safe_text: Any) -> Any:
    if isinstance(value, str):
        return safe_text(value) if safe_text is not None else value
    return focus_text(value)


def _decimal(value: Decimal) -> str:
    text = f"{value:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def _encoded(rows: Iterable[tuple[Any, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", errors="replace")
