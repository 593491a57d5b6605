"""How much of what the providers billed we saw.

Belongs here: coverage of a range by provider, key and day. Does not belong here: money (`reconciliation`), HTTP
(`reconciliation_routes`).

What one day or model has too much of does not make up for what another lacks: only what was seen of the very model and
day counts as covered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from api.dashboards.analysed import AnalysedView
from api.dashboards.models.reconciliation import (
    CoverageAnswer,
    DayCoverage,
    KeyCoverage,
    ProviderCoverage,
    UnitCoverage,
)
from api.dashboards.money import percent
from api.dashboards.periods import DAY
from api.dashboards.queries import reconciliation as queries
from api.dashboards.queries.reconciliation import Record
from api.dashboards.reconciliation import reconciliation_fields

ALL_KEYS: Final = "(all)"
UNITS: Final = ("requests", "tokens", "uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")


def coverage(analysed: AnalysedView) -> CoverageAnswer:
    """Return what was seen of what was billed on the days of the range, which are taken as the providers' own."""
    span = analysed.view.period.current
    first, last = span.first_day, span.end_day - DAY
    providers = _by(queries.coverage(analysed, first, last), "provider")
    return CoverageAnswer(
        **reconciliation_fields(analysed),
        first_day=first,
        last_day=last,
        providers=[_provider(provider, rows) for provider, rows in sorted(providers.items())],
    )


def _provider(provider: str, rows: Sequence[Record]) -> ProviderCoverage:
    keys = _by(rows, "key_ref")
    whole = keys.pop(ALL_KEYS, [])
    return ProviderCoverage(
        provider=provider,
        units=_units(whole),
        keys=[
            KeyCoverage(
                key_ref=key,
                unknown_days=len({row["utc_day"] for row in some if row["seen"] is None}),
                units=_units(some),
            )
            for key, some in sorted(keys.items())
        ],
        days=[DayCoverage(day=day, units=_units(some)) for day, some in sorted(_by(whole, "utc_day").items())],
    )


def _units(rows: Sequence[Record]) -> list[UnitCoverage]:
    return [_unit(unit, some) for unit, some in sorted(_by(rows, "unit").items(), key=lambda one: UNITS.index(one[0]))]


def _unit(unit: str, rows: Sequence[Record]) -> UnitCoverage:
    known = [row for row in rows if row["seen"] is not None]
    covered = sum(row["covered"] for row in known)
    return UnitCoverage(
        unit=unit,
        billed=sum(row["billed"] for row in rows),
        seen=sum(row["seen"] for row in known) if known else None,
        covered=covered if known else None,
        share_percent=percent(covered, sum(row["billed"] for row in known)),
        is_over=any(row["is_over"] for row in rows),
    )


def _by(rows: Iterable[Record], column: str) -> dict[Any, list[Record]]:
    groups: defaultdict[Any, list[Record]] = defaultdict(list)
    for row in rows:
        groups[row[column]].append(row)
    return dict(groups)
