"""The link when something was left half done, cannot be used, or changes in the middle."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from daemon.cloud.link import remember, switch_off
from daemon.cloud.state import SILENT_SECONDS
from daemon.cloud.worker import Outcome, WorkerSettings
from daemon.config import load_config
from daemon.sync.retry import RETRY_AFTER_MAX_SECONDS
from tests.daemon.cloud.commands import answer, run
from tests.daemon.cloud.laptop import Laptop, credentials
from tests.daemon.cloud.ledger_cloud import LedgerCloud, answers, hangs_up
from tests.daemon.conftest import APPROVED, STARTED, WHOAMI, Answer


@pytest.mark.parametrize("damage", [None, b"{"], ids=["killed half-way", "damaged"])
def test_disconnect_wipes_what_is_left_when_no_token_can_be_read(laptop: Laptop, damage: bytes | None) -> None:
    home = laptop.home
    home.wipe()
    if damage is not None:
        home.credentials_path.write_bytes(damage)
    home.cloud_key_path.unlink()
    result = run(home, "disconnect")
    assert result.exit_code == 1
    assert "devices page" in result.stderr
    assert not home.credentials_path.exists()
    assert load_config(home).cloud.enabled is False
    assert laptop.store.cloud_state().api_key_ciphertext is None
    assert "not paired" in run(home, "disconnect").stderr


def test_disconnect_revokes_and_wipes_beside_a_store_that_cannot_be_opened(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.close()
    for file in laptop.home.root.glob("db.sqlite*"):
        file.write_bytes(b"no store" * 1000)
    ledger.script("POST", "/v1/pairing/revoke", Answer(204))
    result = run(laptop.home, "disconnect")
    assert result.exit_code == 1
    assert "db.sqlite" in result.stderr
    assert len(ledger.requests("/v1/pairing/revoke")) == 1
    assert not laptop.home.credentials_path.exists()
    assert not laptop.home.cloud_key_path.exists()
    assert load_config(laptop.home).cloud.enabled is False


def test_pairing_again_by_force_needs_no_readable_credentials(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.home.credentials_path.write_bytes(b"{")
    laptop.home.cloud_key_path.unlink()
    options = ("--without-daemon", "--yes", "--poll-interval-seconds", "0.05")
    assert run(laptop.home, "connect", *options).exit_code == 1
    ledger.script("POST", "/v1/pairing/start", Answer(200, STARTED))
    ledger.script("POST", "/v1/pairing/poll", Answer(200, APPROVED))
    ledger.script("GET", "/v1/daemon/whoami", Answer(200, WHOAMI))
    assert run(laptop.home, "connect", *options, "--force").exit_code == 0
    assert laptop.home.load() is not None


def test_an_address_that_was_left_empty_is_not_the_default_one(laptop: Laptop) -> None:
    laptop.home.wipe()
    result = run(laptop.home, "connect", "--without-daemon", "--yes", "--base-url", "")
    assert result.exit_code == 1
    assert "base URL" in result.stderr


@pytest.mark.parametrize("endpoint", ["ftp://meter.local", "http://[::1"])
def test_a_stored_address_that_is_none_blocks_and_is_said(laptop: Laptop, endpoint: str) -> None:
    remember(laptop.home, laptop.store, credentials(endpoint), hostname="vk.local")
    laptop.record(1)
    result = laptop.worker().tick()
    assert result.outcome is Outcome.BLOCKED
    assert "base URL" in (laptop.store.cloud_state().last_error or "")
    assert run(laptop.home, "sync").exit_code == 1


def test_a_new_pairing_does_not_wait_for_the_old_cloud(laptop: Laptop, ledger: LedgerCloud) -> None:
    calls = laptop.record(1)
    ledger.faults = [answers(503, None, Retry_After="300")]
    worker = laptop.worker()
    assert worker.tick().outcome is Outcome.FAILED
    assert worker.tick().outcome is Outcome.WAITING
    remember(laptop.home, laptop.store, credentials(ledger.url, api_key="hm_sync_another"), hostname="vk.local")
    assert worker.tick().outcome is Outcome.DONE
    assert list(ledger.landed) == [call.id for call in calls]


def test_resuming_ends_the_wait_after_failures(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1)
    ledger.faults = [hangs_up] * 4
    worker = laptop.worker()
    for _ in range(4):
        laptop.clock.pass_by(worker.tick().wait_seconds)
    laptop.clock.pass_by(-1)
    assert worker.tick().outcome is Outcome.WAITING
    ledger.script("GET", "/v1/daemon/whoami", Answer(200, WHOAMI))
    assert run(laptop.home, "resume").exit_code == 0
    assert worker.tick().outcome is Outcome.DONE


def test_a_failure_after_a_disconnect_leaves_no_row_about_the_cloud(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(1)

    def then_disconnect(cloud: LedgerCloud, seen: Any) -> Answer:
        switch_off(laptop.home)
        laptop.store.clear_cloud_state()
        return Answer(503)

    ledger.faults = [then_disconnect]
    laptop.worker().tick()
    state = laptop.store.cloud_state()
    assert (state.last_error, state.consecutive_failures) == (None, 0)


def test_a_worker_that_waits_as_long_as_it_may_is_not_called_dead() -> None:
    backoff = WorkerSettings().backoff
    longest = max(RETRY_AFTER_MAX_SECONDS, *(backoff.seconds(attempt, None) for attempt in range(40)))
    assert longest + 15.0 + 60.0 < SILENT_SECONDS


def test_sync_does_not_outlast_its_time_on_a_cloud_that_says_nothing(laptop: Laptop) -> None:
    laptop.record(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        remember(laptop.home, laptop.store, credentials(url), hostname="vk.local")
        started = time.monotonic()
        result = run(laptop.home, "sync", "--timeout", "0.5")
        assert time.monotonic() - started < 10
    assert result.exit_code == 1
    assert answer(laptop.home, "status")["unsynced_record_count"] == 1
