"""Simulated providers bill the calls they served, priced on their own, with the differences that real bills have."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli.main import main
from daemon.simulate.history import Plan, generate
from daemon.simulate.invoices import HEADER, OTHER_KEY, TEAM_KEY, Invoice, invoices
from daemon.wire.record import Record

PLAN = Plan(rows=6_000, days=80, until=datetime(2026, 11, 21, 18, tzinfo=UTC), devices=2)
LAST_DAY = date(2026, 11, 20)
CENT = 10**10
MILLICENT = 10**7


@pytest.fixture(scope="module")
def metered() -> list[Record]:
    return [record for index in (0, 1) for record in generate(replace(PLAN, device_index=index))]


@pytest.fixture(scope="module")
def unmetered() -> list[Record]:
    return generate(replace(PLAN, device_index=2, devices=3))


@pytest.fixture(scope="module")
def made(metered: list[Record], unmetered: list[Record]) -> list[Invoice]:
    return invoices(metered, unmetered, LAST_DAY)


def cells(invoice: Invoice, key: str) -> dict[tuple[str, str], tuple[int, int]]:
    return {(day, model): sums for (day, model, whose), sums in invoice.usage.items() if whose == key}


def test_every_call_that_was_served_and_not_under_a_subscription_is_billed_once(
    made: list[Invoice], metered: list[Record]
) -> None:
    served: Counter[tuple[str, str, str]] = Counter()
    logged: Counter[tuple[str, str, str]] = Counter()
    for record in metered:
        if record.billing_basis is None and record.requested_at[:10] <= LAST_DAY.isoformat():
            if record.status == "success" or record.input_tokens:
                served[record.provider, record.requested_at[:10], record.model] += 1
            if record.cost_millicents:
                logged[record.provider, record.requested_at[:10], record.model] += record.cost_millicents
    billed = {(invoice.provider, *cell): sums for invoice in made for cell, sums in cells(invoice, TEAM_KEY).items()}
    assert {cell: requests for cell, (_, requests) in billed.items()} == served
    for cell, (cost, requests) in billed.items():
        if cell in logged:  # each logged cost was rounded to a millicent
            assert abs(cost - logged[cell] * MILLICENT) <= requests * MILLICENT // 2
    unlisted = {cell[2] for cell in billed if cell not in logged and billed[cell][0] >= MILLICENT}
    assert unlisted <= {"acme-router-v2", "claude-next-preview", "acme-llama-ft-70b"} != set()


def test_a_machine_nobody_paired_is_some_per_cent_of_the_newest_month_but_one(made: list[Invoice]) -> None:
    by_key: Counter[tuple[str, str]] = Counter()
    for invoice in made:
        for (_, _, key), (cost, _) in invoice.usage.items():
            by_key[invoice.month, key] += cost
    assert {month for month, key in by_key if key == OTHER_KEY} == {"2026-10"}
    assert 0.035 <= by_key["2026-10", OTHER_KEY] / by_key["2026-10", TEAM_KEY] < 0.05


def test_lines_are_whole_cents_with_tax_and_one_credit_in_the_newest_month(made: list[Invoice]) -> None:
    given = []
    for invoice in made:
        rows = [dict(zip(HEADER, row, strict=True)) for row in csv.reader(invoice.csv().splitlines()[1:])]
        cents = Counter[str]()
        for row in rows:
            assert (row["Date"][:7], row["Currency"]) == (invoice.month, "USD")
            cents[row["Type"]] += round(float(row["Amount"]) * 100)
        usage = [row for row in rows if row["Type"] == "Usage"]
        assert abs(cents["Usage"] * CENT - invoice.picodollars) <= len(usage) * CENT // 2
        assert sum(int(row["Requests"]) for row in usage) == sum(count for _, count in invoice.usage.values())
        assert cents["Tax"] == (cents["Usage"] + cents["Credit"]) * 20 // 100
        if cents["Credit"]:
            given.append((invoice.month, cents["Credit"]))
    newest = sum(invoice.picodollars for invoice in made if invoice.month == "2026-11")
    assert given == [("2026-11", -(newest * 12 // 1_000 // CENT))]


def test_before_a_day_is_over_nothing_is_billed(metered: list[Record]) -> None:
    assert invoices(metered, [], date(2026, 1, 1)) == []


def test_the_command_writes_a_file_per_invoice_and_says_which(tmp_path: Path) -> None:
    said = []
    for name in ("first", "again"):
        options = ["--rows", "400", "--days", "40", "--devices", "2", "--until", "2026-11-21T18:00:00Z"]
        result = CliRunner().invoke(main, ["simulate-bills", *options, "--out", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        said.append(json.loads(result.stdout)["invoices"])
    first, again = ([Path(one["file"]).read_bytes() for one in files] for files in said)
    assert first == again != []
    assert {Path(one["file"]).name for one in said[0]} == {f"{one['provider']}-{one['month']}.csv" for one in said[0]}
    assert CliRunner().invoke(main, ["simulate-bills", "--out", str(tmp_path)]).exit_code == 2
