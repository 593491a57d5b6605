"""Local days as exact UTC intervals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.calendar import local_days, write_local_days

NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
ZONES = ["UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"]
ZONES += ["Pacific/Chatham", "Pacific/Kiritimati", "Africa/Cairo", "America/Santiago", "America/Havana", "Asia/Tehran"]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", date(2026, 3, 8), 24),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Asia/Kolkata", date(2026, 11, 1), 24),
        # Clocks jump at midnight itself: the day starts at one.
        ("America/Santiago", date(2026, 9, 6), 23),
        ("Africa/Cairo", date(2026, 4, 24), 23),
    ],
)
def test_days_are_as_long_as_clocks_say(zone: str, day: date, hours: float):
    (only,) = local_days(zone, day, day)
    assert only.ends_at - only.starts_at == timedelta(hours=hours)
    assert only.starts_at.astimezone(ZoneInfo(zone)).date() == day
    assert (only.starts_at - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() == day - timedelta(days=1)


@pytest.mark.parametrize("zone", ZONES)
def test_days_follow_each_other_on_quarter_hours(zone: str):
    days = list(local_days(zone, date(2019, 12, 31), date(2027, 1, 1)))
    assert all(a.ends_at == b.starts_at for a, b in pairwise(days))
    assert all(day.starts_at.minute % 15 == 0 and day.starts_at.second == 0 for day in days)


@given(st.sampled_from(ZONES), st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 23), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_falls_in_the_day_the_zone_says(zone: str, instant: datetime):
    day = instant.astimezone(ZoneInfo(zone)).date()
    (only,) = local_days(zone, day, day)
    assert only.starts_at <= instant < only.ends_at


def test_the_file_covers_every_acceptable_instant_in_every_zone(tmp_path: Path):
    path = tmp_path / "local_days.parquet"
    write_local_days(path, ["Pacific/Kiritimati", "Pacific/Niue", "Pacific/Niue"], now=NOW)
    rows = pq.read_table(path).to_pylist()
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        days = [row for row in rows if row["time_zone"] == zone]
        assert days[0]["starts_at"] <= datetime(2020, 1, 1, tzinfo=UTC)
        assert days[-1]["ends_at"] > NOW + timedelta(hours=48)
        assert len({row["local_day"] for row in days}) == len(days)
    assert {row["local_month"] for row in rows if row["local_day"].month == 2} >= {date(2020, 2, 1)}


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(ZoneInfoNotFoundError):
        list(local_days("Mars/Olympus", date(2026, 1, 1), date(2026, 1, 1)))
