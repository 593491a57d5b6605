"""Projects, cost centres and budgets over HTTP: JSON and pages, by role."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine

from api.db.models import Plan, Role
from api.projects import observe_projects
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Browser, People, Tenants
from tests.conftest import on_sqlite

SLUGS = ["team/api", "web", "team/api/archive", '<b>"x"&']


@pytest.fixture
def acme(engine: Engine, workspace_id: str, clock: FixedClock) -> str:
    with engine.begin() as connection:
        observe_projects(connection, workspace_id, SLUGS, to_micros(clock.now()))
    return workspace_id


@pytest.fixture
def admin(people: People, acme: str) -> Browser:
    return people.member(acme, "ada@acme.co", Role.ADMIN)


@pytest.fixture
def member(people: People, acme: str) -> Browser:
    return people.member(acme, "mel@acme.co", Role.MEMBER)


def settings(browser: Browser) -> dict[str, Any]:
    answer = browser.json("GET", "/v1/acme-co/project-settings")
    assert answer.status_code == 200, answer.text
    return {one["project"]: one for one in answer.json()["projects"]}


@on_sqlite
def test_settings_change_by_json_and_absent_fields_stay(admin: Browser) -> None:
    made = admin.json("POST", "/v1/acme-co/cost-centers", {"name": "Client Work"})
    assert (made.status_code, made.json()["cost_centre"]) == (201, "client-work")
    path = "/v1/acme-co/projects/team/api"
    changed = admin.json("PATCH", path, {"display_name": "API", "hourly_rate": {"amount": "120.5", "currency": "EUR"}})
    assert changed.status_code == 200, changed.text
    admin.json("PATCH", path, {"cost_centre": "client-work", "client_name": "Globex"})
    admin.json("PATCH", path, {"client_name": None})
    assert settings(admin)["team/api"] == {
        **changed.json(),
        "display_name": "API",
        "hourly_rate": {"amount": "120.50", "currency": "EUR"},
        "cost_centre": "client-work",
        "client_name": None,
    }
    assert admin.json("PATCH", path, {"slug": "other"}).status_code == 422
    assert admin.json("PATCH", path, {"hourly_rate": {"amount": "1e3", "currency": "EUR"}}).status_code == 422


@on_sqlite
def test_a_slug_that_ends_like_an_action_is_a_slug(admin: Browser) -> None:
    archived = admin.json("POST", "/v1/acme-co/projects/team/api/archive/archive")
    assert (archived.status_code, archived.json()["project"]) == (200, "team/api/archive")
    found = settings(admin)
    assert {slug for slug, one in found.items() if one["state"] == "archived"} == {"team/api/archive"}
    assert admin.json("POST", "/v1/acme-co/projects/team/api/archive/restore").json()["state"] == "active"
    saved = admin.post_form("/acme-co/projects/team%2Fapi%2Farchive", {"action": "save", "display_name": "Named"})
    assert saved.headers["location"] == "/acme-co/projects/team%2Fapi%2Farchive?done=saved"
    found = settings(admin)
    assert {slug: one["display_name"] for slug, one in found.items() if one["display_name"]} == {
        "team/api/archive": "Named"
    }
    assert {one["state"] for one in found.values()} == {"active"}


@on_sqlite
def test_reattributions_are_decided_listed_and_withdrawn_by_json(admin: Browser) -> None:
    asked = {"from_project": "web", "to_project": "team/api", "first_day": "2026-03-01", "reason": "wrong folder"}
    decided = admin.json("POST", "/v1/acme-co/reattributions", asked)
    assert decided.status_code == 201, decided.text
    one = decided.json()
    assert (one["starts_at"], one["ends_at"], one["decided_by"]) == ("2026-03-01T00:00:00Z", None, "ada@acme.co")
    withdrawn = admin.json("POST", f"/v1/acme-co/reattributions/{one['id']}/withdraw")
    assert withdrawn.json()["withdrawn_at"] is not None
    assert admin.json("GET", "/v1/acme-co/reattributions").json() == {"reattributions": [withdrawn.json()]}
    assert admin.json("POST", f"/v1/acme-co/reattributions/{one['id']}/withdraw").status_code == 404


WRITES = [
    ("PATCH", "projects/web", {"display_name": "x"}),
    ("POST", "projects/web/archive", None),
    ("POST", "projects/web/restore", None),
    ("POST", "reattributions", {"from_project": "web", "to_project": "team/api"}),
    ("POST", "reattributions/x/withdraw", None),
    ("POST", "cost-centers", {"name": "x"}),
    ("PATCH", "cost-centers/x", {"name": "x"}),
    ("POST", "cost-centers/x/archive", None),
    ("POST", "cost-centers/x/restore", None),
    ("PUT", "budgets", {"scope": "workspace", "monthly_usd": "5"}),
    ("POST", "budgets/remove", {"scope": "workspace"}),
]
PAGES = ["projects", "projects/team%2Fapi", "cost-centers", "settings/budgets"]
FORMS = [
    ("projects/web", {"action": "archive", "confirmed": "yes"}),
    ("reattributions/x/withdraw", {"project": "web"}),
    ("cost-centers", {"name": "x"}),
    ("cost-centers/x", {"action": "archived"}),
    ("settings/budgets", {"of": "workspace", "monthly_usd": "5"}),
    ("settings/budgets/remove", {"of": "workspace"}),
]


@on_sqlite
def test_members_look_and_change_nothing_and_strangers_find_nothing(member: Browser, people: People) -> None:
    stranger = people.sign_in("eve@elsewhere.example")
    for method, path, body in WRITES:
        assert member.json(method, f"/v1/acme-co/{path}", body).json()["error"]["code"] == "not_allowed", path
        assert stranger.json(method, f"/v1/acme-co/{path}", body).status_code == 404, path
    for path, fields in FORMS:
        assert member.post_form(f"/acme-co/{path}", fields).status_code == 403, path
        assert stranger.post_form(f"/acme-co/{path}", fields).status_code == 404, path
    for path in PAGES:
        shown = member.get(f"/acme-co/{path}")
        assert shown.status_code == 200, path
        assert shown.text.count("<h1") == 1
        forms = set(re.findall(r'method="post" action="(/acme-co/[^"]*)"', shown.text))
        assert forms <= {"/acme-co/reports"}, path  # reports are members' business too
        assert stranger.get(f"/acme-co/{path}").status_code == 404, path
    for path in ("project-settings", "reattributions", "cost-centers", "budgets"):
        assert member.json("GET", f"/v1/acme-co/{path}").status_code == 200, path
        assert stranger.json("GET", f"/v1/acme-co/{path}").status_code == 404, path


@on_sqlite
def test_a_hostile_slug_is_shown_as_text_everywhere(admin: Browser) -> None:
    hostile = "%3Cb%3E%22x%22%26"
    for path in ("projects", f"projects/{hostile}", "settings/budgets"):
        shown = admin.get(f"/acme-co/{path}")
        assert shown.status_code == 200
        assert "<b>" not in shown.text
        assert "&lt;b&gt;&#34;x&#34;&amp;" in shown.text
    assert settings(admin)['<b>"x"&']["state"] == "active"


@on_sqlite
def test_a_refused_form_comes_back_with_what_was_typed(admin: Browser) -> None:
    path = "/acme-co/projects/web"
    typed = {"action": "save", "display_name": "The Web", "hourly_rate": "lots", "currency": "CHF"}
    refused = admin.post_form(path, typed)
    assert refused.status_code == 422
    assert 'value="The Web"' in refused.text
    assert 'value="lots"' in refused.text
    assert '<option value="CHF" selected>' in refused.text
    assert 'role="alert"' in refused.text
    assert settings(admin)["web"]["display_name"] is None
    move = {"action": "reattribute", "to_project": "web", "first_day": "2026-03-01", "reason": "because"}
    refused = admin.post_form(path, move)
    assert refused.status_code == 422
    assert 'value="2026-03-01"' in refused.text
    assert 'value="because"' in refused.text
    assert admin.post_form(path, {"action": "archive"}).status_code == 422
    assert admin.post_form(path, {"action": "save", "over_ceiling": ""}).status_code == 422
    assert settings(admin)["web"]["state"] == "active"


@on_sqlite
def test_pages_do_what_the_json_does(admin: Browser) -> None:
    path = "/acme-co/projects/web"
    assert admin.post_form("/acme-co/cost-centers", {"name": "R&D"}).headers["location"].endswith("?done=created")
    assert admin.post_form("/acme-co/cost-centers", {"name": "R&D"}).status_code == 409
    form = {"action": "save", "display_name": "Web", "hourly_rate": "99", "currency": "GBP", "cost_centre": "r-d"}
    form["markup_percent"] = "12.5"
    assert admin.post_form(path, form).status_code == 303
    assert settings(admin)["web"] | {"first_seen_at": ""} == {
        "project": "web", "display_name": "Web", "client_name": None, "cost_centre": "r-d", "state": "active",
        "hourly_rate": {"amount": "99.00", "currency": "GBP"}, "first_seen_at": "", "archived_at": None,
        "markup_basis_points": 1_250,
    }  # fmt: skip
    for percent in ("12.345", "1001", "-1", "lots"):
        refused = admin.post_form(path, {**form, "markup_percent": percent})
        assert refused.status_code == 422
        assert f'value="{percent}"' in refused.text
    assert 'value="12.50"' in admin.get(path).text
    assert "R&amp;D" in admin.get("/acme-co/projects").text
    assert admin.post_form(path, {"action": "reattribute", "to_project": "team/api"}).status_code == 303
    shown = admin.get(path).text
    (one,) = re.findall(r"/acme-co/reattributions/([0-9a-f-]{36})/withdraw", shown)
    withdrawn = admin.post_form(f"/acme-co/reattributions/{one}/withdraw", {"project": "web"})
    assert withdrawn.headers["location"] == f"{path}?done=withdrawn"
    assert "withdrawn <time" in admin.get(path).text
    assert "The re-attribution was withdrawn" in admin.get(f"{path}?done=withdrawn").text
    assert "<script>" not in admin.get(f"{path}?done=<script>").text
    assert admin.post_form(path, {"action": "archive", "confirmed": "yes"}).status_code == 303
    assert "Restore this project" in admin.get(path).text
    assert admin.post_form(path, {"action": "restore"}).status_code == 303
    for action in ("renamed", "archived", "restored"):
        done = admin.post_form("/acme-co/cost-centers/r-d", {"action": action, "name": "Research"})
        assert done.headers["location"].endswith(f"?done={action}")
    assert "Research" in admin.get("/acme-co/cost-centers").text


@on_sqlite
def test_budgets_are_set_shown_and_removed_on_their_page(admin: Browser) -> None:
    path = "/acme-co/settings/budgets"
    assert "No budgets yet" in admin.get(path).text
    for of in ("workspace", "project:team/api"):
        assert (
            admin.post_form(path, {"of": of, "monthly_usd": "1500", "alert_percents": "80 %, 100"}).status_code == 303
        )
    found = admin.json("GET", "/v1/acme-co/budgets").json()["budgets"]
    assert [(one["scope"], one["slug"], one["monthly_usd"], one["alert_percents"]) for one in found] == [
        ("workspace", "", "1500.00000", [80, 100]),
        ("project", "team/api", "1500.00000", [80, 100]),
    ]
    assert admin.get(path).text.count("$1,500.00") == 4
    refused = admin.post_form(path, {"of": "workspace", "monthly_usd": "a lot", "alert_percents": "80"})
    assert refused.status_code == 422
    assert 'value="a lot"' in refused.text
    assert admin.post_form(path, {"of": "planet", "monthly_usd": "1"}).status_code == 422
    assert admin.post_form(f"{path}/remove", {"of": "project:team/api"}).status_code == 303
    assert [one["scope"] for one in admin.json("GET", "/v1/acme-co/budgets").json()["budgets"]] == ["workspace"]


@on_sqlite
def test_the_ceiling_of_solo_is_shown_with_what_waits(
    engine: Engine, tenants: Tenants, people: People, clock: FixedClock
) -> None:
    solo = tenants.workspace("Solo", Plan.SOLO)
    owner = people.member(solo, "sol@solo.example", Role.OWNER)
    with engine.begin() as connection:
        observe_projects(connection, solo, [f"p{number}" for number in range(9)], to_micros(clock.now()))
    assert "9 of 10 projects of the Solo plan" in owner.get("/solo/projects").text
    with engine.begin() as connection:
        observe_projects(connection, solo, ["p9", "p10", "p11"], to_micros(clock.now()))
    shown = owner.get("/solo/projects").text
    assert "10 of 10 projects of the Solo plan" in shown
    assert "2 projects are over the ceiling" in shown
    assert "/solo/settings/plan" in shown
    assert "over the ceiling of the Solo plan" in owner.get("/solo/projects/p11").text
    answer = owner.json("GET", "/v1/solo/project-settings").json()
    assert (answer["shown"], answer["ceiling"]) == (10, 10)
    assert [one["state"] for one in answer["projects"]].count("over_ceiling") == 2
