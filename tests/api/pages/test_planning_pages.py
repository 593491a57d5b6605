"""The executive view, budgets, anomalies, alerts and chargeback as pages: the JSON's numbers, hostile names inert."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from api.dashboards.models.budgets import BudgetForecast, BudgetShown
from api.db.models import AlertWebhook
from api.db.session import reading
from api.pages.budget_words import Bar, budget_words
from tests.api.pages.analysed import ACME, HOSTILE, Analysed, opened_analysis

PAGES = ("executive", "budgets", "anomalies", "alerts", "cost-centers", "settings/alerts", "audit")


SHOWN = ["executive", "budgets", "anomalies", "alerts", "cost-centers", "optimization"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analysed]:
    with opened_analysis(tmp_path_factory.mktemp("planning-pages")) as made:
        yield made


def usd(text: str) -> str:
    amount = Decimal(text).quantize(Decimal("0.01"))
    return f"{'-' if amount < 0 else ''}${abs(amount):,}"


def rows_of(pages: Analysed, path: str) -> list[dict[str, str]]:
    answer = pages.admin.get(path)
    assert answer.status_code == 200, answer.text[-300:]
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize("path", PAGES)
def test_names_are_texts_and_pages_have_no_script_of_their_own(pages: Analysed, path: str):
    html = pages.html(f"/acme/{path}")
    assert HOSTILE not in html
    assert not re.search(r"<script(?! src=)|<style|style=", html)


@pytest.mark.parametrize("path", [*SHOWN, "optimization/catalog", "optimization/savings"])
def test_an_empty_workspace_is_told_its_next_step(pages: Analysed, path: str):
    html = pages.html(f"/empty/{path}", by=pages.member)
    assert '<div class="empty">' in html


@pytest.mark.parametrize("path", SHOWN)
def test_a_filter_goes_along_to_other_pages(pages: Analysed, path: str):
    html = pages.html(f"/acme/{path}?range=last_7d&provider=openai")
    for other in ("overview", "executive", "budgets", "optimization", "cost-centers"):
        assert f'href="/acme/{other}?range=last_7d&amp;provider=openai"' in html, other


def test_the_executive_page_shows_the_numbers_of_the_json(pages: Analysed):
    html, answer = pages.html("/acme/executive"), pages.json("acme/executive")
    for name in ("this_month", "last_month", "year_to_date"):
        assert f'<span class="stat-figure">{usd(answer[name]["cost_usd"])}</span>' in html
    assert usd(answer["change"]["previous_cost_usd"]) in html
    for one in answer["top_projects"]:
        assert usd(one["cost_usd"]) in html
        assert f"{one['share_percent']} %" in html
        assert f'href="{one["path"].replace("&", "&amp;")}"' in html
    (month,) = answer["reconciliation"]
    assert usd(month["billed_usd"]) in html
    assert f"<strong>{month['variance_percent']} %</strong> variance in April 2026." in html
    assert "between 0.5" in html
    assert ("entered in cents" in html) == (month.get("unit_suspect") == "x100")
    assert 'action="/acme/reports"' in html


def test_budgets_say_what_is_spent_expected_and_crossed(pages: Analysed):
    html, answer = pages.html("/acme/budgets"), pages.json("acme/budgets")
    for one in answer["budgets"]:
        assert f"<strong>{usd(one['spent_usd'])}</strong> of {usd(one['monthly_usd'])}" in html
    web = next(one for one in answer["budgets"] if one["slug"] == "web")
    assert "1 % reached" in html
    assert "2 requests of unknown cost are in no amount: nothing tells what they cost" in html
    table = {row["slug"]: row for row in rows_of(pages, "/acme/tables/budgets.csv")}
    assert table["web"]["expected_usd"] == web["forecast"]["expected_usd"]
    assert table["web"]["crossing_day"] == web["forecast"]["crossing_day"]
    assert table[""]["spent_usd"] == next(one for one in answer["budgets"] if not one["slug"])["spent_usd"]
    assert "Its forecast comes with the next analysis." in html


def test_the_months_chart_adds_up_to_what_is_spent_and_expected(pages: Analysed):
    drawn = pages.admin.get("/acme/charts/month-forecast.json").json()["datasets"]["rows"]
    spent = [row["actual_usd"] for row in drawn if row["actual_usd"] is not None]
    whole = next(one for one in pages.json("acme/budgets")["budgets"] if one["scope"] == "workspace")
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(float(whole["spent_usd"]))
    expected = pages.json("acme/forecast")["forecasts"][0]["days"]
    assert [row["high_usd"] for row in drawn if row["high_usd"] is not None] == [
        float(one["high_usd"]) for one in expected
    ]
    assert {row["budget_usd"] for row in drawn} == {float(whole["monthly_usd"])}


def test_anomalies_have_the_requests_behind_them(pages: Analysed):
    html, answer = pages.html("/acme/anomalies?range=last_7d"), pages.json("acme/anomalies", range="last_7d")
    assert len(answer["anomalies"]) == 2
    for one in answer["anomalies"]:
        assert usd(one["spent_usd"]) in html
        assert f'href="{one["sample_requests"][0]["path"]}"' in html
    assert (
        f'<span class="stat-figure">{usd(str(sum(Decimal(one["excess_usd"]) for one in answer["anomalies"])))}</span>'
        in html
    )
    assert "Nothing for this filter" in pages.html("/acme/anomalies?project=api")
    assert [row["anomaly_id"] for row in rows_of(pages, "/acme/tables/anomalies.csv?range=last_7d")] == ["a" * 64] * 2


def test_cost_centres_add_up_with_what_is_unassigned_and_charged(pages: Analysed):
    html = pages.html("/acme/cost-centers")
    answer, charged = pages.json("acme/cost-centers"), pages.json("acme/chargeback")
    for one in answer["cost_centres"]:
        assert usd(one["cost_usd"]) in html
    assert usd(charged["charge_usd"]) in html
    assert usd(charged["markup_usd"]) in html
    assert "without a centre" in html
    assert "120.00 USD an hour" in html
    table = rows_of(pages, "/acme/tables/chargeback.csv")
    assert sum(Decimal(row["markup_usd"] or 0) for row in table) == Decimal(charged["markup_usd"])
    assert sum(Decimal(row["cost_usd"] or 0) for row in table) == Decimal(answer["totals"]["cost_usd"])
    assert {row["cost_centre"] for row in table} >= {"R&D", "Without a cost centre"}
    shares = [Decimal(one["share_percent"] or 0) for one in answer["cost_centres"]]
    assert abs(sum(shares) - 100) < Decimal("0.1")


def test_alerts_are_listed_with_what_became_of_the_word(pages: Analysed):
    html, (alert,) = pages.html("/acme/alerts"), pages.json("acme/alerts")["alerts"]
    assert usd(alert["spent_usd"]) in html
    assert "2 e-mails" in html
    assert "reached 80 % of its budget" in html
    assert "Who is told" not in pages.html("/acme/alerts", by=pages.member)
    (row,) = rows_of(pages, "/acme/tables/alerts.csv")
    assert (row["id"], row["mails"], row["percent"]) == (alert["id"], "2", "80")


def test_who_is_told_is_changed_on_the_page_and_refusals_come_back_filled_in(pages: Analysed):
    admin = pages.admin
    wrong = admin.post_form("/acme/settings/alerts", {"mail_to": "addresses", "addresses": "nobody, two@x.example"})
    assert wrong.status_code == 422
    assert 'value="nobody, two@x.example"' in wrong.text
    fields = {"mail_to": "addresses", "addresses": "one@x.example; two@x.example", "tells_anomalies": ""}
    saved = admin.post_form("/acme/settings/alerts", fields)
    assert saved.headers["location"] == "/acme/settings/alerts?done=saved"
    shown = admin.json("GET", "/v1/acme/alerts/settings").json()
    assert (shown["addresses"], shown["tells_anomalies"]) == (["one@x.example", "two@x.example"], False)
    assert "E-mails go to 2 addresses, but not about anomalies" in pages.html("/acme/alerts")
    assert pages.member.get("/acme/settings/alerts").status_code == 403


def test_a_webhooks_secret_is_shown_once(pages: Analysed):
    admin = pages.admin
    assert admin.post_form("/acme/settings/alerts/webhook", {"url": "http://127.0.0.1/"}).status_code == 422
    made = admin.post_form("/acme/settings/alerts/webhook", {"url": "https://hooks.x.example/a"})
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", made.text)
    html = pages.html("/acme/settings/alerts")
    assert secret not in html
    assert "https://hooks.x.example/a" in html
    removed = admin.post_form("/acme/settings/alerts/webhook/remove")
    assert removed.headers["location"] == "/acme/settings/alerts?done=removed"
    with reading(pages.world.engine) as session:
        assert session.get(AlertWebhook, ACME) is None


def test_the_audit_log_is_turned_to_captured_requests_and_leads_to_what_events_are_about(pages: Analysed):
    html = pages.html("/acme/audit?family=requests&from=2026-01-01")
    assert re.search(r'<a href="/acme/audit\?family=requests&amp;from=2026-01-01" aria-current="page">', html)
    assert 'href="/acme/traces/' in html
    assert 'href="/acme/projects/team%2Fapp"' in pages.html("/acme/audit?family=config")


def budget(**forecast: Any) -> Any:
    """Return a budget of $100 with $40 spent as the JSON shape has it."""

    spent = forecast.pop("spent_usd", "40.00000")
    found = {"state": "forecast", "as_of_day": date(2026, 4, 10), "history_days": 30, "spent_usd": spent,
             "expected_usd": "90.00000", "low_usd": "80.00000", "high_usd": "120.00000", "crossing_day": None,
             "earliest_crossing_day": None, **forecast}  # fmt: skip
    left = f"{Decimal(100) - Decimal(spent)}"
    return BudgetShown(
        scope="workspace", slug="", name="", monthly_usd="100.00000", spent_usd=spent, remaining_usd=left,
        used_percent="40.00", alert_percents=[50, 150], reached_percents=[], unpriced_requests=0,
        forecast=BudgetForecast(**found), risk=None,
    )  # fmt: skip


def test_where_a_budget_is_going_is_said_in_words_that_fit():

    month = date(2026, 4, 1)
    early, late = date(2026, 4, 20), date(2026, 4, 28)
    assert budget_words(budget(), month).endswith("It lasts the month, even at the upper end.")
    assert "should last; at the upper end it is crossed on 20 April" in budget_words(
        budget(earliest_crossing_day=early), month
    )
    both = budget_words(budget(crossing_day=late, earliest_crossing_day=early), month)
    assert both.endswith("It is expected to be crossed on 28 April, 20 April at the earliest.")
    past = budget(spent_usd="101.00000", crossing_day=date(2026, 4, 9), earliest_crossing_day=date(2026, 4, 9))
    assert budget_words(past, month).endswith("It was crossed on 9 April.")
    none = budget(state="not_enough_data", expected_usd=None, low_usd=None, high_usd=None)
    assert "less than a week" in budget_words(none, month)


def test_a_budgets_bar_is_long_enough_for_everything_on_it():
    for one in (budget(), budget(spent_usd="900.00000"), budget(expected_usd=None, low_usd=None, high_usd=None)):
        bar = Bar.of(one)
        places = [bar.spent, bar.budget, *(place for place, _, _ in bar.alerts), *([bar.high] if bar.high else [])]
        assert all(0 <= place <= 100 for place in places)
        assert bar.low is None or bar.high is None or bar.expected is None or bar.low <= bar.expected <= bar.high
