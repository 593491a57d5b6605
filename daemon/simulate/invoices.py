"""What the providers of simulated calls bill: an invoice per provider and month, a line per day, model and key.

Belongs here: the provider's side, counted from the calls and priced on its own, with the differences that real bills
have. Does not belong here: the calls (`history`), what laptops log of them (`records`), the command.

A provider sees what laptops do not: calls of a machine that nobody paired, prices of models no public table lists, a
credit, a tax. It also rounds, each line to whole cents. Calls under a flat subscription are on no invoice of usage.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final

from daemon.calls.tokens import ReportedTokens, from_reported
from daemon.simulate.prices import BilledTokens, Rates, cost_picodollars
from daemon.wire.record import Record

HEADER: Final = ("Date", "Type", "Model", "API key", "Description", "Requests", "Currency", "Amount")
TEAM_KEY: Final = "team"
"""The API key of all paired laptops."""
OTHER_KEY: Final = "contractor"
"""That of the machine that nobody paired."""
_PICODOLLARS_PER_CENT: Final = 10_000_000_000
_UNMETERED_FROM_DAY: Final = 10
_UNMETERED_PER_MILLE: Final = 35
_CREDIT_PER_MILLE: Final = 12
_TAX_PER_CENT: Final = 20
# No public table has them, so laptops log no cost; who is billed learns their price.
_UNLISTED: Final[Mapping[str, Rates]] = MappingProxyType(
    {
        "acme-router-v2": Rates(3_750_000, 1_875_000, 3_750_000, 15_000_000),
        "claude-next-preview": Rates(5_000_000, 500_000, 6_250_000, 25_000_000),
        "acme-llama-ft-70b": Rates(900_000, 900_000, 900_000, 1_200_000),
    }
)

_Cell = tuple[str, str, str]
"""Day, model and API key."""


@dataclass
class Invoice:
    """One provider's invoice of one month.

    Attributes:
        provider: wire name.
        month: `YYYY-MM`, in UTC.
        usage: picodollars and requests by (day, model, API key).
        credit_cents: taken off, on the last day of usage.
    """

    provider: str
    month: str
    usage: dict[_Cell, tuple[int, int]] = field(default_factory=dict[_Cell, tuple[int, int]])
    credit_cents: int = 0

    @property
    def picodollars(self) -> int:
        """What its usage costs, exactly: 10^12 to the dollar."""
        return sum(cost for cost, _ in self.usage.values())

    def add(self, record: Record, key: str) -> int:
        """Count a call; return what it costs in picodollars."""
        cell = (record.requested_at[:10], record.model, key)
        cost = _cost(record)
        sum_so_far, requests = self.usage.get(cell, (0, 0))
        self.usage[cell] = (sum_so_far + cost, requests + 1)
        return cost

    def rows(self) -> list[tuple[str, ...]]:
        """Return its lines in the order of `HEADER`; amounts in whole cents."""
        lines: list[tuple[str, ...]] = []
        net_cents = -self.credit_cents
        for (day, model, key), (cost, requests) in sorted(self.usage.items()):
            cents = _whole_cents(cost)
            net_cents += cents
            lines.append((day, "Usage", model, key, f"{model} API usage", str(requests), "USD", _amount(cents)))
        last_day = max(day for day, _, _ in self.usage)
        if self.credit_cents:
            lines.append((last_day, "Credit", "", "", "Promotional credit", "", "USD", _amount(-self.credit_cents)))
        tax_cents = max(net_cents, 0) * _TAX_PER_CENT // 100
        lines.append((last_day, "Tax", "", "", f"VAT {_TAX_PER_CENT} %", "", "USD", _amount(tax_cents)))
        return lines

    def csv(self) -> str:
        """Return it as a file of comma-separated values."""
        text = io.StringIO(newline="")
        csv.writer(text).writerows([HEADER, *self.rows()])
        return text.getvalue()


class _Ledger:
    """Invoices by provider and month."""

    def __init__(self, last_day: date) -> None:
        self._last_day = last_day.isoformat()
        self._found: dict[tuple[str, str], Invoice] = {}

    def add(self, record: Record, key: str) -> int:
        """Count a call if it is billed; return what it costs in picodollars."""
        served = record.status == "success" or record.input_tokens or record.output_tokens
        if not served or record.billing_basis is not None or record.requested_at[:10] > self._last_day:
            return 0
        whose = (record.provider, record.requested_at[:7])
        if whose not in self._found:
            self._found[whose] = Invoice(*whose)
        return self._found[whose].add(record, key)

    def months(self) -> list[str]:
        """Return the months with an invoice."""
        return sorted({month for _, month in self._found})

    def of_month(self, month: str) -> list[Invoice]:
        """Return a month's invoices."""
        return [invoice for invoice in self.all() if invoice.month == month]

    def all(self) -> list[Invoice]:
        """Return all invoices, by provider and month."""
        return [self._found[whose] for whose in sorted(self._found)]


def invoices(metered: Iterable[Record], unmetered: Sequence[Record], last_day: date) -> list[Invoice]:
    """Return all providers' invoices, by provider and month.

    Of the newest month but one, calls of `unmetered` are billed too, until they come to a few per cent of that month.
    In the newest month the provider with the most usage gives a credit.

    Args:
        metered: calls of the laptops that are paired.
        unmetered: calls of one that is not, in order of time.
        last_day: last UTC day that is billed.
    """
    ledger = _Ledger(last_day)
    for record in metered:
        ledger.add(record, TEAM_KEY)
    months = ledger.months()
    if not months:
        return []
    _add_unmetered(ledger, unmetered, months[-2:][0])
    newest = ledger.of_month(months[-1])
    largest = max(newest, key=lambda invoice: invoice.picodollars)
    largest.credit_cents = (
        sum(invoice.picodollars for invoice in newest) * _CREDIT_PER_MILLE // 1_000 // _PICODOLLARS_PER_CENT
    )
    return ledger.all()


def _add_unmetered(ledger: _Ledger, unmetered: Sequence[Record], month: str) -> None:
    left = sum(invoice.picodollars for invoice in ledger.of_month(month)) * _UNMETERED_PER_MILLE // 1_000
    for record in unmetered:
        if record.requested_at[:7] != month or int(record.requested_at[8:10]) < _UNMETERED_FROM_DAY:
            continue
        if left <= 0:
            return
        left -= ledger.add(record, OTHER_KEY)


def _cost(record: Record) -> int:
    """Return picodollars by the provider's own count of its tokens."""
    counts = ReportedTokens(
        record.input_tokens,
        record.output_tokens,
        record.thinking_tokens,
        record.cached_tokens,
        record.cache_write_tokens,
    )
    kinds = from_reported(record.provider, counts)
    tokens = BilledTokens(kinds.uncached_input, kinds.cache_read, kinds.cache_write, kinds.output)
    listed = cost_picodollars(record.provider, record.model, tokens, date.fromisoformat(record.requested_at[:10]))
    if listed is not None:
        return listed
    return sum(count * rate for count, rate in zip(tokens, _UNLISTED[record.model], strict=True))


def _whole_cents(picodollars: int) -> int:
    return (picodollars + _PICODOLLARS_PER_CENT // 2) // _PICODOLLARS_PER_CENT


def _amount(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"
