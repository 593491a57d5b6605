"""Two laptops and a cloud: what the dashboards say is what both laptops say, and every link can be ended."""

from __future__ import annotations

import json
import stat
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from daemon.calls.tokens import Tokens
from daemon.clock import SystemClock
from daemon.config import load_config
from daemon.store.store import Store
from tests.daemon.capture_environment import capture_python
from tests.daemon.two_laptops.company import PRIVATE, WORKSPACE, Company, Machine, shared_sum
from tests.daemon.upstreams import Upstream

__all__ = ["capture_python"]

KINDS = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
MONIES = {
    "cost_usd": "cost_millicents",
    "subscription_imputed_usd": "subscription_imputed_millicents",
    "imported_usd": "imported_millicents",
}
COUNTS = {
    "requests": "requests",
    "error_requests": "error_count",
    "unpriced_requests": "cost_excluded_count",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "thinking_tokens": "thinking_tokens",
    "cached_tokens": "cached_tokens",
    "cache_write_tokens": "cache_write_tokens",
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, capture_python: Any) -> Iterator[Company]:
    with Upstream() as first, Upstream() as second:
        company = Company(tmp_path_factory.mktemp("company"), capture_python, (first, second))
        try:
            company.tell()
            yield company
        finally:
            company.close()


def usd(millicents: int) -> Decimal:
    return Decimal(millicents) / 100_000


def kinds(tokens: list[Tokens]) -> dict[str, int]:
    return {kind: sum(getattr(one, kind) for one in tokens) for kind in KINDS}


def test_each_report_has_exactly_what_its_laptop_did(company: Company) -> None:
    for machine, report in zip(company.machines, company.reports, strict=True):
        assert report["summary"]["requests"] == len(machine.tokens)
        assert report["summary"]["tokens"] == kinds(machine.tokens)
        assert report["summary"]["thinking_tokens"] == sum(one.thinking for one in machine.tokens)
        assert {one["project"] for one in report["by_project"]} == {"acme-api", "web-shop", "after-pairing", PRIVATE}


def test_the_overview_is_the_sum_of_both_reports_to_the_millicent_and_the_token(company: Company) -> None:
    totals = company.dashboards("/overview")["totals"]
    for shown, told in MONIES.items():
        assert Decimal(totals[shown]) == usd(shared_sum(company.reports, lambda row, told=told: row[told])), shown
        assert Decimal(totals[shown]) > 0, shown
    for shown, told in COUNTS.items():
        assert int(totals[shown]) == shared_sum(company.reports, lambda row, told=told: row[told]), shown
    assert totals["tokens"] == {
        kind: shared_sum(company.reports, lambda row, kind=kind: row["tokens"][kind]) for kind in KINDS
    }
    assert totals["error_requests"] == 6
    assert totals["unpriced_requests"] > 0


def test_the_cloud_s_own_price_is_the_laptops(company: Company) -> None:
    totals = company.dashboards("/overview")["totals"]
    # Laptops round each call to a millicent, half to even; the cloud adds up picodollars.
    apart = abs(Decimal(totals["cost_priced_usd"]) - Decimal(totals["cost_usd"]))
    assert apart <= usd(1) / 2 * totals["requests"]


@pytest.mark.parametrize(("path", "rows", "name"), [("/projects", "projects", "project")])
def test_every_project_is_the_sum_of_both_reports(company: Company, path: str, rows: str, name: str) -> None:
    shown = {one[name]: (one["requests"], Decimal(one["cost_usd"])) for one in company.dashboards(path)[rows]}
    requests, cost = Counter[str](), Counter[str]()
    for report in company.reports:
        for row in report["by_project"]:
            requests[row["project"]] += row["requests"]
            cost[row["project"]] += row["cost_millicents"]
    assert shown == {one: (requests[one], usd(cost[one])) for one in requests if one != PRIVATE}


def test_a_filter_by_device_is_that_laptop_s_report(company: Company) -> None:
    for report, status in zip(company.reports, company.statuses, strict=True):
        totals = company.dashboards("/overview", device=status["machine_id"])["totals"]
        assert totals["requests"] == shared_sum([report], lambda row: row["requests"])
        assert Decimal(totals["cost_usd"]) == usd(shared_sum([report], lambda row: row["cost_millicents"]))


def test_the_private_project_stays_on_its_laptop_and_each_side_says_so(company: Company) -> None:
    for machine, report, status, reconciled in zip(
        company.machines, company.reports, company.statuses, company.reconciliations, strict=True
    ):
        [row] = [one for one in report["by_project"] if one["project"] == PRIVATE]
        assert row["requests"] == machine.private > 0
        assert status["withheld"] == {PRIVATE: machine.private}
        assert (status["state"], status["unsynced_record_count"]) == ("ACTIVE", 0)
        assert reconciled["total"]["withheld"] == machine.private
    assert PRIVATE not in json.dumps([company.dashboards("/projects"), company.dashboards("/requests", limit=500)])
    for file in (company.cloud.home / "landing").rglob("*.parquet"):
        assert PRIVATE.encode() not in file.read_bytes()


def test_both_laptops_reconcile_with_no_difference_at_all(company: Company) -> None:
    for machine, reconciled in zip(company.machines, company.reconciliations, strict=True):
        assert reconciled["total"]["here"] == reconciled["total"]["cloud"]
        assert all(row["here"] == row["cloud"] for row in reconciled["rows"])
        assert Decimal(reconciled["variance_percent"]) == 0
        assert reconciled["total"]["here"]["request_count"] == len(machine.tokens) - machine.private
        assert (reconciled["total"]["waiting"], reconciled["total"]["quarantined"]) == (0, 0)


def test_every_batch_s_digest_is_the_cloud_s(company: Company) -> None:
    for machine, receipts in zip(company.machines, company.receipts, strict=True):
        batches = receipts["batches"]
        assert {one["verdict"] for one in batches} == {"same"}
        assert all(one["cloud_sha256"] == one["records_sha256"] for one in batches)
        assert sum(one["rows"] for one in batches) == len(machine.tokens) - machine.private
        assert sum(one["duplicates"] for one in batches) == 0


def test_after_disconnect_nothing_of_the_link_is_left_and_calls_are_recorded_as_before(company: Company) -> None:
    machine = company.machines[0]
    token = machine.home.load()
    assert token is not None
    assert stat.S_IMODE(machine.home.credentials_path.stat().st_mode) == 0o600
    host = httpx.URL(company.cloud.base_url).netloc.decode()
    assert machine.says("cloud", "disconnect").splitlines() == [
        f"● Revoking token at {host}…",
        "● Token revoked.",
        "● Local: cloud.enabled = false; credentials wiped.",
    ]
    assert not machine.home.credentials_path.exists()
    assert not machine.home.cloud_key_path.exists()
    assert load_config(machine.home).cloud.enabled is False
    with Store(machine.home.database_path, SystemClock()) as store:
        state = store.cloud_state()
    assert (state.workspace_id, state.machine_id, state.api_key_ciphertext) == (None, None, None)
    assert machine.json("cloud", "status", code=1)["state"] == "NOT-CONFIGURED"
    refused = httpx.get(
        f"{company.cloud.base_url}/v1/daemon/whoami", headers={"Authorization": f"Bearer {token.api_key}"}
    )
    assert refused.status_code == 401
    machine.message(Tokens(uncached_input=1, output=1), "acme-api")
    machine.recorded()
    assert machine.json("report")["summary"]["requests"] == len(machine.tokens)


def test_a_revoked_laptop_rests_until_it_is_paired_again_and_a_deleted_workspace_ends_it(company: Company) -> None:
    machine = company.machines[1]
    revoked = machine.json("cloud", "whoami")["machine_id"]
    company.cloud.answer_here("device", "revoke", revoked, "--workspace", WORKSPACE)
    makes_a_call(machine)
    assert machine.pauses() == "paused_unauthorised"
    status = machine.json("cloud", "status", code=1)
    assert (status["state"], status["paused_reason"]) == ("PAUSED", "paused_unauthorised")
    assert status["unsynced_record_count"] == 1
    assert machine.connect(company.cloud)["already_connected"] is False
    assert machine.synced()["state"] == "ACTIVE"
    company.cloud.answer_here("workspace", "delete", WORKSPACE, "--yes")
    makes_a_call(machine)
    assert machine.pauses() == "paused_workspace_deleted"
    status = machine.json("cloud", "status", code=1)
    assert (status["state"], status["paused_reason"]) == ("PAUSED", "paused_workspace_deleted")
    assert status["unsynced_record_count"] == 1


def makes_a_call(machine: Machine) -> None:
    machine.message(Tokens(uncached_input=1, output=1), "acme-api")
    machine.recorded()
