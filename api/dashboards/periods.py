"""Which days and instants a dashboard covers.

Belongs here: local days of a workspace's zone, the ranges of the filter rail resolved at an instant, and the period
each is compared with. Does not belong here: parsing the query string (`filters`) and reading the clock (the caller
hands the instant in).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

DAY: Final = timedelta(days=1)
BUCKET: Final = timedelta(minutes=15)
"""Grain of the finest roll-up; every zone's days begin on one of its edges."""
BUCKETS_PER_24_HOURS: Final = 96
_MINUTE: Final = timedelta(minutes=1)
_SEARCH_AROUND: Final = timedelta(hours=27)

Grain = Literal["day", "15min"]


class RangeName(StrEnum):
    """Date ranges of the filter rail."""

    LAST_24_HOURS = "last_24h"
    LAST_7_DAYS = "last_7d"
    LAST_30_DAYS = "last_30d"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    CUSTOM = "custom"


@dataclass(frozen=True)
class Span:
    """A stretch of time, [starts_at, ends_at).

    Attributes:
        grain: `day` when it is whole local days, `15min` when it is 15-minute buckets.
        first_day: first local day it touches.
        end_day: the local day after the last one it touches.
        starts_at: first instant, UTC.
        ends_at: instant after the last, UTC.
    """

    grain: Grain
    first_day: date
    end_day: date
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Period:
    """What a view covers.

    Attributes:
        current: the span asked for.
        previous: the span before it that it is compared with, aligned from its start.
        today: local day of the asking instant.
    """

    current: Span
    previous: Span
    today: date


@lru_cache(maxsize=20_000)
def day_start(day: date, time_zone: str) -> datetime:
    """Return the first UTC instant whose local date in `time_zone` is `day` or later.

    Midnight may not exist there (clocks go forward over it) or come twice; the answer is exact either way.
    """
    zone = ZoneInfo(time_zone)
    nominal = datetime(day.year, day.month, day.day, tzinfo=UTC)
    # Local dates only ever step back within one fall-back hour, never across the edge looked for in 27 hours around.
    low, high = 0, int(2 * _SEARCH_AROUND / _MINUTE)
    begin = nominal - _SEARCH_AROUND
    while low < high:
        middle = (low + high) // 2
        if (begin + middle * _MINUTE).astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle + 1
    return begin + low * _MINUTE


def local_day(instant: datetime, time_zone: str) -> date:
    """Return the date of an aware instant in `time_zone`."""
    return instant.astimezone(ZoneInfo(time_zone)).date()


def days_span(first: date, end: date, time_zone: str) -> Span:
    """Return the span of the local days [first, end)."""
    return Span("day", first, end, day_start(first, time_zone), day_start(end, time_zone))


def month_start(day: date) -> date:
    """Return the first day of the month of `day`."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """Return the first day of the month after that of `day`."""
    return month_start(month_start(day) + 31 * DAY)


def previous_month(day: date) -> date:
    """Return the first day of the month before that of `day`."""
    return month_start(month_start(day) - DAY)


def week_start(day: date) -> date:
    """Return the Monday of the ISO week of `day`."""
    return day - timedelta(days=day.weekday())


def bucket_start(instant: datetime) -> datetime:
    """Return the start of the 15-minute bucket that holds `instant`."""
    return instant - timedelta(minutes=instant.minute % 15, seconds=instant.second, microseconds=instant.microsecond)


def resolve(name: RangeName, first: date | None, last: date | None, now: datetime, time_zone: str) -> Period:
    """Return the period a range means at `now`.

    Days are the workspace's own. The period before is as long as the one asked for; that of the running month is the
    month before up to the same day, so that a part is never compared with a whole.

    Args:
        name: the range.
        first: first day of a custom range.
        last: last day of a custom range, inclusive.
        now: aware instant.
        time_zone: IANA name of the workspace's zone.

    Raises:
        ValueError: a custom range without its days.
    """
    today = local_day(now, time_zone)
    if name is RangeName.LAST_24_HOURS:
        return _last_24_hours(now, today, time_zone)
    begin, end, before, before_end = _days_of(name, first, last, today)
    return Period(days_span(begin, end, time_zone), days_span(before, before_end, time_zone), today)


def _days_of(name: RangeName, first: date | None, last: date | None, today: date) -> tuple[date, date, date, date]:
    """Return [begin, end) of the range and [begin, end) of the one before."""
    month = month_start(today)
    if name is RangeName.THIS_MONTH:
        before = previous_month(today)
        elapsed = today - month + DAY
        return month, next_month(today), before, min(before + elapsed, month)
    if name is RangeName.LAST_MONTH:
        begin = previous_month(today)
        return begin, month, previous_month(begin), begin
    if name is RangeName.CUSTOM:
        if first is None or last is None:
            raise ValueError("a custom range needs its first and last day")
        begin, end = first, last + DAY
    else:
        length = 7 if name is RangeName.LAST_7_DAYS else 30
        begin, end = today - (length - 1) * DAY, today + DAY
    return begin, end, begin - (end - begin), begin


def _last_24_hours(now: datetime, today: date, time_zone: str) -> Period:
    end = bucket_start(now.astimezone(UTC)) + BUCKET
    begin = end - BUCKETS_PER_24_HOURS * BUCKET
    return Period(
        _bucket_span(begin, end, time_zone),
        _bucket_span(begin - BUCKETS_PER_24_HOURS * BUCKET, begin, time_zone),
        today,
    )


def _bucket_span(begin: datetime, end: datetime, time_zone: str) -> Span:
    last_day = local_day(end - BUCKET, time_zone)
    return Span("15min", local_day(begin, time_zone), last_day + DAY, begin, end)
