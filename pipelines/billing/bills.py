"""A bill in our own words, whichever provider wrote it.

Belongs here: periods and lines, the order and digest that make two readings of one bill comparable. Does not belong
here: tables (`pipelines.lake.bills`), writing them (`recording`), what a provider's words mean (its own module).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from pipelines.billing.amounts import PICOUSD_MAX, AmountError, amount_text, picousd
from pipelines.lake.bills import DESCRIPTION_LENGTH, LineCategory

UNCACHED_INPUT: Final = "uncached_input"
CACHE_READ: Final = "cache_read"
CACHE_WRITE_5M: Final = "cache_write_5m"
CACHE_WRITE_1H: Final = "cache_write_1h"
OUTPUT: Final = "output"
TOKEN_KINDS: Final = (UNCACHED_INPUT, CACHE_READ, CACHE_WRITE_5M, CACHE_WRITE_1H, OUTPUT)
"""Disjoint kinds of tokens, named as in the rate book."""
_LENGTHS: Final = {"model": 255, "key_ref": 255, "service_tier": 64, "token_kind": 32}
_COUNT_MAX: Final = 2**63 - 1


class BillError(ValueError):
    """A bill that cannot be kept as it is; the message is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """One line of a bill.

    Attributes:
        amount: USD, after discounts; negative for credits.
        category: what it is.
        model: as the provider calls it.
        key_ref: the provider's id of the API key (Gemini: of the project).
        service_tier: as the provider says it; None where it says none.
        token_kind: one of `TOKEN_KINDS`; None where the line is not of one.
        description: the provider's words.
        list_amount: USD before discounts, where the provider tells.
        currency: what it was billed in; `amount` is USD all the same.
        quantity: tokens; on lines of 0 USD, unless the provider states them with the amount only.
        requests: requests, each on one line only.
    """

    amount: Decimal = Decimal(0)
    category: LineCategory = LineCategory.USAGE
    model: str | None = None
    key_ref: str | None = None
    service_tier: str | None = None
    token_kind: str | None = None
    description: str = ""
    list_amount: Decimal | None = None
    currency: str = "USD"
    quantity: int | None = None
    requests: int | None = None

    def row(self) -> dict[str, Any]:
        """Return the columns of `bill_lines`, without period and number.

        Raises:
            BillError: a text is too long, or a count or amount too large.
        """
        try:
            listed = None if self.list_amount is None else picousd(self.list_amount)
            amount = picousd(self.amount)
        except AmountError as fault:
            raise BillError(f"The bill cannot be kept: {fault}.") from None
        columns = {
            "category": self.category.value,
            "model": self.model,
            "key_ref": self.key_ref,
            "service_tier": self.service_tier,
            "token_kind": self.token_kind,
            "description": self.description[:DESCRIPTION_LENGTH],
            "amount_text": amount_text(self.amount),
            "amount_picousd": amount,
            "list_amount_picousd": listed,
            "currency": self.currency,
            "quantity": self.quantity,
            "requests": self.requests,
        }
        for name, longest in _LENGTHS.items():
            if columns[name] is not None and not 0 < len(columns[name]) <= longest:
                raise BillError(f"The bill's {name.replace('_', ' ')} must have 1 to {longest} characters.")
        if any(not 0 <= columns[name] <= _COUNT_MAX for name in ("quantity", "requests") if columns[name] is not None):
            raise BillError("The bill counts more tokens or requests than there can be.")
        if len(self.currency) != len("USD"):
            raise BillError("The bill's currency is not one.")
        return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledPeriod:
    """What a provider bills for a span of its days, in UTC.

    Attributes:
        first_day: inclusive.
        last_day: inclusive.
        lines: in any order.
        is_complete: False while more may come, or when the provider said that it left something out.
        request_count: requests it served; None where it does not say.
        note: for people.
    """

    first_day: date
    last_day: date
    lines: tuple[BilledLine, ...] = ()
    is_complete: bool = True
    request_count: int | None = None
    note: str = ""

    @property
    def has_amounts(self) -> bool:
        """Whether anything is billed: an empty bill may be one that is late."""
        return any(line.amount for line in self.lines)

    def rows(self) -> list[dict[str, Any]]:
        """Return the lines as rows of `bill_lines`, numbered from 1 in canonical order.

        Raises:
            BillError: the days are the wrong way round, a line cannot be kept, or a sum is too large for 64 bits.
        """
        if self.first_day > self.last_day:
            raise BillError("The bill ends before it begins.")
        rows = sorted((line.row() for line in self.lines), key=_canonical)
        for name in ("amount_picousd", "list_amount_picousd"):
            # Of any part of the lines, too: whoever adds up usage alone must not overflow either.
            if sum(abs(row[name] or 0) for row in rows) > PICOUSD_MAX:
                raise BillError("The bill's lines add up to more than 9,223,372 USD.")
        for name in ("quantity", "requests"):
            if sum(row[name] or 0 for row in rows) > _COUNT_MAX:
                raise BillError("The bill counts more tokens or requests than there can be.")
        return [{"line_number": number, **row} for number, row in enumerate(rows, 1)]


def lines_sha256(rows: Iterable[dict[str, Any]]) -> str:
    """Return the digest of `rows` as `BilledPeriod.rows` gives them."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_canonical({name: value for name, value in row.items() if name != "line_number"}).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def days_of(first: date, last: date) -> Iterator[date]:
    """Yield every day from `first` to `last`, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def spans_of(first: date, last: date, longest: int) -> Iterator[tuple[date, date]]:
    """Yield consecutive spans of at most `longest` days that cover `first` to `last`, all inclusive."""
    while first <= last:
        end = min(last, first + timedelta(days=longest - 1))
        yield first, end
        first = end + timedelta(days=1)


def _canonical(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, separators=(",", ":"))
