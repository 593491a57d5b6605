"""The filter rail of pages: state in the URL, forgiving of old links, and cost centres as filters everywhere."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from api.dashboards.filters import NO_SUCH_PROJECT, Filters, parse_filters
from tests.api.pages.conftest import CENTRES, Stage

VIEWS = ("overview", "projects", "requests")


def chips(html: str) -> list[str]:
    (block,) = re.findall(r'<ul class="chips".*?</ul>', html, re.DOTALL) or [""]
    return [unescape(found) for found in re.findall(r'<a [^>]*href="([^"]*)"', block)]


def test_a_filter_is_in_every_link_to_another_view_and_ticked_in_the_form(stage: Stage):
    html = stage.html("/acme/overview?range=last_7d&provider=openai&model=gpt-5&cost_center=client-work")
    (nav,) = re.findall(r'<nav class="side".*?</nav>', html, re.DOTALL)
    for view in VIEWS:
        (query,) = re.findall(rf'href="/acme/{view}\?([^"]*)"', nav)
        assert parse_qs(unescape(query)) == {
            "range": ["last_7d"], "provider": ["openai"], "model": ["gpt-5"], "cost_center": ["client-work"],
        }  # fmt: skip
    assert 'href="/acme/members"' in nav
    for name, value in (("provider", "openai"), ("model", "gpt-5"), ("cost_center", "client-work")):
        assert re.search(rf'name="{name}" value="{value}" checked', html)
    assert re.search(r'name="range" value="last_7d" checked', html)


@pytest.mark.parametrize("path", ["overview", "projects", "projects/web"])
def test_links_within_a_page_to_other_figures_carry_its_filter(stage: Stage, path: str):
    html = stage.html(f"/acme/{path}?range=last_7d&provider=openai")
    (main,) = re.findall(r"<main.*?</main>", re.sub(r'<ul class="chips".*?</ul>', "", html, flags=re.DOTALL), re.DOTALL)
    links = [
        unescape(found)
        for found in re.findall(r'href="(/acme/(?:projects|requests|cost-centers)(?:[/?][^"]*)?)"', main)
    ]
    assert links
    for link in links:
        given = parse_qs(urlsplit(link).query)
        # A figure of another period, such as today's, leads to that period.
        assert "range" in given, link
        assert given.get("provider") == ["openai"], link


def test_each_chip_leads_to_the_page_without_it_and_one_to_the_page_without_any(stage: Stage):
    html = stage.html("/acme/requests?provider=openai&provider=anthropic&project=web&search=req_1")
    *single, everything = chips(html)
    left = [dict(parse_qsl(urlsplit(one).query)) for one in single]
    assert {"provider": "openai", "project": "web", "search": "req_1"} in left
    assert {"provider": "anthropic", "project": "web", "search": "req_1"} in left
    assert len(left) == 3
    assert everything == "/acme/requests?search=req_1"
    assert chips(stage.html("/acme/requests")) == []


@pytest.mark.parametrize("view", VIEWS)
def test_an_old_or_mistyped_link_is_answered_with_a_notice(stage: Stage, view: str):
    html = stage.html(f"/acme/{view}?range=fortnight&colour=red")
    assert 'role="alert"' in html
    assert "last 30 days instead" in html
    assert "does not exist; it was left out" in html
    assert "fortnight" not in html
    assert "colour" not in html
    assert 'role="alert"' not in stage.html(f"/acme/{view}?range=last_7d&from=2026-01-01&to=2026-01-02")


def test_a_chosen_value_without_requests_stays_visible_and_removable(stage: Stage):
    html = stage.html("/acme/overview?model=gone%2C%5C%3Cb%3E")
    assert "<b>" not in html
    assert chips(html)


def test_a_project_with_a_comma_survives_the_form(stage: Stage):
    filters = parse_filters(projects=["a\\,b"])
    assert filters.projects == ("a,b",)
    html = stage.html("/acme/overview?" + filters.query_string())
    assert 'name="project" value="a\\,b" checked' in html


def test_a_cost_centre_is_its_projects_in_every_view(stage: Stage):
    mine = [project for project, centre in CENTRES.items() if centre == "client-work"]
    for view in ("overview", "projects", "requests", "devices"):
        by_centre = stage.json(f"acme/{view}", cost_center="client-work")
        by_project = stage.json(f"acme/{view}", project=mine)
        assert by_centre["totals"] == by_project["totals"]
        assert by_centre["totals"]["requests"] > 0
        assert by_centre["filters"]["cost_center"] == ["client-work"]
        assert by_centre["filters"]["project"] == []
        assert by_centre["filters"]["query_string"] == "cost_center=client-work"
    listed = stage.json("acme/projects", cost_center="client-work")["projects"]
    assert {one["project"] for one in listed} == set(mine)


def test_cost_centres_and_projects_narrow_one_another(stage: Stage):
    web = stage.json("acme/overview", project="web")["totals"]
    assert stage.json("acme/overview", project=["web", "batch-summariser"], cost_center="client-work")["totals"] == web
    for nothing in (
        {"project": "batch-summariser", "cost_center": "client-work"},
        {"cost_center": "idle"},
        {"cost_center": "no-such"},
    ):
        totals = stage.json("acme/overview", **nothing)["totals"]
        assert (totals["requests"], Decimal(totals["cost_usd"])) == (0, 0)
        assert stage.json("acme/requests", **nothing)["requests"] == []


def test_the_filters_route_names_cost_centres_that_have_projects(stage: Stage):
    assert stage.json("acme/filters")["cost_centers"] == [
        {"cost_center": "client-work", "name": "Client Work"},
        {"cost_center": "r-d", "name": "R&D"},
    ]


def test_a_resolved_filter_still_says_what_was_asked_for():
    asked = parse_filters(projects=["web", "app"], cost_centers=["r-d"])
    resolved = asked.resolved({"web", "other"})
    assert resolved.projects == ("web",)
    assert resolved.query_string() == asked.query_string()
    assert asked.resolved({"other"}).projects == (NO_SUCH_PROJECT,)
    assert Filters().resolved({"web"}) == Filters()
    assert resolved.only_project("app") == Filters(projects=("app",))
    assert resolved.without_projects().query_string() == "cost_center=r-d"


def test_a_filter_that_nothing_fits_says_so_with_the_way_back(stage: Stage):
    html = stage.html("/acme/overview?range=last_7d&project=nosuch")
    (notice,) = re.findall(r'<div class="empty" role="status">.*?</div>', html, re.DOTALL)
    assert "Nothing matches this filter" in notice
    assert 'href="/acme/overview?range=last_7d"' in notice
    assert "of everything, whatever the filter says" in html or "None is set." in html
    assert "Nothing matches" not in stage.html("/acme/overview?range=last_7d")
    assert stage.reader.get("/acme/charts/spend-by-provider.json?project=nosuch").json()["datasets"] == {"rows": []}


def test_reports_asked_for_on_a_page_start_at_its_period(stage: Stage):
    days = "range=custom&from=2026-03-02&to=2026-03-09"
    centres = stage.html(f"/acme/cost-centers?{days}")
    (link,) = re.findall(r'href="([^"]*)">Statement for Globex', centres)
    assert parse_qs(urlsplit(unescape(link)).query) == {
        "kind": ["statement"], "client": ["Globex"], "period": ["custom"], "from": ["2026-03-02"], "to": ["2026-03-09"],
    }  # fmt: skip
    for page in (f"/acme/projects/web?{days}", f"/acme/executive?{days}", unescape(link)):
        html = stage.html(page)
        assert re.search(r'<option value="custom" selected>', html), page
        assert re.search(r'name="from" type="date" value="2026-03-02"', html), page
    assert '<option value="last_month" selected>' in stage.html("/acme/executive?range=last_month")
