"""Whatever a report groups by, the groups are the calls, each exactly once, to the millicent."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.calls.call import Call
from daemon.calls.tokens import as_reported
from daemon.clock import DAY, EPOCH
from daemon.report.csv_text import as_csv
from daemon.report.document import as_document
from daemon.report.groups import GROUPINGS, Grouping, rows_by, series
from daemon.report.reading import Report, read_report
from daemon.report.sums import SUMMED, Sums, total
from daemon.report.window import Window, last, parse_zone
from daemon.store.store import Store
from pipelines.lake.clock import FixedClock
from tests.daemon.report.made_calls import NOON, NOON_US, any_calls, made_call

ZONES = ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"]
MONIES = {
    None: "metered",
    "": "metered",
    "metered": "metered",
    "subscription_imputed": "imputed",
    "imported": "imported",
}
windows = st.builds(
    lambda days, zone: last(days * DAY, NOON, parse_zone(zone)), st.sampled_from([1, 2, 7, 30]), st.sampled_from(ZONES)
)


def report_of(calls: Sequence[Call], window: Window, **options: Any) -> Report:
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "db", FixedClock(NOON)) as store:
        store.add(calls)
        with closing(store.connection_for_reading()) as connection:
            return read_report(connection, window, **options)


def added(calls: Iterable[Call]) -> dict[str, int]:
    """Add calls up one by one, as a person would with a pencil."""
    sums = dict.fromkeys(SUMMED, 0)
    for call in calls:
        money = MONIES.get(call.billing_basis, "other")
        failed, unpriced = call.status != "success", call.cost_millicents is None
        counted = {
            "requests": 1,
            "error_requests": failed,
            "unpriced_requests": unpriced,
            "unpriced_error_requests": failed and unpriced,
            "incomplete_requests": not call.tokens_complete,
            f"{money}_requests": 1,
            f"{money}_millicents": call.cost_millicents or 0,
            **as_reported(call.provider, call.tokens)._asdict(),
            "uncached_input_tokens": call.tokens.uncached_input,
            "cache_write_5m_tokens": call.tokens.cache_write_5m,
            "cache_write_1h_tokens": call.tokens.cache_write_1h,
            "billable_output_tokens": call.tokens.output,
        }
        for name, number in counted.items():
            sums[name] += int(number)
    return sums


def figures(sums: Sums) -> dict[str, int]:
    return {name: getattr(sums, name) for name in SUMMED}


def key_of(call: Call, by: Grouping, window: Window) -> tuple[str, ...]:
    day = (EPOCH + timedelta(microseconds=call.requested_at_us)).astimezone(window.zone).date().isoformat()
    facts = {"project": call.project, "model": call.model, "provider": call.provider, "day": day}
    return tuple(facts[name] for name in GROUPINGS[by])


@settings(max_examples=60, deadline=None)
@given(calls=any_calls(), window=windows)
def test_every_group_is_the_plain_sum_of_its_calls_and_all_groups_are_the_total(calls: list[Call], window: Window):
    report = report_of(calls, window)
    inside = [call for call in calls if window.from_us <= call.requested_at_us < window.to_us]
    assert figures(total(report.parts)) == added(inside)
    for by in GROUPINGS:
        groups = {row.key: figures(row.sums) for row in rows_by(report, by)}
        wanted = {key_of(call, by, window) for call in inside}
        for key in wanted | groups.keys():
            assert groups[key] == added(call for call in inside if key_of(call, by, window) == key)
        for name in SUMMED:
            assert sum(group[name] for group in groups.values()) == getattr(total(report.parts), name)
        cells = series(report.parts, window, at_most=7)
        assert sum(cells) == total(report.parts).metered_millicents


@settings(max_examples=40, deadline=None)
@given(calls=any_calls(), window=windows, by=st.sampled_from(list(GROUPINGS)), compared=st.booleans())
def test_json_and_csv_say_the_same_and_add_up(calls: list[Call], window: Window, by: Grouping, compared: bool):  # noqa: FBT001 - hypothesis gives it by name
    report = report_of(calls, window, with_previous=compared)
    document = as_document(report, by=by)
    rows = document[f"by_{by}"]
    read = list(csv.DictReader(io.StringIO(as_csv(report, by), newline="")))
    summary = document["summary"]
    assert len(read) == len(rows)
    for shown, row in zip(read, rows, strict=True):
        for name, value in row.items():
            if isinstance(value, int):
                assert int(shown[name]) == value
            elif name.endswith("_usd"):
                assert Decimal(shown[name]) == Decimal(value)
                assert Decimal(value) * 100_000 == row[name.removesuffix("_usd") + "_millicents"]
    for name in ("requests", "input_tokens", "output_tokens", "cost_millicents", "subscription_imputed_millicents"):
        assert sum(int(one[name]) for one in read) == summary[name]
    assert sum((Decimal(one["cost_usd"]) for one in read), Decimal(0)) == Decimal(summary["cost_usd"])
    buckets = [one for project in document["by_project"] for one in project["daily_cost_buckets"]]
    assert sum(one["cost_millicents"] for one in buckets) == summary["cost_millicents"]
    assert sum(one["requests"] for one in buckets) == summary["requests"]
    if compared and by != "day":
        before = [call for call in calls if window.previous().from_us <= call.requested_at_us < window.from_us]
        assert sum(row["prev_cost_millicents"] for row in rows) == summary["prev_total_cost_millicents"]
        assert summary["prev_total_cost_millicents"] == added(before)["metered_millicents"]
        assert summary["prev_total_requests"] == len(before)


@settings(max_examples=60, deadline=None)
@given(latencies=st.lists(st.floats(0, 1e9), min_size=1, max_size=60))
def test_p95_is_the_nearest_rank_of_the_calls_that_succeeded(latencies: list[float]):
    calls = [made_call(number, latency_ms=one) for number, one in enumerate(latencies, 1)]
    calls.append(made_call(10**6, latency_ms=1e9, status="error"))
    sums = total(report_of(calls, last(DAY, NOON)).parts)
    exact = sorted(latencies)[math.ceil(Decimal(95) * len(latencies) / 100) - 1]
    shown = sums.p95_latency_ms()
    assert shown is not None
    assert abs(shown - exact) <= 0.000_6 + exact * 1e-12


@pytest.mark.parametrize(
    ("calls", "rank"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20), (40, 38), (100, 95), (101, 96)]
)
def test_p95_is_the_rank_that_95_of_100_do_not_exceed(calls: int, rank: int):
    made = [made_call(number, latency_ms=float(number)) for number in range(1, calls + 1)]
    assert total(report_of(made, last(DAY, NOON)).parts).p95_latency_ms() == rank


def test_where_no_call_succeeded_there_is_no_latency():
    sums = total(report_of([made_call(status="error")], last(DAY, NOON)).parts)
    assert (sums.p95_latency_ms(), sums.average_latency_ms()) == (None, None)


def test_a_call_at_the_first_instant_is_inside_and_one_at_the_last_is_not():
    window = Window(from_us=NOON_US - 10, to_us=NOON_US)
    calls = [made_call(1, age_us=11), made_call(2, age_us=10), made_call(3, age_us=1), made_call(4, age_us=0)]
    assert total(report_of(calls, window).parts).requests == 2


def test_calls_with_a_time_yet_to_come_are_counted_apart():
    report = report_of([made_call(1), made_call(2, age_us=-DAY)], last(DAY, NOON))
    assert (total(report.parts).requests, report.later_requests) == (1, 1)
    closed = Window(from_us=NOON_US - DAY, to_us=NOON_US)
    assert report_of([made_call(2, age_us=-DAY)], closed).later_requests == 0


def test_a_project_is_found_in_any_case_and_its_name_is_never_sql():
    calls = [made_call(1), made_call(2, project="web"), made_call(3, project="x' OR '1'='1")]
    window = last(DAY, NOON)
    assert total(report_of(calls, window, project="ACME-api").parts).requests == 1
    assert total(report_of(calls, window, project="x' OR '1'='1").parts).requests == 1
    assert total(report_of(calls, window, project="' OR 1=1 --").parts).requests == 0


def test_a_group_that_only_was_there_before_is_listed_with_what_it_cost_then():
    report = report_of(
        [made_call(1, project="new"), made_call(2, project="gone", age_us=DAY + 100)],
        last(DAY, NOON),
        with_previous=True,
    )
    rows = {
        row.key[0]: (row.sums.requests, row.before.requests if row.before else 0) for row in rows_by(report, "project")
    }
    assert rows == {"new": (1, 0), "gone": (0, 1)}


def test_days_on_which_nothing_happened_are_listed_in_order():
    days = [row.key[0] for row in rows_by(report_of([made_call(age_us=DAY)], last(3 * DAY, NOON)), "day")]
    assert days == ["2026-06-28", "2026-06-29", "2026-06-30", "2026-07-01"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "a;=1", "\t=1", "＝1", '"=1'])  # noqa: RUF001 - a full-width twin
def test_no_cell_of_the_csv_is_a_formula(text: str):
    read = next(csv.DictReader(io.StringIO(as_csv(report_of([made_call(project=text)], last(DAY, NOON)), "project"))))
    assert "'" in read["project"]
    assert not any(part.lstrip(' "').startswith(("=", "+", "-", "@")) for part in read["project"].split(";"))


def test_the_csv_of_nothing_has_a_header():
    columns: Callable[[str], list[str]] = lambda text: next(csv.reader(io.StringIO(text)))  # noqa: E731
    some = as_csv(report_of([made_call()], last(DAY, NOON)), "model")
    none = as_csv(report_of([], last(DAY, NOON)), "model")
    assert columns(some) == columns(none)
    assert columns(none)[:2] == ["model", "provider"]
