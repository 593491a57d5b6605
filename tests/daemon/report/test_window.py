"""Spans of time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import DAY, to_micros
from daemon.report.window import QUARTER, Window, WindowError, last, parse_window, parse_zone, today
from tests.daemon.report.made_calls import NOON, NOON_US


def window(since: str | None = None, first: str | None = None, end: str | None = None, zone: str = "UTC") -> Window:
    return parse_window(since, first, end, NOON, parse_zone(zone))


@pytest.mark.parametrize(("since", "days"), [(None, 30), ("7d", 7), ("24h", 1), ("4w", 28), (" 2D ", 2)])
def test_a_span_ends_now_and_has_its_length(since: str | None, days: int):
    found = window(since)
    assert (found.to_us, found.to_us - found.from_us) == (NOON_US + 1, days * DAY)
    assert found.span_days == days
    assert found.open_ended


def test_days_are_whole_and_the_last_one_is_inside():
    found = window(None, "2026-06-01", "2026-06-30")
    assert (found.from_us, found.to_us) == (
        to_micros(datetime(2026, 6, 1, tzinfo=UTC)),
        to_micros(datetime(2026, 7, 1, tzinfo=UTC)),
    )
    assert (found.span_days, found.last_day.isoformat(), len(found.days())) == (30, "2026-06-30", 30)
    assert not found.open_ended


def test_days_are_those_of_the_zone_also_when_the_clocks_change():
    found = window(None, "2026-03-08", "2026-03-08", zone="America/New_York")
    assert found.to_us - found.from_us == DAY * 23 // 24
    assert found.from_us == to_micros(datetime(2026, 3, 8, 5, tzinfo=UTC))
    assert [day.isoformat() for day in found.days()] == ["2026-03-08"]


def test_an_instant_is_exact_and_without_a_zone_utc():
    found = window(None, "2026-06-01T10:00:00+02:00", "2026-06-01T09:00:00")
    assert (found.to_us - found.from_us) * 24 == DAY


def test_today_begins_at_midnight_of_the_zone():
    assert today(NOON, UTC).from_us == NOON_US - DAY // 2
    assert window("today", zone="Asia/Kolkata").from_us == to_micros(datetime(2026, 6, 30, 18, 30, tzinfo=UTC))
    assert 0 < NOON_US - today(NOON, None).from_us <= DAY * 25 // 24


def test_the_window_before_is_as_long_and_ends_where_this_one_begins():
    now, before = last(7 * DAY, NOON), last(7 * DAY, NOON).previous()
    assert (before.to_us, before.to_us - before.from_us) == (now.from_us, 7 * DAY)


@pytest.mark.parametrize(
    "asked",
    [
        ("7",),
        ("0d",),
        ("-1d",),
        ("7 days",),
        ("999999w",),
        ("\u0667d",),
        ("",),
        ("7d", "2026-06-01"),
        ("7d", None, "2026-06-01"),
        (None, None, "2026-06-01"),
        (None, "2026-06-31"),
        (None, "yesterday"),
        (None, "2026-07-02"),
        (None, "2026-06-02", "2026-06-01"),
        (None, "1969-12-31", "2026-06-01"),
        (None, "0001-01-01"),
        (None, "2026-06-01", "9999-12-31"),
    ],
)
def test_what_cannot_be_understood_is_refused(asked: tuple[str | None, ...]):
    since, first, end = (*asked, None, None)[:3]
    with pytest.raises(WindowError):
        window(since, first, end)


@pytest.mark.parametrize("name", ["Mars/Phobos", "../../etc/passwd", "", "\x00", "Europe/Berlin\x1b[2J", "a" * 5000])
def test_a_zone_nobody_knows_is_refused(name: str):
    with pytest.raises(WindowError):
        parse_zone(name)


@given(st.text())
def test_any_text_is_a_span_or_refused(text: str):
    try:
        found = window(text)
    except WindowError:
        return
    assert found.from_us < found.to_us


@given(st.integers(1, 400), st.sampled_from(["UTC", "Asia/Kolkata", "Australia/Eucla", "America/St_Johns"]))
def test_slots_lie_within_a_day_of_the_zone(days: int, zone: str):
    found = last(days * DAY, NOON, parse_zone(zone))
    start = found.from_us // found.slot_us * found.slot_us
    assert found.day_of(start) == found.day_of(start + found.slot_us - 1)
    assert found.slot_us in {QUARTER, DAY}
