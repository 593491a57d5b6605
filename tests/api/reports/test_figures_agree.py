"""What a PDF says, the JSON says, and the rows add up to."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

from api.reports.words import amount, count, usd
from tests.api.dashboards.facts import metered
from tests.api.reports.conftest import Issued
from tests.api.reports.tools import attached, text_of

MARCH = {"from_": "2026-03-01", "to": "2026-03-31"}


def march(issued: Issued, project: str | None = None):
    first, last = issued.document("project")["first_day"], issued.document("project")["last_day"]
    world = issued.world
    return [
        row
        for row in world.visible("acme", lambda row: project is None or row["project"] == project)
        if first <= world.local_day("acme", row).isoformat() <= last
    ]


def test_the_project_report_says_what_the_json_says_and_the_rows_add_up_to(issued: Issued) -> None:
    figures, text = issued.document("project")["figures"], text_of(issued.pdf("project"))
    answer = issued.world.json("acme/projects/web", **MARCH)
    for name in ("totals", "spend_over_time", "by_model", "by_device", "project", "previous_cost_usd"):
        assert figures[name] == answer[name], name
    rows = march(issued, "web")
    assert Decimal(figures["totals"]["cost_usd"]) == metered(rows) > 0
    assert figures["totals"]["requests"] == len(rows)
    for shown in (usd(figures["totals"]["cost_usd"]), count(len(rows)), "Globex", "$120.00", "1\u201331 March 2026"):
        assert shown in text, shown
    for part in [*figures["by_model"], *(one for one in figures["by_device"] if one["requests"])]:
        assert usd(part["cost_usd"]) in text
    for request in figures["recent_requests"]:
        if request["spend_kind"] == "metered" and request["cost_usd"]:
            assert usd(request["cost_usd"], 4) in text


def test_the_executive_summary_says_what_its_page_says(issued: Issued) -> None:
    figures, text = issued.document("executive")["figures"], text_of(issued.pdf("executive"))
    answer = issued.world.json("acme/executive", **MARCH)
    for name in ("this_month", "last_month", "year_to_date", "change", "top_projects", "reconciliation", "totals"):
        assert figures[name] == answer[name], name
    assert Decimal(figures["totals"]["cost_usd"]) == metered(march(issued))
    for part in (figures["this_month"], figures["last_month"], figures["year_to_date"], *figures["top_projects"]):
        assert usd(part["cost_usd"]) in text


def test_a_statement_charges_its_rows_once_converted_and_lists_every_one(issued: Issued, tmp_path: Path) -> None:
    figures, text = issued.document("statement")["figures"], text_of(issued.pdf("statement"))
    rows = march(issued, "web")
    cost = metered(rows)
    markup = (cost * Decimal("0.15")).quantize(Decimal("0.00001"))
    charge = ((cost + markup) * Decimal("0.9213")).quantize(Decimal("0.01"))
    assert (Decimal(figures["totals"]["cost_usd"]), figures["totals"]["charge"]) == (cost, str(charge))
    for shown in (amount(str(charge), "EUR"), "0.9213", "European Central Bank", "31 March 2026", "15.0%"):
        assert shown in text, shown
    listed = attached(issued.pdf("statement"), "requests.csv", tmp_path)
    parsed = list(csv.DictReader(io.StringIO(listed.decode(), newline="")))
    own = csv.DictReader(io.StringIO(issued.world.get("acme/requests.csv", project="web", **MARCH).text, newline=""))
    hidden = {
        "device_id",
        "device_name",
        "subscription_imputed_usd",
        "imported_usd",
        "other_basis_usd",
        "cost_priced_usd",
    }
    assert not hidden & parsed[0].keys(), "machines and other monies are no client's business"
    assert parsed == [{name: text for name, text in row.items() if name not in hidden} for row in own]
    assert {row["request_id"] for row in parsed} == {row["request_id"] for row in rows}
    assert sum(Decimal(row["cost_usd"] or 0) for row in parsed) == cost


def test_the_figures_inside_are_the_ones_the_server_keeps(issued: Issued, tmp_path: Path) -> None:
    for kind in issued.ids:
        document = issued.row(kind).document or ""
        assert attached(issued.pdf(kind), "figures.json", tmp_path).decode() == document
        assert issued.world.get(f"acme/reports/{issued.ids[kind]}/figures").text == document
