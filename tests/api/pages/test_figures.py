"""Charts and tables of pages: the figures of the JSON, sorted as the URL says, and safe in every sink."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest

from api.pages.dashboard import source_of_table
from api.pages.tables import Column, Table
from api.pages.words import precise, shortened
from tests.api.pages.conftest import Stage


def table(stage: Stage, name: str, query: str = "") -> list[dict[str, str]]:
    answer = stage.reader.get(f"/acme/tables/{name}.csv?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def shown(html: str, name: str) -> list[list[str]]:
    """Return the words of a table's body cells."""
    section = html[html.index(f'id="{name}"') :]
    body = section[section.index("<tbody>") : section.index("</tbody>")]
    cells = [re.findall(r"<t[hd] .*?</t[hd]>", row, re.DOTALL) for row in body.split("<tr>")[1:]]
    return [[" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in row] for row in cells]


def test_a_chart_has_the_figures_of_the_json(stage: Stage):
    answer = stage.json("acme/overview", provider="openai")
    made = stage.reader.get("/acme/charts/spend-by-provider.json?provider=openai").json()
    rows = made["datasets"]["rows"]
    spent = sum(Decimal(str(row["cost_usd"])) for row in rows if row["series"])
    before = sum(Decimal(str(row["baseline_usd"])) for row in rows if row["series"] is None)
    assert spent == Decimal(answer["totals"]["cost_usd"])
    assert before == Decimal(answer["daily"]["baseline_cost_usd"])
    assert {row["series"] for row in rows} == {"OpenAI", None}


def test_the_last_24_hours_are_drawn_in_the_workspaces_zone(stage: Stage):
    rows = stage.reader.get("/acme/charts/spend-by-provider.json?range=last_24h").json()["datasets"]["rows"]
    points = stage.json("acme/overview", range="last_24h")["daily"]["points"]
    assert points[0]["starts_at"].endswith("Z")
    local = {row["at"] for row in rows}
    assert len(local) == len(points)
    assert not any(at.endswith("Z") or "+" in at for at in local)
    assert f"{points[0]['day']}T" in min(local)


@pytest.mark.parametrize("chart", ["spend-over-time", "requests-and-cost", "week-over-week", "shares"])
def test_charts_of_a_project_are_drawn_for_browsers_with_and_without_scripts(stage: Stage, chart: str):
    for theme in ("light", "dark"):
        made = stage.reader.get(f"/acme/charts/{chart}.json?project=web&theme={theme}")
        assert made.json()["datasets"]["rows"]
    drawn = stage.reader.get(f"/acme/charts/{chart}.svg?project=web")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.text.startswith("<svg")
    again = stage.reader.get(f"/acme/charts/{chart}.svg?project=web", headers={"If-None-Match": drawn.headers["etag"]})
    assert again.status_code == 304


def test_weeks_and_months_add_up_to_the_days(stage: Stage):
    sums = {
        by: sum(
            Decimal(str(row["cost_usd"]))
            for row in stage.reader.get(f"/acme/charts/spend-over-time.json?project=web&by={by}").json()["datasets"][
                "rows"
            ]
        )
        for by in ("day", "week", "month")
    }
    assert len(set(sums.values())) == 1
    assert sums["day"] > 0


def test_nothing_is_found_that_is_no_chart_or_table_of_ours(stage: Stage):
    for path in (
        "charts/nothing.json",
        "charts/nothing.svg",
        "tables/nothing.csv",
        "charts/shares.json?project=nothing",
    ):
        assert stage.reader.get(f"/acme/{path}").status_code == 404


def test_a_page_its_csv_and_its_json_say_the_same(stage: Stage):
    query = "range=last_30d&device=&provider=openai,anthropic"
    answer = stage.json("acme/projects", range="last_30d", provider="openai,anthropic")["projects"]
    rows, cells = table(stage, "projects", query), shown(stage.html(f"/acme/projects?{query}"), "projects")
    assert [row["slug"] for row in rows] == [one["project"] for one in answer] or any(
        "'" in row["slug"] for row in rows
    )
    for one, row, cell in zip(answer, rows, cells, strict=True):
        assert row["cost_usd"] == one["cost_usd"]
        assert row["requests"] == str(one["requests"])
        amount = Decimal(one["cost_usd"]).quantize(Decimal("0.01"))
        assert any(words.startswith(f"${amount:,}") for words in cell), cell


def test_a_table_is_sorted_by_what_the_url_says_on_the_page_and_in_its_csv(stage: Stage):
    for sort, down in (("projects.requests", False), ("-projects.requests", True)):
        numbers = [int(row["requests"]) for row in table(stage, "projects", f"sort={sort}")]
        assert numbers == sorted(numbers, reverse=down)
        html = stage.html(f"/acme/projects?sort={sort}")
        assert f'aria-sort="{"descending" if down else "ascending"}"' in html
        names = [row[0] for row in shown(html, "projects")]
        assert len(names) == len(numbers)
    assert "aria-sort" not in stage.html("/acme/projects?sort=projects.nothing&sort=other.requests")
    kept = stage.html("/acme/overview?sort=-top-models.requests&provider=openai")
    links = [unescape(found) for found in re.findall(r'class="sort" href="([^"]*)"', kept)]
    assert all("provider=openai" in link for link in links)
    assert all("sort=-top-models.requests" in link for link in links if "#top-projects" in link)


def test_unknown_values_come_last_whichever_way_a_table_is_sorted():
    made = Table("t", "T", (Column("n", "N", lambda one: one, "number"),))
    assert made.sorted([None, 2, 1], ("n", False)) == [1, 2, None]
    assert made.sorted([None, 1, 2], ("n", True)) == [2, 1, None]


def test_no_cell_of_a_csv_is_a_formula_and_amounts_stay_numbers():
    made = Table("t", "T", (Column("a", "A", lambda one: one[0]), Column("b", "B", lambda one: one[1], "change_money")))
    text = b"".join(made.csv_chunks([("=cmd()", "-1.50000"), ("@x", None), ("plain", "2")])).decode()
    assert text == "a,b\r\n'=cmd(),-1.50000\r\n'@x,\r\nplain,2\r\n"


def test_amounts_and_percentages_within_another_column_stay_numbers_too_and_text_beside_them_is_made_safe():
    also = {"variance_percent": lambda _: "-3.43", "tax_usd": lambda _: "-0.10000", "code": lambda _: "-cmd()"}
    made = Table("t", "T", (Column("variance_usd", "V", lambda _: "-1.50000", "change_money", also=also),))
    text = b"".join(made.csv_chunks([None])).decode()
    assert text == "variance_usd,variance_percent,tax_usd,code\r\n-1.50000,-3.43,-0.10000,'-cmd()\r\n"


def test_a_request_is_found_by_its_providers_id_on_both_pages(stage: Stage):
    wanted = next(row for row in stage.json("acme/requests", project="web")["requests"] if row["provider_request_id"])
    for page in ("/acme/requests", "/acme/projects/web"):
        html = stage.html(f"{page}?search={wanted['provider_request_id']}")
        rows = shown(html, "requests")
        assert [row[-1] for row in rows] == [wanted["provider_request_id"]]
        assert f'href="{wanted["path"]}"' in html
    assert "No request in this period fits" in stage.html("/acme/requests?search=nothing-like-it")
    assert 'role="alert"' in stage.html("/acme/requests?cursor=broken")


def test_pages_of_requests_follow_one_another_without_gap_or_overlap(stage: Stage):
    path, seen = "/acme/requests?range=custom&from=2020-01-01&to=2026-12-31", list[str]()
    while path:
        html = stage.html(path)
        seen += re.findall(r'href="/acme/traces/([0-9a-f-]{36})"', html)
        path = next((unescape(one) for one in re.findall(r'href="([^"]*)" rel="next"', html)), "")
    total = stage.json("acme/requests", range="custom", **{"from": "2020-01-01", "to": "2026-12-31"})["totals"][
        "requests"
    ]
    assert len(seen) == len(set(seen)) == total > 100


def test_every_page_of_figures_ends_with_what_they_are_made_of(stage: Stage):
    for path in ("overview", "projects", "projects/web", "requests"):
        html = stage.html(f"/acme/{path}")
        foot = html[html.index('<footer class="foot"') :]
        answer: dict[str, Any] = stage.json(f"acme/{path}")
        assert answer["build_id"] in foot
        assert answer["time_zone"] in foot
        for count, words in (
            (answer["totals"]["unpriced_requests"], "unknown cost"),
            (answer["withheld_requests"], "Withheld"),
        ):
            assert (words in foot) == (count > 0)
        assert 'class="sync ' in html


def test_every_table_names_its_rows_and_its_columns_once():
    for name in (
        "projects",
        "top-projects",
        "top-models",
        "spend-by-day",
        "by-developer",
        "by-model",
        "spend-over-time",
    ):
        found = source_of_table(name)
        assert found is not None
        keys = [column.key for column in found[0].columns]
        assert len(keys) == len(set(keys))


def test_numbers_are_short_where_they_are_large_and_exact_where_they_are_small():
    assert [shortened(n) for n in (999, 9_999, 45_678, 1_234_567)] == ["999", "9,999", "45.7\u202fk", "1.23\u202fM"]
    assert [precise(a) for a in ("0", "1.5", "0.00347", "-0.000004", "1234.56789")] == [
        "$0.00", "$1.50", "$0.00347", "\u2212$0.000004", "$1,234.56789",
    ]  # fmt: skip


def test_the_script_is_one_file_kept_for_a_year_under_a_name_of_its_own(stage: Stage):
    (path,) = re.findall(r'<script src="([^"]*)" defer></script>', stage.html("/acme/overview"))
    answer = stage.reader.get(path)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "data-chart" in answer.text
    assert stage.reader.get(path.replace("/charts.js", "0/charts.js")).status_code == 404
    assert len(list(stage.world.home.page_assets.iterdir())) == 1
