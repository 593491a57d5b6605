"""Days as people in a time zone live them, as exact UTC intervals.

Belongs here: the calendar of reporting zones, daylight saving included, and its Parquet file. Does not belong here: the
wall clock (`pipelines.lake.clock`) and roll-ups by day (`dbt_project`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from pipelines.lake.schema import INSTANT
from pipelines.rates.export import write_table

FIRST_DAY = date(2020, 1, 1)
"""Calls before this UTC day are quarantined; the calendar starts a day earlier for zones ahead of UTC."""
DAYS_AHEAD = 3

LOCAL_DAYS_SCHEMA = pa.schema(
    [
        pa.field("time_zone", pa.string(), nullable=False),
        pa.field("local_day", pa.date32(), nullable=False),
        pa.field("local_month", pa.date32(), nullable=False),
        pa.field("starts_at", INSTANT, nullable=False),
        pa.field("ends_at", INSTANT, nullable=False),
    ]
)


@dataclass(frozen=True)
class LocalDay:
    """One calendar day in a zone: [starts_at, ends_at) in UTC, 23 to 25 hours long."""

    time_zone: str
    local_day: date
    starts_at: datetime
    ends_at: datetime

    @property
    def local_month(self) -> date:
        """First day of the day's month."""
        return self.local_day.replace(day=1)


def day_start(zone: ZoneInfo, day: date) -> datetime:
    """Return the first instant of a local day, UTC.

    Where clocks skip midnight (Cairo, Santiago) the day starts at the jump: `fold=0` reads a skipped time by the
    offset before it, which is that very instant. Where midnight happens twice the day starts at the first.
    """
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def local_days(time_zone: str, first: date, last: date) -> Iterator[LocalDay]:
    """Yield the days of a zone.

    Args:
        time_zone: IANA name.
        first: first local day.
        last: last local day, included.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: no such zone.
    """
    zone = ZoneInfo(time_zone)
    starts_at, day = day_start(zone, first), first
    while day <= last:
        following = day + timedelta(days=1)
        ends_at = day_start(zone, following)
        if ends_at > starts_at:  # A zone that crosses the date line may skip a day altogether.
            yield LocalDay(time_zone, day, starts_at, ends_at)
        starts_at, day = ends_at, following


def write_local_days(path: Path, time_zones: Iterable[str], *, now: datetime) -> None:
    """Write the calendar of every reporting zone in use.

    Args:
        path: `local_days.parquet`, replaced atomically.
        time_zones: IANA names, repeats allowed.
        now: instant, aware; the calendar ends `DAYS_AHEAD` days later.
    """
    first, last = FIRST_DAY - timedelta(days=1), now.astimezone(UTC).date() + timedelta(days=DAYS_AHEAD)
    days = [day for zone in sorted(set(time_zones)) for day in local_days(zone, first, last)]
    columns = [pa.array([getattr(day, field.name) for day in days], field.type) for field in LOCAL_DAYS_SCHEMA]
    write_table(path, pa.Table.from_arrays(columns, schema=LOCAL_DAYS_SCHEMA))
