"""What people see fits their terminal, says the truth, and takes no orders from names."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from daemon.calls.call import Call
from daemon.clock import DAY
from daemon.report.columns import fitted
from daemon.report.groups import GROUPINGS, Grouping
from daemon.report.live import Moment, moment_line, moment_lines
from daemon.report.money import change, digits_for, dollars, percent, usd
from daemon.report.reading import Report
from daemon.report.screen import report_lines
from daemon.report.shapes import ago, bar, count, duration, sparkline
from daemon.report.table import Look
from daemon.report.window import last
from daemon.wire.record import MILLICENTS_MAX
from tests.daemon.report.conftest import Reader
from tests.daemon.report.made_calls import NOON, NOON_US, any_calls, made_call
from tests.daemon.report.test_sums import report_of

MONTH = last(30 * DAY, NOON)


def text_of(report: Report, width: int = 80, by: Grouping = "project", **look: object) -> str:
    shown = report_lines(report, Look(width=width, by=by, **look), now_us=NOON_US)  # type: ignore[arg-type]
    assert all(line.cell_len <= width for line in shown), [line.plain for line in shown if line.cell_len > width]
    return "\n".join(line.plain for line in shown)


@settings(max_examples=60, deadline=None)
@given(
    calls=any_calls(),
    width=st.sampled_from([30, 40, 57, 80, 120, 200]),
    by=st.sampled_from(list(GROUPINGS)),
    top=st.sampled_from([0, 1, 20]),
    compared=st.booleans(),
    height=st.integers(1, 60),
)
def test_no_line_is_wider_than_the_terminal_and_no_name_reaches_it_raw(
    calls: list[Call],
    width: int,
    by: Grouping,
    top: int,
    compared: bool,  # noqa: FBT001 - hypothesis gives it by name
    height: int,
):
    report = report_of(calls, MONTH, with_previous=compared)
    shown = text_of(report, width, by, top=top)
    moment = Moment(now=NOON, day=report, hour=report, calls=calls)
    lines = moment_lines(moment, width=width, height=height)
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    everything = [*shown.split("\n"), *(line.plain for line in lines), moment_line(moment)]
    assert all(line.isprintable() for line in everything)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_name_and_amount_are_there_at_every_width(read: Reader, width: int):
    shown = text_of(read(MONTH, [made_call(1, cost_millicents=123_456_789), made_call(2, project="web")]), width)
    assert "$1,234.57" in shown
    assert "acme-api" in shown
    assert "total" in shown
    assert ("trend" in shown) == (width >= 80)


def test_three_monies_stand_apart(read: Reader):
    kinds = [None, "subscription_imputed", "imported"]
    calls = [made_call(n, billing_basis=kind, cost_millicents=n * 100_000) for n, kind in enumerate(kinds, 1)]
    shown = text_of(read(MONTH, calls), 120)
    assert "$1.00 metered, 1 call\n" in shown
    assert "$2.00 at list prices, covered by a subscription, 1 call\n" in shown
    assert "$3.00 imported, 1 call\n" in shown
    assert "$6.00" not in shown
    assert "$3.00 metered" not in shown


def test_an_unknown_price_is_a_question_mark_and_said_below(read: Reader):
    unpriced = {"project": "lab", "model": "grok-9", "cost_millicents": None}
    shown = text_of(read(MONTH, [made_call(1), made_call(2, **unpriced), made_call(3, **unpriced, status="error")]))
    row = next(line for line in shown.split("\n") if line.startswith("lab"))
    assert "?" in row.split()
    assert "$" not in row
    assert "1 call of unknown price, in no amount: grok-9 (1)." in shown


def test_failures_are_counted_with_their_reasons_and_are_no_unknown_price(read: Reader):
    failed = {"status": "error", "cost_millicents": None}
    calls = [made_call(1, **failed, error_class="rate_limit"), made_call(2, **failed), made_call(3)]
    shown = text_of(read(MONTH, calls))
    assert "2 calls failed: rate_limit (1), unknown (1)." in shown
    assert "unknown price" not in shown


def test_a_project_whose_priced_calls_failed_free_of_charge_costs_nothing_rather_than_something_unknown(read: Reader):
    calls = [made_call(1), made_call(2, project="lab", status="error", cost_millicents=None)]
    row = next(line for line in text_of(read(MONTH, calls)).split("\n") if line.startswith("lab"))
    assert "?" not in row


def test_an_amount_too_long_for_the_terminal_is_seen_to_be_cut(read: Reader):
    calls = [made_call(n, cost_millicents=MILLICENTS_MAX, billing_basis="imported") for n in range(1, 200)]
    calls += [made_call(n, cost_millicents=MILLICENTS_MAX) for n in range(200, 400)]
    row = text_of(read(MONTH, calls, with_previous=True), 21).split("\n")[-1]
    assert row.endswith("…")


def test_what_is_not_billed_by_the_call_has_a_star_that_is_explained(read: Reader):
    calls = [made_call(1), made_call(2, billing_basis="subscription_imputed", project="sub")]
    report = read(MONTH, calls)
    shown = [
        [
            line.plain
            for line in moment_lines(Moment(now=NOON, day=report, hour=report, calls=some), width=80, height=40)
        ]
        for some in (calls, calls[:1])
    ]
    assert "* not billed by the call" in shown[0][0]
    assert [line for line in shown[0] if "*" in line][1:] == [next(line for line in shown[0] if "$0.00007*" in line)]
    assert not any("*" in line for line in shown[1])


def test_what_the_numbers_leave_out_is_said(read: Reader):
    shown = text_of(read(MONTH, [made_call(1, tokens_complete=False), made_call(2, age_us=-DAY)]))
    assert "1 call whose token counts may be partial." in shown
    assert "1 call with a time yet to come" in shown


def test_beyond_the_top_the_rest_is_one_row_that_keeps_the_total(read: Reader):
    calls = [made_call(n, project=f"p{n:02}", cost_millicents=n * 100_000) for n in range(1, 11)]
    report = read(MONTH, calls)
    shown = text_of(report, top=3)
    rest = next(line for line in shown.split("\n") if line.startswith("(7 more)"))
    assert "$28.00" in rest
    assert "p07" not in shown
    assert "more)" not in text_of(report, top=0)
    assert "more)" not in text_of(report, top=9), "a row for one more is the row itself"


def test_of_many_days_the_last_are_shown(read: Reader):
    shown = text_of(read(MONTH, [made_call()]), by="day", top=5)
    assert "2026-07-01" in shown
    assert "earlier)" in shown
    assert "2026-06-03" not in shown


def test_a_comparison_shows_before_and_change(read: Reader):
    calls = [made_call(1, cost_millicents=150_000), made_call(2, age_us=31 * DAY, cost_millicents=100_000)]
    shown = text_of(read(MONTH, calls, with_previous=True), 120)
    assert "$1.50 metered, 1 call; $1.00 in the same time before (+50.0 %)" in shown
    assert "+50.0 %" in next(line for line in shown.split("\n") if line.startswith("acme-api"))


def test_where_nothing_was_ever_recorded_the_next_steps_are_shown(read: Reader):
    shown = text_of(read(MONTH))
    assert "No call is on record yet" in shown
    assert all(f"halton-meter {word}" in shown for word in ("start", "run -- claude", "import claude-code"))


def test_where_only_the_time_is_empty_the_last_call_is_named(read: Reader):
    shown = text_of(read(last(DAY, NOON), [made_call(age_us=5 * DAY)]))
    assert "The last one was 5 days ago" in shown


def test_where_a_project_is_unknown_those_that_exist_are_named(read: Reader):
    report = read(MONTH, [made_call()], project="acmee")
    shown = report_lines(report, Look(width=80), now_us=NOON_US, projects=["acme-api"])
    assert "Projects on record: acme-api." in "\n".join(line.plain for line in shown)


def test_the_live_screen_shows_sums_projects_and_failures(read: Reader):
    calls = [
        made_call(1, cost_millicents=250_000),
        made_call(2, status="error", error_class="timeout", http_status=408),
    ]
    report = read(MONTH, calls)
    moment = Moment(now=NOON + timedelta(seconds=3), day=report, hour=report, calls=calls)
    shown = "\n".join(line.plain for line in moment_lines(moment, width=80, height=24))
    assert "$2.50 metered today, 2 calls" in shown
    assert "1 call failed today" in shown
    assert "timeout 408" in shown
    assert "3s ago" in shown


@given(st.text(), st.integers(0, 40), st.booleans())
def test_fitted_text_has_exactly_its_width(text: str, cells: int, right: bool):  # noqa: FBT001 - hypothesis gives it
    assert cell_len(fitted(text, cells, right=right)) == cells


@given(st.integers(-(10**15), 10**15))
def test_exact_amounts_round_trip(millicents: int):
    whole, _, part = usd(millicents).partition(".")
    assert len(part) == 5
    assert int(whole + part) == millicents


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (dollars(123_456_789), "$1,234.57"),
        (dollars(500), "<$0.01"),
        (dollars(501), "$0.01"),
        (dollars(1_500), "$0.02"),
        (dollars(0), "$0.00"),
        (dollars(3, digits_for(3)), "$0.00003"),
        (dollars(0, digits_for(0)), "$0.00"),
        (percent(1, 3), "33.3 %"),
        (percent(1, 10**6), "<0.1 %"),
        (percent(5, 0), "-"),
        (change(0, 0), "="),
        (change(5, 0), "new"),
        (change(0, 5), "gone"),
        (change(75, 100), "-25.0 %"),
        (change(10**6 + 1, 10**6), "+<0.1 %"),
        (change(5_000, 5), "x1,000"),
        (count(999), "999"),
        (count(1_000), "1.0k"),
        (count(999_999), "999k"),
        (count(10**18), "1,000,000T"),
        (duration(None), "-"),
        (duration(0.4), "0 ms"),
        (duration(999.4), "999 ms"),
        (duration(999.6), "1.0 s"),
        (duration(99_960), "1m40s"),
        (duration(3_600_000), "1h00m"),
        (ago(59), "59s ago"),
        (ago(-5), "0s ago"),
        (ago(-500), "not yet"),
        (ago(3 * 86_400), "3 days ago"),
        (bar(1, 10**9, 4), "▏   "),
        (bar(1, 1, 4), "████"),
        (bar(1, 10**9, 4, blocks=False), "#   "),
        (bar(0, 5, 4), "    "),
        (sparkline([0, 1, 50, 100]), "▁▂▅█"),
        (sparkline([0, 0]), "▁▁"),
        (sparkline([]), ""),
    ],
)
def test_values_in_a_few_characters(shown: str, expected: str):
    assert shown == expected
