"""The rate book as a workspace sees it, now and as it was known earlier.

Belongs here: reading the exported book and the workspace's own rates, and what was known at an instant. Does not belong
here: choosing a rate for a call (`pipelines.lake.pricing`), entering own rates (`api.rate_overrides`).

What cannot be known: a list price that the price data no longer holds (it is in no file any more), and since when
daemons' names of models lead to the models they lead to now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pyarrow as pa
from sqlalchemy.orm import Session

from api.dashboards.rate_lookup import RATE_BOOK_FILE
from api.db.models import RateOverride
from api.rate_overrides import PRICE_KINDS, list_rate_overrides, prices_of
from pipelines.lake.arrow import parquet
from pipelines.lake.clock import from_micros
from pipelines.lake.paths import Home
from pipelines.lake.rate_book import UNTIL_FURTHER_NOTICE, Rate, TokenRates
from pipelines.lake.rate_book_file import read_rate_book
from pipelines.negotiated_rates import SOURCE

ALIASES_FILE: Final = "model_aliases.parquet"


@dataclass(frozen=True)
class ListPrices:
    """Everyone's prices, as the newest book holds them.

    Attributes:
        rates: by provider and model.
        tiers: service tiers there are.
        version: of the book; None when there is none.
        changed_at: since when the book is what it is, ISO-8601; None when there is none.
    """

    rates: tuple[Rate, ...] = ()
    tiers: tuple[str, ...] = ("standard",)
    version: str | None = None
    changed_at: str | None = None


@dataclass(frozen=True, slots=True)
class OwnRate:
    """A rate the workspace negotiated, as it was from `rate.known_from` on.

    Attributes:
        rate: the price.
        withdrawn_at: when it was superseded or withdrawn; None while it holds.
        note: for people.
        override_id: names it.
    """

    rate: Rate
    withdrawn_at: datetime | None
    note: str
    override_id: str

    def known_at(self, instant: datetime) -> bool:
        """Whether it held at an instant, as far as was known then."""
        return self.rate.known_from <= instant and (self.withdrawn_at is None or instant < self.withdrawn_at)


def list_prices(home: Home) -> ListPrices:
    """Return everyone's prices; none when no book was written yet."""
    path = home.exports / RATE_BOOK_FILE
    try:
        stat = path.stat()
        return _read(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, pa.ArrowException):
        return ListPrices()


def own_rates(session: Session, workspace_id: str) -> list[OwnRate]:
    """Return every rate the workspace ever negotiated, in the order they became known."""
    return [_own(row) for row in list_rate_overrides(session, workspace_id)]


def known_rates(prices: ListPrices, own: Sequence[OwnRate], instant: datetime) -> list[Rate]:
    """Return the rates that were known at an instant."""
    common = [rate for rate in prices.rates if rate.known_from <= instant]
    return [*common, *(one.rate for one in own if one.known_at(instant))]


def model_names(home: Home) -> Mapping[tuple[str, str], str]:
    """Return which priced model each provider's model name of a daemon leads to."""
    path = home.exports / ALIASES_FILE
    try:
        stat = path.stat()
        return _read_names(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, pa.ArrowException):
        return {}


@lru_cache(maxsize=4)
def _read(path: Path, _mtime_ns: int, _size: int) -> ListPrices:
    rates = tuple(rate for rate in read_rate_book(path) if rate.workspace_id is None)
    metadata: Mapping[bytes, bytes] = parquet.read_schema(path).metadata or {}
    version, changed_at = (metadata.get(name) for name in (b"version", b"changed_at"))
    return ListPrices(
        rates=rates,
        tiers=tuple(sorted({"standard", *(rate.service_tier for rate in rates)})),
        version=version.decode() if version else None,
        changed_at=changed_at.decode() if changed_at else None,
    )


@lru_cache(maxsize=4)
def _read_names(path: Path, _mtime_ns: int, _size: int) -> Mapping[tuple[str, str], str]:
    rows = parquet.read_table(path, columns=["provider", "model", "model_ref"]).to_pylist()
    return MappingProxyType({(row["provider"], row["model"]): row["model_ref"] for row in rows if row["model_ref"]})


def _own(row: RateOverride) -> OwnRate:
    prices = prices_of(row)
    rate = Rate(
        provider=row.provider,
        model_ref=row.model_ref,
        service_tier=row.service_tier,
        context_over_tokens=row.context_over_tokens,
        valid_from=from_micros(row.valid_from_us),
        valid_to=UNTIL_FURTHER_NOTICE if row.valid_to_us is None else from_micros(row.valid_to_us),
        rates=TokenRates(*(prices[kind] for kind in PRICE_KINDS)),
        source=SOURCE,
        known_from=from_micros(row.known_from_us),
        workspace_id=row.workspace_id,
    )
    withdrawn = None if row.withdrawn_at_us is None else from_micros(row.withdrawn_at_us)
    return OwnRate(rate, withdrawn, row.note or "", row.id)
