"""Credentials on disk: private, whole, and gone when told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from daemon.credentials import Credentials, MeterHome, UnreadableStateError

CREDENTIALS = Credentials(endpoint="https://meter.example", api_key="hm_sync_x", workspace_id="w", machine_id="m")


@pytest.fixture
def home(tmp_path: Path) -> MeterHome:
    return MeterHome(tmp_path / "deep" / "home")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nothing_stored_is_not_paired(home: MeterHome) -> None:
    assert home.load() is None
    home.wipe()
    assert not home.root.exists()


def test_credentials_come_back_and_only_their_owner_can_read_them(home: MeterHome) -> None:
    home.store(CREDENTIALS)
    assert home.load() == CREDENTIALS
    assert mode(home.credentials_path) == 0o600
    assert mode(home.root) == 0o700
    assert [path.name for path in home.root.iterdir()] == ["cloud-credentials.json"]


def test_a_failed_write_leaves_the_old_credentials(home: MeterHome, monkeypatch: pytest.MonkeyPatch) -> None:
    home.store(CREDENTIALS)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("daemon.credentials.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        home.store(Credentials(endpoint="https://other", api_key="new"))
    assert home.load() == CREDENTIALS
    assert len(list(home.root.iterdir())) == 1


def test_wiping_removes_the_key_and_keeps_the_identity(home: MeterHome) -> None:
    fingerprint = home.fingerprint()
    home.store(CREDENTIALS)
    home.wipe()
    assert home.load() is None
    assert home.fingerprint() == fingerprint


def test_the_fingerprint_is_32_hex_digits_and_stays(home: MeterHome) -> None:
    fingerprint = home.fingerprint()
    assert len(fingerprint) == 32
    assert int(fingerprint, 16) >= 0
    assert fingerprint == fingerprint.lower() == MeterHome(home.root).fingerprint()
    assert mode(home.machine_path) == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"endpoint": 1, "api_key": "x"}', b'{"a":' + b"[" * 9999]
)
def test_a_damaged_file_is_named(home: MeterHome, content: bytes) -> None:
    home.root.mkdir(parents=True)
    home.credentials_path.write_bytes(content)
    with pytest.raises(UnreadableStateError, match=r"cloud-credentials\.json"):
        home.load()


def test_a_damaged_identity_is_named(home: MeterHome) -> None:
    home.root.mkdir(parents=True)
    home.machine_path.write_text('{"machine_id": "laptop"}')
    with pytest.raises(UnreadableStateError, match=r"machine\.json"):
        home.fingerprint()
