"""CSV of lists that are no figures: what the page lists, for whoever may look at it, safe in spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest

from api.access.permissions import Permission
from api.pages import dashboard
from api.pages.shell import TEMPLATES
from tests.api.pages.analysed import Analysed

LISTS = {
    "members": ("members", "user_id"),
    "settings/devices": ("paired-devices", "device_id"),
    "settings/advanced": ("api-keys", "id"),
    "settings/budgets": ("budgets", "slug"),
    "projects/web": ("reattributions", "id"),
    "executive": ("executive-months", "month"),
    "rates": ("rates", "rate_id"),
}


def rows_of(looked_at: Analysed, path: str) -> list[dict[str, str]]:
    answer = looked_at.admin.get(path)
    assert answer.status_code == 200, answer.text[-500:]
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.mark.parametrize("page", ["members", "settings/devices", "settings/budgets", "executive"])
def test_a_list_leads_to_its_csv_which_has_a_row_for_each_of_its_rows(looked_at: Analysed, page: str) -> None:
    name, key = LISTS[page]
    html = looked_at.html(f"/acme/{page}")
    (path,) = {unescape(one) for one in re.findall(rf'href="(/acme/tables/{name}\.csv[^"]*)"', html)}
    rows = rows_of(looked_at, path)
    assert all(key in row for row in rows)
    before = html[: html.index(f"/acme/tables/{name}.csv")]
    table = before[before.rindex("<table") :]
    assert table.count('<th scope="row"') == len(rows) > 0


def test_members_machines_and_budgets_are_those_of_the_json(looked_at: Analysed) -> None:
    members = {row["email"]: row["role"] for row in rows_of(looked_at, "/acme/tables/members.csv")}
    told = looked_at.admin.json("GET", "/v1/acme/members").json()["members"]
    assert members == {one["email"]: one["role"] for one in told}
    machines = {
        row["device_id"]: (row["state"], row["machines"])
        for row in rows_of(looked_at, "/acme/tables/paired-devices.csv")
    }
    assert machines == {
        one["device_id"]: (one["state"], "; ".join(one["machines"]))
        for one in looked_at.json("acme/devices")["devices"]
    }
    spent = {(row["scope"], row["slug"]): row["spent_usd"] for row in rows_of(looked_at, "/acme/tables/budgets.csv")}
    assert spent == {
        (one["scope"], one["slug"] or ""): one["spent_usd"] for one in looked_at.json("acme/budgets")["budgets"]
    }


def test_whoever_may_not_look_at_a_list_gets_no_csv_of_it(looked_at: Analysed) -> None:
    key = {"Authorization": f"Bearer {looked_at.world.keys['acme']}"}
    get = looked_at.world.client.get
    assert get("/acme/tables/paired-devices.csv", headers=key).status_code == 200
    for name in ("members", "invitations", "api-keys", "exports"):
        assert get(f"/acme/tables/{name}.csv", headers=key).status_code == 403
    assert looked_at.member.get("/acme/tables/members.csv").status_code == 200
    assert looked_at.member.get("/acme/tables/exports.csv").status_code == 403
    assert looked_at.world.client.get("/acme/tables/members.csv").status_code == 401


def test_keys_and_invitations_tell_no_secret(looked_at: Analysed) -> None:
    for name in ("api-keys", "invitations", "bill-connections"):
        text = looked_at.admin.get(f"/acme/tables/{name}.csv").text
        assert not re.search(r"hm_api_|/invitations/|secret|credential", text)


def test_a_bill_that_is_not_there_has_no_lines(looked_at: Analysed) -> None:
    assert looked_at.admin.get("/acme/tables/bill-lines.csv?period=nothing").status_code == 404


def test_every_table_of_every_page_has_its_csv(looked_at: Analysed) -> None:
    """A table that is written by hand leads to a CSV right below, or says here why it has none."""
    without = {
        "tables.html": "the macro of all others",
        "me.html": "one's own browsers, of no workspace",
        "plan/page.html": "the price list",
        "plan/confirm.html": "a quote to be confirmed",
        "reference/page.html": "documentation",
        "bills/upload.html": "the file that was just uploaded",
        "audit/list.html": "has a button of its own for the whole log",
    }
    assert "/v1/acme/audit.csv" in looked_at.html("/acme/audit")
    for path in sorted(TEMPLATES.rglob("*.html")):
        text, name = path.read_text(), path.relative_to(TEMPLATES).as_posix()
        tables = len(re.findall(r"<table\b", text))
        if tables and name not in without:
            known = set(re.findall(r'parts\.csv\(\w+(?:\.\w+)?, "([a-z-]+)"', text))
            history = name == "optimisation/catalog.html"  # one table of all checks stands below
            assert len(known) >= tables - history, name
            assert all(dashboard.source_of_table(one) for one in known), name


def test_tables_of_figures_need_no_more_than_looking_at_them() -> None:
    found = dashboard.source_of_table("projects")
    assert found is not None
    assert found[2] is Permission.VIEW_DASHBOARDS
