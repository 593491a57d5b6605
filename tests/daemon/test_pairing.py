"""Pairing from the daemon's side: waiting, giving up, and keeping the key safe."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.sync.client import CloudClient
from daemon.sync.errors import ContractMismatch, PairingEnded, Refused
from daemon.sync.retry import RetryPolicy
from daemon.wire.pairing import PairingStart

POLL = "/v1/pairing/poll"
START = PairingStart(hostname="vk.local", daemon_version="0.1.0", platform="Linux", fingerprint="ab" * 16)


class Clockwork:
    """A monotonic clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> float:
        return self.seconds


@pytest.fixture
def clockwork() -> Clockwork:
    return Clockwork()


@pytest.fixture
def client(cloud: Any, clockwork: Clockwork) -> Any:
    retry = RetryPolicy(retries=1, sleep=clockwork.sleep, jitter=lambda: 0.0)
    with CloudClient(cloud.url, retry=retry, monotonic=clockwork.now) as client:
        yield client


def test_pairing_waits_for_the_approval_and_then_uses_the_key(client: Any, cloud: Any, kit: Any) -> None:
    pending = kit.answer(200, {"status": "pending"})
    cloud.script(
        "POST", POLL, pending, pending, kit.answer(200, {"status": "looked_at"}), kit.answer(200, kit.approved)
    )
    states: list[str] = []
    state = client.poll_until_approved(client.start_pairing(START), progress=lambda s: states.append(s.status))
    assert states == ["pending", "pending", "looked_at", "approved"]
    assert state.approved_by == "vk@acme.example"
    assert client.whoami().workspace_name == "Acme Co"
    assert cloud.seen[-1].headers["authorization"] == "Bearer hm_sync_secret"
    assert all("authorization" not in seen.headers for seen in cloud.seen[:-1])


def test_what_is_not_known_is_left_out(client: Any, cloud: Any) -> None:
    client.start_pairing(PairingStart(hostname="h", daemon_version="1", platform="Linux"))
    assert cloud.seen[0].body == {"hostname": "h", "daemon_version": "1", "platform": "Linux"}


@pytest.mark.parametrize("status", ["denied", "expired", "consumed"])
def test_a_terminal_status_ends_the_wait(client: Any, cloud: Any, kit: Any, status: str) -> None:
    cloud.script("POST", POLL, kit.answer(200, {"status": status}))
    with pytest.raises(PairingEnded) as caught:
        client.poll_until_approved(client.start_pairing(START))
    assert caught.value.status == status


def test_nobody_approving_ends_the_wait_in_time(client: Any, cloud: Any, kit: Any, clockwork: Clockwork) -> None:
    cloud.script("POST", POLL, kit.answer(200, {"status": "pending"}))
    with pytest.raises(PairingEnded, match="timed out"):
        client.poll_until_approved(client.start_pairing(START), interval_seconds=2.0, timeout_seconds=10.0)
    assert clockwork.seconds <= 10.0
    assert len(cloud.requests(POLL)) == 6


def test_a_restarting_cloud_does_not_end_the_wait(client: Any, cloud: Any, kit: Any) -> None:
    down = kit.answer(503)
    cloud.script("POST", POLL, down, down, down, kit.answer(hang_up=True), kit.answer(200, kit.approved))
    assert client.poll_until_approved(client.start_pairing(START)).status == "approved"


def test_a_404_ends_the_wait(client: Any, cloud: Any, kit: Any) -> None:
    cloud.script("POST", POLL, kit.answer(404))
    with pytest.raises(Refused):
        client.poll_until_approved(client.start_pairing(START))


def test_an_approval_without_a_key_is_no_approval(client: Any, cloud: Any, kit: Any) -> None:
    cloud.script("POST", POLL, kit.answer(200, {"status": "approved"}))
    with pytest.raises(ContractMismatch, match="no key"):
        client.poll_until_approved(client.start_pairing(START))
    assert client.token is None
