"""`cloud status`, `sync`, `pause` and `resume`, as people and programs run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.cloud.commands import answer, lines, run
from tests.daemon.cloud.laptop import Laptop
from tests.daemon.cloud.ledger_cloud import LedgerCloud, answers, hangs_up
from tests.daemon.conftest import WHOAMI, Answer

RELEASED_KEYS = {
    *("enabled", "base_url", "continuous", "sync_interval_seconds", "is_active", "workspace_id", "workspace_name"),
    *("machine_id", "paused_reason", "last_error", "last_error_at", "last_synced_request_recorded_at"),
    *("last_batch_succeeded_at", "last_tick_at", "last_body_tick_at", "last_body_upload_at", "consecutive_failures"),
    *("unsynced_record_count", "quarantined"),
}


def test_sync_says_what_the_documentation_shows(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1247)
    result = run(laptop.home, "sync")
    assert lines(result)[-1] == "● POST /v1/requests/batch → 200 OK (1247 rows accepted)"
    assert result.exit_code == 0
    assert len(ledger.landed) == 1247


def test_sync_with_nothing_to_send_asks_nobody(laptop: Laptop, ledger: LedgerCloud) -> None:
    assert "● Already up to date: 0 unsynced rows" in lines(run(laptop.home, "sync"))
    assert ledger.seen == []


def test_sync_tells_of_repeats_and_of_rows_set_aside(laptop: Laptop, ledger: LedgerCloud) -> None:
    calls = laptop.record(5)
    ledger.landed[calls[0].id] = {}
    ledger.poison = {calls[1].id}
    assert "(3 rows accepted, 1 known already, 1 set aside)" in run(laptop.home, "sync").stdout
    counts = answer(laptop.home, "sync")
    assert counts["rows"] == 0


def test_sync_json_is_one_object(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(3)
    assert answer(laptop.home, "sync") == {
        "status": 200,
        "batches": 1,
        "rows": 3,
        "accepted": 3,
        "duplicates": 0,
        "quarantined": 0,
        "unsynced": 0,
        "error": None,
    }


def test_sync_tries_again_and_says_so(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(3)
    ledger.faults = [hangs_up]
    result = run(laptop.home, "sync")
    assert result.exit_code == 0
    assert "trying again in 1 s" in result.stdout
    assert len(ledger.landed) == 3


def test_sync_gives_up_in_time_and_keeps_the_rows(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(3)
    ledger.faults = [hangs_up] * 20
    result = run(laptop.home, "sync", "--timeout", "0.5")
    assert result.exit_code == 1
    assert "What was not sent waits" in result.stderr
    assert laptop.store.pending_count() == 3


@pytest.mark.parametrize(("status", "code"), [(401, 2), (403, 2), (404, 1), (422, 1)])
def test_sync_ends_with_the_documented_code(laptop: Laptop, ledger: LedgerCloud, status: int, code: int) -> None:
    laptop.record(1)
    ledger.faults = [answers(status)] * 9
    assert run(laptop.home, "sync").exit_code == code
    assert laptop.store.pending_count() == 1


def test_sync_says_why_a_pause_is_in_the_way(laptop: Laptop) -> None:
    run(laptop.home, "pause")
    result = run(laptop.home, "sync")
    assert result.exit_code == 1
    assert "cloud resume" in result.stderr


def test_status_of_a_fresh_pairing_and_after_a_sync(laptop: Laptop, ledger: LedgerCloud) -> None:
    assert lines(run(laptop.home, "status")) == [
        "● State: ACTIVE",
        "● Last sync: never",
        "● Unsynced rows: 0",
        "● Last reconcile: never",
    ]
    laptop.record(4)
    run(laptop.home, "sync")
    shown = lines(run(laptop.home, "status"))
    assert shown[0] == "● State: ACTIVE"
    assert shown[1].endswith("s ago")
    assert shown[2] == "● Unsynced rows: 0"


def test_status_json_has_the_released_keys_and_the_state(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(2)
    run(laptop.home, "sync")
    shown = answer(laptop.home, "status")
    assert shown.keys() >= RELEASED_KEYS
    assert (shown["state"], shown["is_active"], shown["enabled"], shown["base_url"]) == (
        "ACTIVE",
        True,
        True,
        ledger.url,
    )
    assert shown["last_synced_request_recorded_at"] == "2026-11-20T12:00:00.002000Z"
    assert shown["workspace_id"] == "w-1"


def test_status_shows_rows_set_aside_and_rows_kept_here_and_there(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.set_upload(per_project={"personal": {"upload": False}})
    calls = laptop.record(3)
    laptop.record(2, "personal")
    ledger.poison = {calls[0].id}

    def withholds(cloud: LedgerCloud, seen: Any) -> Answer:
        told = cloud.receive(seen)
        return Answer(200, told.body | {"withheld": [{"project": "acme-api", "reason": "project_archived", "rows": 2}]})

    ledger.faults = [withholds]
    run(laptop.home, "sync")
    shown = lines(run(laptop.home, "status"))
    assert "● Unsynced rows: 0" in shown
    assert "● Quarantined rows: 1" in shown
    assert any(line.startswith(f"●   {calls[0].id}: ") for line in shown)
    assert "● Kept here: 2 rows (personal 2)" in shown
    assert "● Held back by the cloud: 2 rows of acme-api (project_archived)" in shown
    told = answer(laptop.home, "status")
    assert (told["quarantined"], told["withheld"]) == (1, {"personal": 2})
    [row] = told["quarantined_rows"]
    assert row["id"] == calls[0].id
    assert row["code"]
    assert row["detail"]


def test_status_without_a_pairing(tmp_path: Path) -> None:
    from daemon.credentials import MeterHome

    result = run(MeterHome(tmp_path / "fresh"), "status")
    assert lines(result)[0] == "● State: NOT-CONFIGURED"
    assert result.exit_code == 1


def test_status_says_which_rule_stops_everything(laptop: Laptop) -> None:
    laptop.home.config_path.write_text(laptop.home.config_path.read_text() + "\n[cloud.upload.fields]\nnope = false\n")
    result = run(laptop.home, "status")
    assert lines(result)[0] == "● State: DEGRADED"
    assert "nope" in result.stdout
    assert result.exit_code == 1


def test_a_pause_lasts_until_resumed(laptop: Laptop, ledger: LedgerCloud) -> None:
    ledger.script("GET", "/v1/daemon/whoami", Answer(200, WHOAMI))
    assert answer(laptop.home, "pause") == {"state": "PAUSED", "paused_reason": "paused_manual"}
    assert lines(run(laptop.home, "status"))[0] == "● State: PAUSED"
    assert answer(laptop.home, "resume") == {"state": "ACTIVE", "paused_reason": None, "was_paused": True}
    assert lines(run(laptop.home, "resume"))[0] == "● It was not paused."


def test_resume_with_a_dead_token_stays_paused_and_says_why(laptop: Laptop, ledger: LedgerCloud) -> None:
    gone = {"error": {"code": "workspace_deleted", "message": "The workspace was deleted."}}
    ledger.script("GET", "/v1/daemon/whoami", Answer(401, gone))
    run(laptop.home, "pause")
    result = run(laptop.home, "resume")
    assert result.exit_code == 2
    assert "The workspace was deleted." in result.stderr
    assert laptop.store.cloud_state().paused_reason == "paused_workspace_deleted"


@pytest.mark.parametrize("command", ["sync", "pause", "resume", "reconcile"])
def test_an_unpaired_machine_is_told_to_connect(tmp_path: Path, command: str) -> None:
    from daemon.credentials import MeterHome

    result = run(MeterHome(tmp_path / "fresh"), command)
    assert result.exit_code == 1
    assert "cloud connect" in result.stderr


def test_a_process_killed_between_sending_and_marking_loses_and_doubles_nothing(
    laptop: Laptop, ledger: LedgerCloud
) -> None:
    calls = laptop.record(40)
    command = [sys.executable, "-m", "daemon.cli.main", "--home", str(laptop.home.root), "cloud", "sync"]
    processes: list[subprocess.Popen[bytes]] = []

    def kill_then_answer(cloud: LedgerCloud, seen: Any) -> Answer:
        told = cloud.receive(seen)
        processes[0].kill()
        processes[0].wait()
        return told

    ledger.faults = [kill_then_answer]
    processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert processes[0].wait(timeout=60) == -9
    assert len(laptop.store.open_batches()) == 1
    assert run(laptop.home, "sync").exit_code == 0
    first, again = ledger.requests("/v1/requests/batch")
    assert json.dumps(first.body) == json.dumps(again.body)
    assert set(ledger.landed) == {call.id for call in calls}
    assert laptop.store.pending_count() == 0
