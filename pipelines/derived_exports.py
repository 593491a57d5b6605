"""Exports that are computed: calendars of the zones in use, the rate book, and what models are priced as.

Belongs here: when these files are written again, and the digests a build remembers of them. Does not belong here: their
content (`pipelines.calendar`, `pipelines.rates`) and exports read from the app database (`pipelines.control_plane`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path

import pyarrow as pa

from pipelines.calendar import DAYS_AHEAD, write_local_days
from pipelines.export_tables import table_digest
from pipelines.lake.arrow import compute, parquet
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home
from pipelines.lake.rate_book import Rate
from pipelines.model_pairs import Pair
from pipelines.rates.export import write_model_aliases, write_rate_book
from pipelines.whole_files import Identity, identity

# What this process wrote last, and the file it became: these take a tenth of a second each and seldom change.
_written: dict[Path, tuple[object, Identity | None]] = {}
_versions: dict[Home, str] = {}


def _stands(path: Path, content: object) -> bool:
    """Whether the file is still the one this process wrote with this content; one that was damaged is not."""
    now = identity(path)
    return now is not None and _written.get(path) == (content, now)


def _remember(path: Path, content: object) -> None:
    _written[path] = content, identity(path)


@dataclass(frozen=True)
class Calendar:
    """The local days on disk.

    Attributes:
        days: columns of `local_days.parquet`.
        until: its last local day.
    """

    days: pa.Table
    until: date

    def digests(self, up_to: date) -> dict[str, str]:
        """Return, per zone, a digest of its days up to `up_to`: when each begins and ends."""
        days = self.days.filter(compute.less_equal(self.days["local_day"], pa.scalar(up_to)))
        digests: dict[str, str] = {}
        for zone in sorted({str(one) for one in days["time_zone"].to_pylist()}):
            one = days.filter(compute.equal(days["time_zone"], zone))
            bounds = [one[name].cast(pa.int64()).to_pylist() for name in ("starts_at", "ends_at")]
            digests[zone] = hashlib.sha256(repr(bounds).encode()).hexdigest()
        return digests


@dataclass(frozen=True)
class Prices:
    """The prices on disk.

    Attributes:
        version: of the rate book.
        models: `provider/model` as landed to the priced model, empty when none is known.
        digests: of the two exports.
    """

    version: str
    models: dict[str, str]
    digests: dict[str, str]


def export_calendar(home: Home, time_zones: Iterable[str], clock: Clock) -> Calendar:
    """Write the calendar of every zone in use, up to a few days from now.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: a workspace names a zone that is not known.
    """
    path = home.exports / "local_days.parquet"
    now = clock.now()
    zones = tuple(sorted(set(time_zones)))
    wanted = (zones, now.astimezone(UTC).date())
    if not _stands(path, wanted):
        write_local_days(path, zones, now=now)
        _remember(path, wanted)
    return Calendar(parquet.read_table(path), wanted[1] + timedelta(days=DAYS_AHEAD))


def export_prices(home: Home, pairs: Sequence[Pair], clock: Clock, negotiated: Sequence[Rate] = ()) -> Prices:
    """Write the rate book and what every model that ever landed is priced as.

    Args:
        home: where the files go.
        pairs: every (provider, model) that ever landed.
        clock: tells since when prices are known.
        negotiated: the workspaces' own rates in force.

    Raises:
        ValueError: the bundled prices hold one that the book cannot express.
    """
    book, aliases = home.exports / "rate_book.parquet", home.exports / "model_aliases.parquet"
    version, rates = _versions.get(home, ""), tuple(negotiated)
    if not version or not _stands(book, rates):
        version = _versions[home] = write_rate_book(book, now=clock.now(), negotiated=negotiated)
        _remember(book, rates)
    wanted = tuple(pairs)
    if not _stands(aliases, wanted):
        write_model_aliases(aliases, pairs)
        _remember(aliases, wanted)
    table = parquet.read_table(aliases)
    names = zip(*(table[column].to_pylist() for column in ("provider", "model", "model_ref")), strict=True)
    models = {f"{provider}/{model}": ref or "" for provider, model, ref in names}
    return Prices(version, models, {"rate_book": version, "model_aliases": table_digest(table)})
