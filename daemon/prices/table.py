"""The bundled price table: `table.json` beside this file.

Belongs here: its shape and reading it. Does not belong here: making it (`python -m pipelines.rates.laptop_table`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

import msgspec

from daemon.clock import DAY
from daemon.prices.rates import Picodollars, Rate
from daemon.prices.rules import Rule

_EPOCH_DAY = date(1970, 1, 1).toordinal()

Row = tuple[str, int, date | None, date | None, Picodollars]
"""Tier, context over, first day, first day after, picodollars per token."""


class _Provider(msgspec.Struct, frozen=True):
    rules: list[Rule]
    prices: dict[str, list[Row]]


class _File(msgspec.Struct, frozen=True):
    source: str
    version: str
    providers: dict[str, _Provider]


class ProviderPrices(msgspec.Struct, kw_only=True, frozen=True):
    """One provider's part of the table.

    Attributes:
        rules: which name means which priced model, in the order in which they are tried.
        rates: by priced model.
    """

    rules: tuple[Rule, ...]
    rates: Mapping[str, tuple[Rate, ...]]


class Table(msgspec.Struct, kw_only=True, frozen=True):
    """The whole table.

    Attributes:
        source: where its prices come from, with the version.
        version: names its content; the server's rate book of the same prices has the same.
        providers: by wire name.
    """

    source: str
    version: str
    providers: Mapping[str, ProviderPrices]


@cache
def bundled_table() -> Table:
    """Return the table this release carries."""
    file = msgspec.json.decode(files("daemon.prices").joinpath("table.json").read_bytes(), type=_File)
    return Table(
        source=file.source,
        version=file.version,
        providers={
            wire: ProviderPrices(
                rules=tuple(part.rules),
                rates={ref: tuple(_rate(row, file.source) for row in rows) for ref, rows in part.prices.items()},
            )
            for wire, part in file.providers.items()
        },
    )


def start_of_day_us(day: date) -> int:
    """Return the first instant of a UTC day, UTC microseconds."""
    return (day.toordinal() - _EPOCH_DAY) * DAY


def _rate(row: Row, source: str) -> Rate:
    tier, over, first, after, picodollars = row
    return Rate(
        tier=tier,
        context_over_tokens=over,
        from_us=0 if first is None else start_of_day_us(first),
        until_us=None if after is None else start_of_day_us(after),
        picodollars=picodollars,
        source=source,
    )
