"""Pages of the log held against bills, of clusters and of rates: the JSON's numbers, links to what they are made of."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.db.models import Role
from api.pages.words import MINUS
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from tests.api.conftest import Browser, People
from tests.api.pages.same_answer import answer_shown
from tests.pipelines.analysis.frugal import FRUGAL, FRUGAL_KEY
from tests.pipelines.analysis.golden import GOLDEN, KEY
from tests.pipelines.lake_builder import NOON, named_id

OCTOBER = "range=custom&from=2026-10-01&to=2026-10-31"


@dataclass
class Pages:
    """An Admin and a Member of the workspaces that are looked at, and their JSON."""

    app: FastAPI
    admin: Browser
    member: Browser

    def html(self, path: str, status: int = 200, *, by: Browser | None = None) -> str:
        answer = (by or self.admin).get(path)
        assert answer.status_code == status, answer.text[-600:]
        return answer.text

    def words(self, path: str) -> str:
        return plain(self.html(path))

    def json(self, path: str) -> Any:
        key = FRUGAL_KEY if path.startswith("frugal") else KEY
        answer = self.admin.client.get(f"/v1/{path}", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        return answer.json()


def plain(html: str) -> str:
    """Return what a page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def opened(home: Home) -> Iterator[Pages]:
    engine = open_database(home.database_url)
    clock = FixedClock(NOON)
    app = create_app(home, engine=engine, clock=clock, sends_mail=False)
    people = People(app, engine, clock)
    for workspace_id in (GOLDEN, FRUGAL):
        admin = people.member(workspace_id, "admin@pages.example", Role.ADMIN)
        member = people.member(workspace_id, "member@pages.example")
    yield Pages(app, admin, member)
    engine.dispose()


@pytest.fixture(scope="module")
def pages(golden_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home = Home(tmp_path_factory.mktemp("money-pages") / "home")
        shutil.copytree(golden_home.root, home.root)
        yield from opened(home)


def usd(text: str) -> str:
    amount = Decimal(text).quantize(Decimal("0.01"))
    return f"{MINUS if amount < 0 else ''}${abs(amount):,}"


def signed(text: str) -> str:
    words = usd(text)
    return words if words == "$0.00" or words.startswith(MINUS) else f"+{words}"


def test_months_show_what_was_logged_billed_and_the_variance_as_the_json_does(pages: Pages) -> None:
    words = pages.words("/golden/reconciliation")
    answer = pages.json("golden/reconciliation?range=custom&from=2025-12-01&to=2026-11-20")
    assert [month["month"] for month in answer["months"]] == ["2026-10", "2026-09"]
    for month in answer["months"]:
        for text in (usd(month["logged_usd"]), usd(month["billed_usd"]), signed(month["variance_usd"])):
            assert text in words
    assert "Period What you logged What the provider billed Variance" in words
    assert "agrees, \u22120.20 %" in words
    assert "1 Dec 2025 \u2013 20 Nov 2026" in words, "no period is chosen: a year"
    assert pages.words(f"/golden/reconciliation?{OCTOBER}").count("September 2026") == 0


@pytest.mark.parametrize(
    ("page", "route"),
    [
        (f"golden/reconciliation?{OCTOBER}", f"golden/reconciliation?{OCTOBER}"),
        ("golden/reconciliation/2026-10", f"golden/reconciliation/2026-10?{OCTOBER}"),
        (
            "golden/reconciliation/days/2026-10-05",
            "golden/reconciliation/days/2026-10-05?range=custom&from=2026-10-05&to=2026-10-05",
        ),
        (f"golden/reconciliation/coverage?{OCTOBER}", f"golden/coverage?{OCTOBER}"),
        ("frugal/clusters?kind=exact_duplicate", "frugal/clusters?kind=exact_duplicate"),
    ],
)
def test_a_page_is_made_of_the_answer_of_its_json_route(pages: Pages, page: str, route: str) -> None:
    assert answer_shown(lambda: pages.html(f"/{page}")) == pages.json(route)


def test_the_year_that_nobody_chose_is_not_carried_to_other_views(pages: Pages) -> None:
    html = pages.html("/golden/reconciliation?provider=anthropic")
    assert 'href="/golden/overview?provider=anthropic"' in html
    assert 'href="/golden/reconciliation/2026-10?provider=anthropic"' in html
    month = pages.html("/golden/reconciliation/2026-10?range=last_7d&provider=anthropic")
    assert 'href="/golden/overview?range=last_7d&amp;provider=anthropic"' in month


def test_a_bill_in_another_unit_is_told_and_not_drawn(pages: Pages) -> None:
    assert "October 2026 may be stated in another unit." in pages.words("/golden/reconciliation")
    drawn = pages.admin.get(f"/golden/charts/logged-and-billed.json?{OCTOBER}").json()["datasets"]["rows"]
    assert [row["usd"] for row in drawn if row["at"] == "2026-10"] == [None, None]
    drawn = pages.admin.get(f"/golden/charts/logged-and-billed.json?{OCTOBER}&provider=anthropic").json()
    assert [row["usd"] for row in drawn["datasets"]["rows"] if row["at"] == "2026-10"] == [1.553, 2.186503]
    days = pages.admin.get("/golden/charts/logged-and-billed-by-day.json?month=2026-10").json()["datasets"]["rows"]
    assert "2026-10-11T00:00:00" not in {row["at"] for row in days}
    assert len(days) == 7


def test_a_month_shows_days_parts_coverage_and_what_changed_since_it_was_closed(pages: Pages) -> None:
    html = pages.html("/golden/reconciliation/2026-10?provider=anthropic")
    answer, words = pages.json("golden/reconciliation/2026-10?provider=anthropic"), plain(html)
    for day in answer["days"]:
        assert f'href="/golden/reconciliation/days/{day["day"]}?provider=anthropic"' in html
        assert usd(day["logged_usd"]) in words
    for part in answer["parts"]:
        assert f'title="{part["amount_usd"]} USD"' in html
    assert "Calls not seen billed, and in nobody's log \u2212$0.09 2 valued by their tokens on the bill" in words
    assert "7 of 9 requests seen" in words
    assert "metered requests" in words
    assert "are valued at its average price" not in words, "the bill names kinds of tokens"
    assert "Last 12 months" in pages.words("/golden/reconciliation")
    september = pages.words("/golden/reconciliation/2026-09")
    assert "OpenAI Billed the provider restated its bill $9.50 +$0.50 $10.00" in september
    assert "Closed by ada@golden.example" in september
    assert "does not hold" in september, "the close of these tests was never signed"


def test_a_month_is_closed_and_opened_again_by_those_who_may(pages: Pages) -> None:
    path = "/golden/reconciliation/2026-10"
    assert "Close October 2026" not in pages.html(path, by=pages.member)
    assert pages.admin.post_form(f"{path}/close").status_code == 422
    assert pages.member.post_form(f"{path}/close", {"confirmed": "yes"}).status_code == 403
    closed = pages.admin.post_form(f"{path}/close", {"confirmed": "yes"})
    assert closed.headers["location"] == f"{path}?done=closed#close"
    assert "signature holds" in pages.words(path)
    assert "closed" in pages.words("/golden/reconciliation")
    refused = pages.admin.post_form(f"{path}/reopen", {"reason": " "})
    assert (refused.status_code, "The reason must have" in refused.text) == (422, True)
    assert pages.admin.post_form(f"{path}/reopen", {"reason": "<b>late bill</b>"}).status_code == 303
    html = pages.html(path)
    assert "&lt;b&gt;late bill&lt;/b&gt;" in html
    assert "<b>late bill" not in html


def test_a_day_leads_to_traces_and_audit_entries_of_its_requests(pages: Pages) -> None:
    html, answer = (
        pages.html("/golden/reconciliation/days/2026-10-05"),
        pages.json("golden/reconciliation/days/2026-10-05"),
    )
    assert len(answer["requests"]) == 3
    for one in answer["requests"]:
        assert f'href="{one["path"]}"' in html
        assert unescape(one["audit_path"]) in unescape(html)
    rows = pages.admin.get("/golden/tables/divergent-requests.csv?day=2026-10-05").text.splitlines()
    assert [named_id("request a5") in rows[1], len(rows)] == [True, 4]
    assert "No single request" in pages.words("/golden/reconciliation/days/2026-10-05?project=no-such")
    assert "cursor must be" in pages.words("/golden/reconciliation/days/2026-10-05?cursor=x")
    for wrong in ("2026-13", "days/2026-02-30", "1999-01"):
        pages.html(f"/golden/reconciliation/{wrong}", 404)


def test_requests_of_unknown_cost_are_listed_where_they_are_counted(pages: Pages) -> None:
    month = pages.html("/golden/reconciliation/2026-10?provider=anthropic")
    paths = [unescape(path) for path in re.findall(r'href="(/golden/requests\?[^"]+cost:unknown)"', month)]
    assert len(paths) == 2, "beside what was logged, and in the parts of the variance"
    assert len(set(paths)) == 1
    assert re.findall(r'href="/golden/traces/([0-9a-f-]{36})"', pages.html(paths[0])) == [named_id("request a3")]
    found = pages.json(f"golden/requests?{OCTOBER}&search=cost:unknown")["requests"]
    assert [one["request_id"] for one in found] == [named_id("request a3")]


def test_coverage_is_shown_by_provider_key_and_day(pages: Pages) -> None:
    words = pages.words(f"/golden/reconciliation/coverage?{OCTOBER}")
    answer = pages.json(f"golden/coverage?{OCTOBER}")
    for unit in (*answer["providers"][0]["units"], *answer["providers"][0]["keys"][0]["units"]):
        assert f"{unit['share_percent']} % {unit['seen']:,} {unit['billed']:,}" in words
    rows = pages.admin.get(f"/golden/charts/coverage-by-day.json?{OCTOBER}").json()["datasets"]["rows"]
    assert [(row["at"][:10], row["percent"]) for row in rows][-1] == ("2026-10-09", 0)
    narrowed = pages.words(f"/golden/reconciliation/coverage?{OCTOBER}&project=atlas&model=x")
    assert "the filter for models and projects narrows nothing here" in narrowed


def test_a_workspace_without_bills_or_analysis_is_told_what_to_do(
    pages: Pages, tmp_path: Path, golden_home: Home
) -> None:
    words = pages.words("/frugal/reconciliation")
    assert "No bill is connected yet" in words
    assert 'href="/frugal/reconciliation/bills">Add a bill' in pages.html("/frugal/reconciliation")
    assert "Owners and Admins can do so" in plain(pages.html("/frugal/reconciliation", by=pages.member))
    home = Home(tmp_path / "home")
    shutil.copytree(golden_home.root, home.root, ignore=shutil.ignore_patterns("warehouse", "dagster", "analysis"))
    home.analysis_pointer.unlink()
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        for there in opened(home):
            for path in ("reconciliation", "reconciliation/2026-10", "reconciliation/coverage", "clusters"):
                assert "The first analysis is being made" in there.words(f"/golden/{path}")


def test_clusters_lead_to_the_requests_they_are_made_of(pages: Pages) -> None:
    html, answer = pages.html("/frugal/clusters"), pages.json("frugal/clusters")
    assert answer["clusters"]
    for kind in answer["kinds"]:
        assert f'title="{kind["estimated_saving_usd"]} USD"' in html
    for one in answer["clusters"]:
        assert f'href="{one["path"]}"' in html
    first = answer["clusters"][0]
    own = pages.html(first["path"])
    for sample in first["sample_requests"]:
        assert f'href="{sample["path"]}"' in own
    assert first["prompt_hash"] in own
    assert f"{first['requests']:,}" in plain(own)
    only = pages.html(f"/frugal/clusters?kind={first['kind']}")
    assert only.count('scope="row"') == sum(one["kind"] == first["kind"] for one in answer["clusters"])
    assert "kind must be one of" in pages.words("/frugal/clusters?kind=x")
    pages.html(f"/frugal/clusters/{'0' * 64}", 404)


def test_rates_are_listed_in_pages_and_usage_is_repriced(pages: Pages) -> None:
    html = pages.html("/golden/rates")
    following = re.search(r'rel="next" href="([^"]+)"', html)
    assert following is not None
    assert unescape(following[1]).startswith("/golden/rates?cursor=")
    pages.html(unescape(following[1]))
    first = pages.json("golden/rates?limit=50")["rates"]
    assert html.count('scope="row"') == len(first) == 50
    assert f"${first[0]['usd_per_million_tokens']['uncached_input']}" in html
    path = f"/golden/rates/what-if?{OCTOBER}"
    answer = pages.admin.json("POST", f"/v1{path}", {"provider": "anthropic", "model": "claude-haiku-4-5"}).json()
    words = pages.words(f"{path}&at_model=anthropic/claude-haiku-4-5")
    total = answer["total"]
    assert f"Would have cost {usd(total['compared_repriced_usd'])}" in words
    assert f"Difference {signed(total['difference_usd'])}" in words
    given = pages.words(f"{path}&cost_uncached_input=1&cost_output=2")
    assert "at the prices given" in given
    for wrong in (
        "at_model=no/such",
        "cost_output=2",
        "cost_uncached_input=x&cost_output=1",
        "at_model=a/b&cost_output=1",
    ):
        pages.html(f"{path}&{wrong}", 422)


def csv_rows(pages: Pages, page: str, name: str) -> list[dict[str, str]]:
    """Follow the link to a table's CSV from its page."""
    links = {unescape(one) for one in re.findall(rf'href="([^"]*/tables/{name}\.csv[^"]*)"', pages.html(page))}
    (path,) = links
    return list(csv.DictReader(io.StringIO(pages.html(path), newline="")))


def test_rates_repriced_usage_and_bills_have_a_csv_of_all_that_their_page_has_in_pages(pages: Pages) -> None:
    told = pages.json("golden/rates?limit=500")["rates"]
    rows = csv_rows(pages, "/golden/rates", "rates")
    assert [row["rate_id"] for row in rows][: len(told)] == [one["rate_id"] for one in told]
    assert [row["uncached_input_usd"] for row in rows][: len(told)] == [
        one["usd_per_million_tokens"]["uncached_input"] or "" for one in told
    ]
    only = csv_rows(pages, "/golden/rates?provider=openai&history=1", "rates")
    assert {row["provider"] for row in only} == {"openai"}
    assert len(only) > sum(row["provider"] == "openai" for row in rows)
    path = f"/golden/rates/what-if?{OCTOBER}&at_model=anthropic/claude-haiku-4-5"
    repriced = csv_rows(pages, path, "repriced-models")
    body = {"provider": "anthropic", "model": "claude-haiku-4-5"}
    answer = pages.admin.json("POST", f"/v1/golden/rates/what-if?{OCTOBER}", body).json()
    assert [(row["model"], row["compared_repriced_usd"]) for row in repriced] == [
        (one["model"], one["compared_repriced_usd"]) for one in answer["models"]
    ]
    bills = csv_rows(pages, "/golden/reconciliation/bills", "bills")
    assert {row["id"] for row in bills} == {one["id"] for one in pages.json("golden/bills?limit=500")["bills"]}
    one = pages.json(f"golden/bills/periods/{bills[0]['id']}")
    lines = csv_rows(pages, f"/golden/reconciliation/bills/periods/{bills[0]['id']}", "bill-lines")
    assert [(row["line_number"], row["amount_usd"]) for row in lines] == [
        (str(line["line_number"]), line["amount_usd"]) for line in one["lines"]
    ]


def test_the_tables_of_a_day_and_of_a_clusters_fellows_have_their_csv(pages: Pages) -> None:
    day, tables = "golden/reconciliation/days/2026-10-05", "/golden/tables"
    answer = pages.json(day)
    html = unescape(pages.html(f"/{day}"))
    for number, bill in enumerate(answer["billed"]):
        (path,) = set(re.findall(rf'"({tables}/variance-parts\.csv\?[^"]*bill={number}[^"]*)"', html))
        rows = list(csv.DictReader(io.StringIO(pages.html(path), newline="")))
        assert [row["amount_usd"] for row in rows] == [one["amount_usd"] for one in bill["parts"]]
    assert answer["billed"]
    assert pages.html(f"{tables}/variance-parts.csv?day=2026-10-05&bill=99").count("\n") == 1
    own = pages.html(f"{tables}/reconciled-month-providers.csv?day=2026-10-05")
    assert [row["logged_usd"] for row in csv.DictReader(io.StringIO(own, newline=""))] == [
        one["logged_usd"] for one in answer["day"]["providers"]
    ]
    cluster = next(
        one
        for one in pages.json("frugal/clusters")["clusters"]
        if pages.json(f"frugal/clusters/{one['cluster_id']}")["related"]
    )
    path = f"frugal/clusters/{cluster['cluster_id']}"
    related = [one["cluster_id"] for one in pages.json(path)["related"]]
    assert [row["cluster_id"] for row in csv_rows(pages, f"/{path}", "related-clusters")] == related
