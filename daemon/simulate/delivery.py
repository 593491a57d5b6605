"""Sending a simulated history as a real daemon would, repeats included, and counting what should come out.

Belongs here: the order of rows on the line, which of them go twice, and exact totals. Does not belong here: making
rows (`history`, `trace_history`), HTTP (`daemon.sync`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Final, Protocol

from daemon.wire.batch import Receipt
from daemon.wire.record import Record

_REPEAT_EVERY: Final = 400
_REPLAY_ROWS: Final = 25


class Uploader(Protocol):
    """Anything that delivers a page of records."""

    def upload(self, records: Sequence[Record]) -> Receipt:
        """Send the page; return its receipt once it is durable."""
        ...


@dataclass
class Totals:
    """Sums over distinct rows: what a warehouse should show for this device.

    Attributes:
        distinct_rows: rows, each id once.
        cost_millicents: all known costs together, for checking only; the two below are different monies.
        cost_metered_millicents: known costs of metered rows (`billing_basis` null).
        cost_subscription_imputed_millicents: known costs of rows under a flat subscription.
        unpriced_rows: rows whose cost is null.
        error_rows: rows whose status is not `success`.
    """

    distinct_rows: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cost_millicents: int = 0
    cost_metered_millicents: int = 0
    cost_subscription_imputed_millicents: int = 0
    unpriced_rows: int = 0
    error_rows: int = 0

    def add(self, record: Record) -> None:
        """Count one more distinct row."""
        self.distinct_rows += 1
        self.input_tokens += record.input_tokens
        self.output_tokens += record.output_tokens
        self.thinking_tokens += record.thinking_tokens
        self.cached_tokens += record.cached_tokens
        self.cache_write_tokens += record.cache_write_tokens
        self.error_rows += record.status != "success"
        if record.cost_millicents is None:
            self.unpriced_rows += 1
            return
        self.cost_millicents += record.cost_millicents
        if record.billing_basis is None:
            self.cost_metered_millicents += record.cost_millicents
        else:
            self.cost_subscription_imputed_millicents += record.cost_millicents


@dataclass
class Delivered:
    """What the receipts said, summed over all pages.

    Attributes:
        rows: rows sent, repeats included.
        pages: batches sent.
        withheld: rows that landed but stay out of the dashboards for now.
    """

    rows: int = 0
    pages: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    withheld: int = 0

    def add(self, rows: int, receipt: Receipt) -> None:
        """Take in the receipt of a page of `rows`."""
        self.rows += rows
        self.pages += 1
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates
        self.quarantined += len(receipt.quarantined)
        self.withheld += sum(entry.rows for entry in receipt.withheld)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON-ready values."""
        return asdict(self)


def totals_of(records: Sequence[Record]) -> Totals:
    """Return the sums over `records`, whose ids are distinct."""
    totals = Totals()
    for record in records:
        totals.add(record)
    return totals


def with_repeats(records: Sequence[Record], page_rows: int, random: Random) -> list[Record]:
    """Return the rows in sending order, some of them again in a later page.

    One in 400 goes again by itself; and once, a run of 25, as after an answer that got lost. A repeat is the same
    record to the last byte.
    """
    line: list[Record] = []
    replay_at = random.randrange(len(records)) if len(records) > 2 * page_rows else -1
    for index, record in enumerate(records):
        line.append(record)
        earlier = index - page_rows
        if earlier > 0 and random.randrange(_REPEAT_EVERY) == 0:
            line.append(records[random.randrange(earlier)])
        if index == replay_at and earlier > _REPLAY_ROWS:
            line.extend(records[earlier - _REPLAY_ROWS : earlier])
    return line


def deliver(uploader: Uploader, line: Sequence[Record], page_rows: int) -> Iterator[Delivered]:
    """Send `line` page by page; yields the sums so far after each page.

    Raises:
        CloudError: a page was not taken after every retry; the sums so far stand.
    """
    delivered = Delivered()
    for start in range(0, len(line), page_rows):
        page = line[start : start + page_rows]
        delivered.add(len(page), uploader.upload(page))
        yield delivered
