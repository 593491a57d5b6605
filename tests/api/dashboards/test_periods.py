"""Days and ranges in zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboards.periods import DAY, RangeName, day_start, local_day, resolve, week_start
from pipelines.lake.clock import from_micros

ZONES = (
    "UTC",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "America/Havana",
    "America/Scoresbysund",
    "Asia/Beirut",
    "America/Santiago",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)
DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
INSTANTS = st.integers(1_580_515_200_000_000, 2_080_080_000_000_000).map(from_micros)
MICROSECOND = timedelta(microseconds=1)


@given(DAYS, st.sampled_from(ZONES))
def test_a_day_begins_at_its_first_instant(day: date, zone: str):
    begin = day_start(day, zone)
    assert local_day(begin, zone) >= day
    assert local_day(begin - MICROSECOND, zone) < day


@given(DAYS, st.sampled_from(ZONES))
def test_days_begin_on_quarter_hours(day: date, zone: str):
    begin = day_start(day, zone)
    assert begin.minute % 15 == begin.second == begin.microsecond == 0


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Asia/Kathmandu", date(2026, 3, 8), 24),
        ("Africa/Cairo", date(2026, 4, 24), 23),
    ],
)
def test_days_have_the_hours_they_have(zone: str, day: date, hours: float):
    assert day_start(day + DAY, zone) - day_start(day, zone) == timedelta(hours=hours)


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from([*RangeName]))
def test_periods_are_whole_and_meet_the_one_before(now: datetime, zone: str, name: RangeName):
    today = local_day(now, zone)
    period = resolve(name, today - 10 * DAY, today - 3 * DAY, now, zone)
    current, previous = period.current, period.previous
    assert previous.starts_at < previous.ends_at <= current.starts_at < current.ends_at
    assert period.today == now.astimezone(ZoneInfo(zone)).date()
    if current.grain == "day":
        assert current.starts_at == day_start(current.first_day, zone)
        assert current.ends_at == day_start(current.end_day, zone)
    else:
        assert current.starts_at <= now < current.ends_at
        assert current.ends_at - current.starts_at == timedelta(hours=24) == previous.ends_at - previous.starts_at
    if name not in {RangeName.LAST_MONTH, RangeName.CUSTOM}:
        assert current.starts_at <= now < current.ends_at


@given(INSTANTS, st.sampled_from(ZONES))
def test_the_running_month_is_compared_with_as_many_days_of_the_last(now: datetime, zone: str):
    period = resolve(RangeName.THIS_MONTH, None, None, now, zone)
    elapsed = period.today - period.current.first_day + DAY
    compared = period.previous.end_day - period.previous.first_day
    assert compared == min(elapsed, period.current.first_day - period.previous.first_day)
    assert period.previous.first_day.day == 1


@given(DAYS)
def test_weeks_begin_on_monday(day: date):
    assert week_start(day).isocalendar()[:3] == (*day.isocalendar()[:2], 1)


def test_a_custom_range_needs_its_days():
    with pytest.raises(ValueError, match="first and last"):
        resolve(RangeName.CUSTOM, None, None, datetime(2026, 1, 1, tzinfo=UTC), "UTC")
