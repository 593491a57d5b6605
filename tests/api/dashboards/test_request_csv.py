"""Requests as CSV."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboards.request_csv import COLUMNS, safe_text
from tests.api.dashboards.facts import TOKENS, ZONES
from tests.api.dashboards.world import World
from tests.faults.hostile.names import NAMES, is_run

EVER = {"range": "custom", "from_": "2026-01-01", "to": "2026-04-30"}
MONEY = ("cost_usd", "subscription_imputed_usd", "imported_usd", "other_basis_usd", "cost_priced_usd")


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def test_another_workspaces_csv_is_the_404_of_an_absent_one(world: World):
    foreign, absent = world.get("acme/requests.csv", key="island"), world.get("nobody/requests.csv", key="island")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content


@pytest.mark.parametrize("workspace", ZONES)
@pytest.mark.parametrize("query", [EVER, {}, {"range": "last_24h"}, {"provider": "openai", "range": "last_month"}])
def test_the_csv_is_the_whole_answer_in_the_same_order(world: World, workspace: str, query: dict[str, Any]):
    answer = world.get(f"{workspace}/requests.csv", **query)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="requests-{workspace}.csv"'
    rows = rows_of(answer)
    totals = world.json(f"{workspace}/requests", **query)["totals"]
    assert len(rows) == totals["requests"]
    for name in MONEY:
        assert sum(Decimal(row[name] or 0) for row in rows) == Decimal(totals[name])
    for name in TOKENS:
        assert sum(int(row[name]) for row in rows) == totals[name]
    order = [(row["requested_at"], row["request_id"]) for row in rows]
    assert [row["request_id"] for row in rows] == [key[1] for key in sorted(order, key=_moment, reverse=True)]


def _moment(key: tuple[str, str]) -> tuple[str, str]:
    # A full second has no fraction in its text.
    return (key[0] if "." in key[0] else key[0].replace("Z", ".000000Z")), key[1]


def test_no_cell_is_a_formula_and_numbers_stand_as_they_are(world: World):
    rows = rows_of(world.get("acme/requests.csv", **EVER))
    assert "'=cmd()" in {row["project"] for row in rows}
    assert "'=Ada's laptop" in {row["device_name"] for row in rows}
    assert any(row["idempotency_key"].startswith("'+key-") for row in rows)
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
        assert all(row[name] == "" or Decimal(row[name]) >= 0 for name in MONEY)


@given(
    st.text(st.characters(exclude_categories=["Cs"])) | st.text("=-@;|\t\n \"'\u200b\uff1da1") | st.sampled_from(NAMES)
)
def test_text_is_never_the_start_of_a_formula(text: str):
    shown = safe_text(text) or ""
    assert not is_run(shown)
    assert shown.replace("'", "") == text.replace("'", "")


def test_an_empty_csv_has_its_header(world: World):
    for workspace, query in (("empty", {}), ("acme", {"project": "ceiling"})):
        assert world.get(f"{workspace}/requests.csv", **query).text == ",".join(COLUMNS) + "\r\n"


def test_search_narrows_the_csv_as_it_does_the_pages(world: World):
    shown = world.json("acme/requests", search="key-", limit=500, **EVER)
    assert shown["csv_path"].startswith("/acme/requests.csv?")
    rows = rows_of(world.get(shown["csv_path"].removeprefix("/")))
    assert [row["request_id"] for row in rows] == [row["request_id"] for row in shown["requests"]]


def test_an_unchanged_csv_is_not_sent_again(world: World):
    tag = world.get("acme/requests.csv").headers["etag"]
    again = world.get("acme/requests.csv", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    other = world.get("acme/requests.csv", headers={"If-None-Match": tag}, project="web")
    assert other.status_code == 200


def test_the_csv_takes_no_paging(world: World):
    assert world.get("acme/requests.csv", limit=5).status_code == 422
