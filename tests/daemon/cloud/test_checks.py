"""`cloud receipts` and `cloud reconcile`: what left, against what the cloud says it has."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from daemon.clock import SystemClock, to_micros
from daemon.cloud.privacy import UploadRules
from daemon.cloud.reconcile import reconciled
from daemon.config import ProjectUpload, UploadConfig
from daemon.store.daily_totals import DailyTotal
from daemon.wire.batch import DaemonTotalsRow
from tests.daemon.cloud.commands import answer, lines, run
from tests.daemon.cloud.laptop import Laptop, call
from tests.daemon.cloud.ledger_cloud import LedgerCloud
from tests.daemon.conftest import WHOAMI, Answer

RECEIPTS = "/v1/daemon/receipts"
TOTALS = "/v1/reconciliation/daemon-totals"


def account(ledger: LedgerCloud, batch_id: str, rows: int, **changes: Any) -> dict[str, Any]:
    facts = {"batch_id": batch_id, "received_at": "2026-11-20T12:00:00Z", "state": "pending", "received": rows}
    facts |= {"landed": rows, "duplicate": 0, "quarantined": 0, "records_sha256": ledger.digests[batch_id]}
    return facts | changes


def serve(ledger: LedgerCloud, accounts: list[dict[str, Any]], connected_at: str = "2026-11-01T00:00:00Z") -> None:
    ledger.script("GET", RECEIPTS, Answer(200, {"receipts": accounts}))
    ledger.script("GET", "/v1/daemon/whoami", Answer(200, WHOAMI | {"connected_at": connected_at}))


def test_digests_of_both_sides_agree(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(700, "prójekt")
    run(laptop.home, "sync")
    sizes = {seen.body["batch_id"]: len(seen.body["records"]) for seen in ledger.requests("/v1/requests/batch")}
    serve(ledger, [account(ledger, batch_id, rows) for batch_id, rows in sizes.items()])
    result = run(laptop.home, "receipts")
    assert result.exit_code == 0
    assert len(lines(result)) == 3
    assert all(line.endswith("same") for line in lines(result)[1:])
    shown = answer(laptop.home, "receipts")["batches"]
    assert {one["batch_id"]: one["records_sha256"] for one in shown} == ledger.digests
    assert [one["verdict"] for one in shown] == ["same", "same"]


@pytest.mark.parametrize(
    ("changes", "verdict", "code"),
    [
        ({"records_sha256": "0" * 64}, "differs", 1),
        ({"received": 2}, "differs", 1),
        ({"records_sha256": None}, "unknown", 0),
    ],
)
def test_what_differs_is_said(
    laptop: Laptop, ledger: LedgerCloud, changes: dict[str, Any], verdict: str, code: int
) -> None:
    laptop.record(3)
    run(laptop.home, "sync")
    [batch_id] = ledger.digests
    serve(ledger, [account(ledger, batch_id, 3, **changes)])
    assert run(laptop.home, "receipts").exit_code == code
    assert answer(laptop.home, "receipts")["batches"][0]["verdict"] == verdict


@pytest.mark.parametrize(
    ("connected_at", "verdict"), [("2020-01-01T00:00:00Z", "missing"), ("2999-01-01T00:00:00Z", "unknown")]
)
def test_a_batch_the_cloud_does_not_know_is_missing_unless_it_went_to_an_earlier_one(
    laptop: Laptop, ledger: LedgerCloud, connected_at: str, verdict: str
) -> None:
    laptop.record(3)
    run(laptop.home, "sync")
    serve(ledger, [], connected_at)
    assert answer(laptop.home, "receipts")["batches"][0]["verdict"] == verdict


def test_a_cloud_without_accounts_and_a_command_that_asks_nobody(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(3)
    run(laptop.home, "sync")
    asked = len(ledger.seen)
    assert run(laptop.home, "receipts", "--offline").exit_code == 0
    assert len(ledger.seen) == asked
    result = run(laptop.home, "receipts")
    assert result.exit_code == 0
    assert "nothing to compare with" in result.stdout


def today_rows(laptop: Laptop, project: str, numbers: range) -> int:
    now = to_micros(SystemClock().now())
    laptop.store.add([call(n, project, requested_at_us=now, recorded_at_us=now) for n in numbers])
    return now


def held(project: str | None, rows: int, tokens: int, cost: int) -> dict[str, Any]:
    day = SystemClock().now().date().isoformat()
    counts = {"request_count": rows, "prompt_tokens": tokens, "completion_tokens": rows}
    return {"project": project, "date": day, **counts, "cost_usd_minor_units": cost}


def test_reconcile_agrees_and_counts_beside_it_what_stays_here(laptop: Laptop, ledger: LedgerCloud) -> None:
    today_rows(laptop, "acme-api", range(1, 11))
    run(laptop.home, "sync")
    laptop.set_upload(per_project={"personal": {"upload": False}})
    today_rows(laptop, "personal", range(11, 14))
    today_rows(laptop, "acme-api", range(14, 16))
    ledger.script("GET", TOTALS, Answer(200, {"rows": [held("acme-api", 10, 55, 55)]}))
    result = run(laptop.home, "reconcile", "--days", "2")
    assert result.exit_code == 0
    assert "● Variance: 0.00 % (within tolerance)" in lines(result)
    assert "● 3 rows stay here by your rules; the cloud is not expected to have them." in lines(result)
    shown = answer(laptop.home, "reconcile", "--days", "2")
    assert (shown["within_tolerance"], shown["total"]["waiting"], shown["total"]["withheld"]) == (True, 2, 3)
    last = SystemClock().now().date()
    asked = f"?from_date={last - timedelta(days=1)}&to_date={last}"
    assert ledger.requests(TOTALS)[-1].path.endswith(asked)
    assert "Last reconcile: never" not in run(laptop.home, "status").stdout


def test_reconcile_exits_1_when_the_cloud_lacks_a_row(laptop: Laptop, ledger: LedgerCloud) -> None:
    today_rows(laptop, "acme-api", range(1, 11))
    run(laptop.home, "sync")
    ledger.script("GET", TOTALS, Answer(200, {"rows": [held("acme-api", 9, 45, 45)]}))
    result = run(laptop.home, "reconcile")
    assert result.exit_code == 1
    assert "(investigate)" in result.stdout


def local(project: str, state: str, rows: int, cost: int = 0) -> DailyTotal:
    return DailyTotal(
        project=project,
        day=date(2026, 11, 20),
        upload_state=state,
        request_count=rows,
        prompt_tokens=rows,
        completion_tokens=rows,
        cost_millicents=cost,
        unpriced_count=0,
    )


def server(project: str | None, rows: int, cost: int = 0) -> DaemonTotalsRow:
    return DaemonTotalsRow(
        project=project,
        date="2026-11-20",
        request_count=rows,
        prompt_tokens=rows,
        completion_tokens=rows,
        cost_usd_minor_units=cost,
    )


@pytest.mark.parametrize(
    ("here", "there", "within"),
    [(1000, 1000, True), (1000, 996, True), (1000, 995, False), (1000, 1005, False), (0, 0, True), (0, 1, False)],
)
def test_half_a_percent_is_too_much(here: int, there: int, within: bool) -> None:  # noqa: FBT001 - a table
    result = reconciled([local("a", "sent", here)], [server("a", there)], UploadRules.from_config(UploadConfig()))
    assert result.within_tolerance is within


def test_projects_whose_name_stays_here_are_compared_as_not_shared() -> None:
    rules = UploadRules.from_config(UploadConfig(preset="minimal"))
    sides = reconciled([local("a", "sent", 3), local("b", "sent", 4)], [server(None, 7)], rules)
    [row] = sides.days
    assert (row.project, row.here.requests, row.there.requests) == ("(not shared)", 7, 7)


def test_a_withheld_price_is_not_missed() -> None:
    rules = UploadRules.from_config(UploadConfig(per_project={"a": ProjectUpload(fields={"cost_millicents": False})}))
    assert reconciled([local("a", "sent", 3, cost=900)], [server("a", 3)], rules).within_tolerance


def test_rows_set_aside_are_not_missed() -> None:
    rules = UploadRules.from_config(UploadConfig())
    result = reconciled([local("a", "sent", 3), local("a", "quarantined", 2)], [server("a", 3)], rules)
    assert (result.within_tolerance, result.total.set_aside) == (True, 2)
