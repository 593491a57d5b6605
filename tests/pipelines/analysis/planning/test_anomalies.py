"""Hours that stand out, on made-up weeks."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipelines.analysis.planning.rendered import ACME, ANOMALIES, Warehouse


def at(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return an instant of 2026 as marts hold it: UTC without a zone."""
    return datetime.fromisoformat(f"2026-{month:02}-{day:02}T{hour:02}:{minute:02}")


NOW = at(6, 15, 12)
WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
DOLLAR = 100_000


def warehouse(zone: str = "UTC", now: datetime = NOW) -> Warehouse:
    return Warehouse(zone, as_of=str(now), data_as_of=str(now))


def working_hours(of: Warehouse, amount: int = DOLLAR, *, weeks: int = 9, until: datetime = NOW) -> None:
    """Add `amount` for nine hours of each working day of the weeks before."""
    first = until.replace(hour=0) - weeks * WEEK
    days = (first + timedelta(days=number) for number in range(7 * weeks))
    of.hours((day + hour * HOUR, amount) for day in days if day.isoweekday() < 6 for hour in range(9, 18))


def found(of: Warehouse) -> list[tuple[datetime, int, int]]:
    of.build(ANOMALIES)
    rows = of.all("from mart_spend_anomalies order by hour_starts_at")
    return [(row["hour_starts_at"], row["spent_millicents"], row["expected_millicents"]) for row in rows]


def test_an_hour_far_above_its_weeks_is_found_with_the_requests_behind_it() -> None:
    of, hour = warehouse(), at(6, 15, 10)
    working_hours(of)
    of.hour(hour, 40 * DOLLAR)
    of.hour(hour + timedelta(minutes=45), 10 * DOLLAR, requests=6)
    of.add(
        "published.fct_requests",
        [
            {
                "request_id": f"00000000-0000-4000-8000-00000000000{number}", "workspace_id": ACME, "project": "api",
                "provider": "openai", "model": "m", "spend_kind": "metered", "cost_logged_millicents": cost,
                "requested_at": hour + timedelta(minutes=9 * number),
            }
            for number, cost in enumerate([10, None, 40, 20, 30, 25, 50])
        ],
    )  # fmt: skip
    assert found(of) == [(hour, 50 * DOLLAR, DOLLAR)]
    row = of.one("from mart_spend_anomalies")
    assert (row["baseline"], row["weeks_compared"], row["requests"]) == ("hour_of_week", 8, 7)
    # 1 USD and six tenths of it: the median never varies.
    assert row["limit_millicents"] == 160_000
    # The seventh request is of the 54th minute; the dearest five of the hour, and no more.
    assert [str(one)[-1] for one in row["sample_request_ids"]] == ["6", "2", "4", "5", "3"]


def test_an_hour_that_is_dear_every_week_is_usual() -> None:
    """A batch on Monday nights costs twenty times a working hour, and always did."""
    of = warehouse()
    working_hours(of)
    of.hours((at(6, 15, 2) - weeks * WEEK, 20 * DOLLAR) for weeks in range(10))
    assert found(of) == []
    of.hour(at(6, 14, 2), 20 * DOLLAR)  # on a Sunday it is not
    assert found(of) == [(at(6, 14, 2), 20 * DOLLAR, 0)]


def test_usual_spend_at_an_unusual_hour_is_no_anomaly() -> None:
    of = warehouse()
    working_hours(of)
    of.hour(at(6, 14, 3), DOLLAR)
    assert found(of) == []


def test_less_than_a_dollar_is_worth_no_word() -> None:
    of = warehouse()
    working_hours(of, amount=100)
    of.hour(at(6, 15, 10), DOLLAR + 99)
    assert found(of) == []
    of.hour(at(6, 15, 10, 15), 1)
    assert found(of) == [(at(6, 15, 10), DOLLAR + 100, 100)]


def test_a_young_project_is_compared_with_all_its_hours_once_there_are_a_day_of_them() -> None:
    for active, anomalies in ((22, 0), (23, 1)):  # the hour itself is one of them
        of, first = warehouse(), at(6, 10)
        of.hours((first + number * HOUR, DOLLAR) for number in range(active))
        of.hour(first + 30 * HOUR, 50 * DOLLAR)
        assert len(found(of)) == anomalies
    assert of.one("select baseline, weeks_compared from mart_spend_anomalies") == {
        "baseline": "all_hours",
        "weeks_compared": 0,
    }


def test_one_mad_week_before_does_not_hide_the_next() -> None:
    """What is compared with is the median: half the weeks may be out of the ordinary."""
    of, hour = warehouse(), at(6, 15, 10)
    working_hours(of)
    of.hours((hour - weeks * WEEK + timedelta(minutes=15), 60 * DOLLAR) for weeks in (1, 3, 5))
    of.hour(hour, 50 * DOLLAR)
    assert (hour, 50 * DOLLAR, DOLLAR) in found(of)


@pytest.mark.parametrize(
    ("zone", "change", "local_hour"),
    [("Europe/Berlin", at(3, 29), 9), ("Europe/Berlin", at(10, 25), 9)],
)
def test_hours_are_those_of_the_clock_on_the_wall_when_it_changes(zone: str, change: datetime, local_hour: int) -> None:
    """Nine o'clock costs five dollars every day, all others one: on both sides of the change it is nine o'clock."""
    now = change + timedelta(days=4)
    of = warehouse(zone, now)
    of.connection.execute(
        "insert into published.mart_spend_15min by name select ?::uuid as workspace_id, 'api' as project,"
        " 'openai' as provider, 'm' as model, 'metered' as spend_kind, begins as bucket_starts_at,"
        " begins::date as utc_day, 1 as requests, 0 as unpriced_requests,"
        " if(hour(timezone(?, timezone('UTC', begins))) = ?, 5, 1) * 100000 as cost_logged_millicents"
        " from range(?::timestamp - interval 70 day, ?::timestamp, interval 1 hour) as hours(begins)",
        [str(ACME), zone, local_hour, now, now],
    )
    assert found(of) == []
    # Every instant is in one hour, and every bucket's hour begins on the hour of the wall's clock.
    rows = of.all("select hour_starts_at, local_hour_at from int_spend_hours")
    assert len({row["hour_starts_at"] for row in rows}) == len(rows) == 70 * 24
    repeated = len(rows) - len({row["local_hour_at"] for row in rows})
    assert repeated == (1 if change.month == 10 else 0)


def test_half_hour_zones_have_hours_of_their_own() -> None:
    of = warehouse("Asia/Kolkata")
    # 11:45 to 12:45, and 13:00 there
    of.hours((at(6, 15, 6) + timedelta(minutes=minutes), 7) for minutes in (15, 30, 45, 75, 90))
    of.build(ANOMALIES)
    rows = of.all("select hour_starts_at, local_hour_at, spent_millicents from int_spend_hours order by 1")
    assert [(row["hour_starts_at"].strftime("%H:%M"), row["spent_millicents"]) for row in rows] == [
        ("05:30", 7),
        ("06:30", 21),
        ("07:30", 7),
    ]


def test_without_rows_and_with_costs_unknown_there_are_none() -> None:
    of = warehouse()
    assert found(of) == []
    of.hours(((NOW - number * HOUR, 0) for number in range(100)), requests=50)
    assert found(of) == []
    empty = Warehouse(as_of=str(NOW))
    empty.connection.execute("update published.build_info set data_as_of = null")
    assert found(empty) == []


@settings(max_examples=10)
@given(
    usual=st.lists(st.integers(0, 3 * DOLLAR), min_size=30, max_size=60),
    weeks=st.lists(st.integers(0, 30 * DOLLAR), min_size=8, max_size=8),
    spent=st.integers(0, 60 * DOLLAR),
)
def test_any_series_is_judged_as_plain_statistics_say(usual: list[int], weeks: list[int], spent: int) -> None:
    of, hour = warehouse(), at(6, 15, 11)
    first = hour - 8 * WEEK
    of.hours((first + number * HOUR + HOUR, amount) for number, amount in enumerate(usual))
    of.hours((hour - (number + 1) * WEEK, amount) for number, amount in enumerate(weeks))
    of.hour(hour, spent)
    active = [one for one in (*usual, *weeks, spent) if one > 0]

    def limit(values: list[int]) -> float:
        middle = median(values)
        return middle + 6 * max(1.4826 * median(abs(one - middle) for one in values), 0.1 * middle)

    expected = median(weeks)
    stands_out = len(active) >= 24 and spent > max(limit(active), limit(weeks)) + 1
    is_usual = len(active) < 24 or spent < max(limit(active), limit(weeks))
    judged = [one for one in found(of) if one[0] == hour]
    if stands_out and spent - expected >= DOLLAR + 1:
        assert judged == [(hour, spent, pytest.approx(expected, abs=1))]
    if is_usual or spent - expected < DOLLAR - 1:
        assert judged == []
