"""Every provider's interface, served by a fake over one ledger: totals to the cent and to the picodollar."""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pipelines.billing.anthropic_analytics import USAGE_UNKNOWN
from pipelines.billing.anthropic_cost_report import PRIORITY_LEFT_OUT
from pipelines.billing.bills import TOKEN_KINDS
from pipelines.billing.xai_usage import CUT_SHORT
from pipelines.lake.bills import ConnectionKind
from tests.billing_fakes.ledger import ADMIN_KEY, seeded, used_of
from tests.conftest import on_sqlite
from tests.pipelines.billing.conftest import APPS, FIRST, LAST, Bills

ALL = list(APPS)
TELLS_TOKENS = [kind for kind in ALL if kind is not ConnectionKind.XAI_USAGE]
TELLS_REQUESTS = [ConnectionKind.ANTHROPIC_ANALYTICS, ConnectionKind.OPENAI_COSTS]
DAYS = (LAST - FIRST).days + 1

pytestmark = on_sqlite


def picousd(amount: Decimal) -> int:
    return int(amount.scaleb(12))


def by_day(bills: Bills) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in bills.lines():
        sums[line.first_day] = sums.get(line.first_day, 0) + line.amount_picousd
    return sums


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("exponents", [False, True])
def test_every_day_is_the_ledgers_to_the_picodollar(bills: Bills, kind: ConnectionKind, *, exponents: bool) -> None:
    fake, _ = bills.serve(kind)
    fake.knobs.exponents = exponents
    reading = bills.read()
    assert (reading.error, reading.recorded.new) == (None, DAYS)
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    assert by_day(bills) == {day.isoformat(): picousd(fake.ledger.amount(day, day)) for day in days}
    total = sum((Decimal(line.amount_text) for line in bills.lines()), Decimal(0))
    assert total == fake.ledger.amount(FIRST, LAST)
    assert f"{total:.2f}" == f"{fake.ledger.amount(FIRST, LAST):.2f}"


@pytest.mark.parametrize("kind", ALL)
def test_amounts_are_told_apart_by_model_key_and_kind(bills: Bills, kind: ConnectionKind) -> None:
    fake, _ = bills.serve(kind)
    bills.read()
    lines = [line for line in bills.lines() if line.amount_picousd]
    keys = {line.key_ref for line in lines}
    assert keys == ({None} if kind is ConnectionKind.ANTHROPIC_COST_REPORT else {"key_a", "key_b"})
    for model in {one.model for one in fake.ledger.used}:
        for token_kind in {one.kind for one in fake.ledger.used}:
            told = sum(one.amount_picousd for one in lines if (one.model, one.token_kind) == (model, token_kind))
            used = [one for one in fake.ledger.used if (one.model, one.kind) == (model, token_kind)]
            assert told == picousd(sum((one.amount for one in used), Decimal(0))), (model, token_kind)


@pytest.mark.parametrize("kind", TELLS_TOKENS)
def test_tokens_are_counted_once_and_by_disjoint_kinds(bills: Bills, kind: ConnectionKind) -> None:
    fake, _ = bills.serve(kind)
    bills.read()
    for token_kind in TOKEN_KINDS:
        told = sum(line.quantity or 0 for line in bills.lines() if line.token_kind == token_kind)
        assert told == fake.ledger.tokens(token_kind, FIRST, LAST)


@pytest.mark.parametrize("kind", ALL)
def test_requests_are_counted_where_the_provider_tells_them(bills: Bills, kind: ConnectionKind) -> None:
    fake, _ = bills.serve(kind)
    bills.read()
    counts = [period.request_count for period in bills.periods()]
    if kind not in TELLS_REQUESTS:
        assert set(counts) == {None}
        return
    assert sum(counts) == fake.ledger.request_count(FIRST, LAST)
    assert sum(line.requests or 0 for line in bills.lines()) == sum(counts)
    of_key = sum(count for (_, _, key, _), count in fake.ledger.requests.items() if key == "key_a")
    assert sum(line.requests or 0 for line in bills.lines() if line.key_ref == "key_a") == of_key


def test_list_amounts_stand_beside_what_was_billed(bills: Bills) -> None:
    fake, _ = bills.serve(ConnectionKind.ANTHROPIC_ANALYTICS)
    bills.read()
    listed = sum(line.list_amount_picousd or 0 for line in bills.lines())
    assert listed == picousd(fake.ledger.list_amount(FIRST, LAST))


@pytest.mark.parametrize("kind", TELLS_TOKENS)
@pytest.mark.parametrize("rows", [1, 7])
def test_pages_add_up_to_the_whole(bills: Bills, kind: ConnectionKind, rows: int) -> None:
    fake, _ = bills.serve(kind)
    fake.knobs.page_rows = rows if kind is not ConnectionKind.ANTHROPIC_ANALYTICS else rows * 40
    assert bills.read().error is None
    assert any("page=" in call for call in fake.calls)
    assert sum(by_day(bills).values()) == picousd(fake.ledger.amount(FIRST, LAST))


@pytest.mark.parametrize("kind", ALL)
def test_spans_longer_than_a_provider_takes_are_asked_for_in_parts(bills: Bills, kind: ConnectionKind) -> None:
    fake, _ = bills.serve(kind, seeded(FIRST - timedelta(days=80), 80, kinds=("output",), models=("grok-4",)))
    begin = (FIRST - timedelta(days=80)).isoformat()
    with bills.engine.begin() as connection:
        connection.exec_driver_sql(
            "update bill_connections set settings = replace(settings, '2026-06-10', ?)", (begin,)
        )
    assert bills.read().error is None
    assert sum(by_day(bills).values()) == picousd(fake.ledger.amount(FIRST - timedelta(days=80), LAST))


@pytest.mark.parametrize("kind", TELLS_TOKENS)
def test_a_missing_tier_stays_unknown(bills: Bills, kind: ConnectionKind) -> None:
    fake, _ = bills.serve(kind)
    fake.knobs.no_tier = True
    assert bills.read().error is None
    tiers = {line.service_tier for line in bills.lines()}
    assert tiers == {None}
    assert sum(by_day(bills).values()) == picousd(fake.ledger.amount(FIRST, LAST))


def test_tiers_are_the_ones_served(bills: Bills) -> None:
    bills.serve(ConnectionKind.OPENAI_COSTS)
    bills.read()
    assert {line.service_tier for line in bills.lines() if line.requests} == {"standard", "batch"}


def test_priority_tier_is_not_in_the_cost_report_and_the_day_says_so(bills: Bills) -> None:
    fake, _ = bills.serve(ConnectionKind.ANTHROPIC_COST_REPORT)
    odd = fake.ledger.used[0]
    fake.ledger.used.append(
        used_of(type(odd)(odd.day, odd.model, odd.key, "priority", "output", 0, odd.list_amount), 99)
    )
    bills.read()
    first, second = bills.periods()[:2]
    assert (first.is_complete, first.note) == (False, PRIORITY_LEFT_OUT)
    assert (second.is_complete, second.note) == (True, "")


def test_credits_are_lines_below_zero(bills: Bills) -> None:
    fake, _ = bills.serve(ConnectionKind.OPENAI_COSTS)
    fake.ledger.credits[FIRST] = Decimal("12.5")
    bills.read()
    (credit,) = [line for line in bills.lines() if line.amount_picousd < 0]
    assert (credit.amount_text, credit.description, credit.first_day) == (
        "-12.5",
        "promotional credit",
        FIRST.isoformat(),
    )
    assert credit.category == "credit"
    assert sum(by_day(bills).values()) == picousd(fake.ledger.amount(FIRST, LAST) - Decimal("12.5"))


@pytest.mark.parametrize("kind", TELLS_TOKENS)
@pytest.mark.parametrize("status", [400, 403, 404])
def test_without_usage_the_money_is_kept_and_the_note_says_so(bills: Bills, kind: ConnectionKind, status: int) -> None:
    fake, _ = bills.serve(kind)
    fake.knobs.usage_status = status
    assert bills.read().error is None
    assert {period.note for period in bills.periods()} == {USAGE_UNKNOWN}
    assert {period.request_count for period in bills.periods()} == {None}
    assert sum(by_day(bills).values()) == picousd(fake.ledger.amount(FIRST, LAST))


@pytest.mark.parametrize("series", [12, 40, 1_000])
def test_xai_series_that_are_cut_are_asked_for_in_shorter_spans(bills: Bills, series: int) -> None:
    fake, _ = bills.serve(ConnectionKind.XAI_USAGE)
    fake.knobs.series_max = series
    assert bills.read().error is None
    assert sum(by_day(bills).values()) == picousd(fake.ledger.amount(FIRST, LAST))
    assert not any(period.note for period in bills.periods())


def test_an_xai_day_that_stays_cut_is_partial(bills: Bills) -> None:
    fake, _ = bills.serve(ConnectionKind.XAI_USAGE)
    fake.knobs.series_max = 5
    bills.read()
    assert {(period.is_complete, period.note) for period in bills.periods()} == {(False, CUT_SHORT)}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_said_in_plain_words_and_nowhere_repeated(
    bills: Bills, kind: ConnectionKind, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake, _ = bills.serve(kind)
    fake.knobs.refuse = status
    reading = bills.read()
    assert reading.error is not None
    assert f"answered {status} (authentication_error): the key" in reading.error
    assert fake.calls
    assert ADMIN_KEY not in reading.error + caplog.text + repr(reading)
    assert bills.periods() == []


@pytest.mark.parametrize("kind", ALL)
def test_no_log_holds_the_key_or_an_amount_when_all_is_well(
    bills: Bills, kind: ConnectionKind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bills.serve(kind)
    bills.read()
    assert ADMIN_KEY not in caplog.text


@pytest.mark.parametrize("kind", ALL)
def test_a_provider_that_is_busy_is_asked_again(bills: Bills, kind: ConnectionKind) -> None:
    fake, _ = bills.serve(kind)
    fake.knobs.busy, fake.knobs.retry_after = 3, "2"
    assert bills.read().error is None
    fake.knobs.busy = 99
    assert "answered 429 (rate_limit_error) 5 times" in (bills.read().error or "")


@pytest.mark.parametrize(
    ("knob", "words"),
    [("more_without_token", "more pages and not where"), ("bucket_twice", "twice"), ("redirect", "redirect")],
)
def test_answers_that_would_be_counted_wrongly_are_refused_whole(bills: Bills, knob: str, words: str) -> None:
    fake, _ = bills.serve(ConnectionKind.OPENAI_COSTS)
    setattr(fake.knobs, knob, True)
    assert words in (bills.read().error or "")
    assert bills.periods() == []


def test_a_row_that_comes_twice_is_no_second_bill(bills: Bills) -> None:
    """Anthropic's analytics send rows, not buckets: a group of a day comes once."""
    fake, _ = bills.serve(ConnectionKind.ANTHROPIC_ANALYTICS)
    fake.knobs.bucket_twice = True
    assert "twice" in (bills.read().error or "")
    assert bills.periods() == []


def test_pages_that_lead_in_a_circle_are_refused(bills: Bills) -> None:
    fake, _ = bills.serve(ConnectionKind.ANTHROPIC_COST_REPORT)
    fake.knobs.page_rows, fake.knobs.same_token = 5, True
    assert "same page twice" in (bills.read().error or "")


def test_a_fake_refuses_limits_above_the_maximum_and_tokens_of_other_queries(bills: Bills) -> None:
    """The fakes are as strict as the providers; else the tests above would prove less."""
    fake, _ = bills.serve(ConnectionKind.OPENAI_COSTS)
    fake.knobs.page_rows = 5
    bills.read()
    with bills.engine.connect() as connection:
        settings: Any = connection.exec_driver_sql("select settings from bill_connections").scalar_one()
    base = settings.split('"base_url": "')[1].split('"')[0]
    paged = next(call for call in fake.calls if "page=" in call)
    path, bearer = paged.removeprefix("GET "), {"authorization": f"Bearer {ADMIN_KEY}"}
    assert httpx.get(f"{base}{path}", headers=bearer).status_code == 200
    for changed in (path.replace("limit=180", "limit=181"), path.replace("group_by=line_item&", "")):
        assert changed != path
        assert httpx.get(f"{base}{changed}", headers=bearer).status_code == 400
