"""`cloud connect` and `disconnect`: the four places a pairing is written to, and their undoing."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import SystemClock
from daemon.cloud.sealing import unsealed
from daemon.config import load_config
from daemon.credentials import MeterHome
from daemon.store.store import Store
from tests.daemon.cloud.commands import answer, lines, run
from tests.daemon.cloud.laptop import call, credentials
from tests.daemon.conftest import APPROVED, STARTED, WHOAMI, Answer, FakeCloud


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MeterHome:
    monkeypatch.delenv("HALTON_METER_CLOUD_URL", raising=False)
    return MeterHome(tmp_path / "meter")


def connect(home: MeterHome, cloud: FakeCloud, *more: str, typed: str = "y\n") -> Any:
    options = ("--base-url", cloud.url, "--poll-interval-seconds", "0.05", "--without-daemon")
    return run(home, "connect", *options, *more, typed=typed)


def opened(home: MeterHome) -> Any:
    return closing(Store(home.database_path, SystemClock()))


def test_connect_writes_the_four_documented_places(cloud: FakeCloud, home: MeterHome) -> None:
    assert connect(home, cloud).exit_code == 0
    stored = home.load()
    assert stored is not None
    assert stored.api_key == "hm_sync_secret"
    settings = load_config(home).cloud
    assert (settings.enabled, settings.base_url, settings.workspace_id) == (True, cloud.url, WHOAMI["workspace_id"])
    with opened(home) as store:
        state = store.cloud_state()
    assert (state.workspace_name, state.machine_id) == ("Acme Co", WHOAMI["machine_id"])
    assert state.hostname == os.uname().nodename
    assert len(home.cloud_key_path.read_bytes()) == 44
    assert b"hm_sync" not in state.api_key_ciphertext
    assert unsealed(home, state.api_key_ciphertext) == "hm_sync_secret"
    for path in (home.credentials_path, home.cloud_key_path, home.database_path, home.config_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"hm_sync_secret" not in home.database_path.read_bytes()


def test_everything_is_written_before_the_token_is_first_used(cloud: FakeCloud, home: MeterHome) -> None:
    seen: list[bool] = []

    def whoami(_: Any) -> Answer:
        seen.append(load_config(home).cloud.enabled and home.load() is not None)
        return Answer(200, WHOAMI)

    cloud.script("GET", "/v1/daemon/whoami", whoami)
    connect(home, cloud)
    assert seen == [True]


def test_what_is_shown_while_pairing_is_as_documented(cloud: FakeCloud, home: MeterHome) -> None:
    shown = lines(connect(home, cloud, "--yes"))
    host = cloud.url.removeprefix("http://")
    assert shown[:3] == [
        f"⠇ Requesting pairing code from {host}…",
        "● Pairing code: WXJ4-9KMP",
        "● Approve at: http://127.0.0.1/connect?code=WXJ4-9KMP",
    ]
    assert "⠇ Waiting for approval… (Ctrl-C to cancel)" in shown


def test_without_a_running_daemon_nothing_is_asked(cloud: FakeCloud, home: MeterHome) -> None:
    result = run(home, "connect", "--base-url", cloud.url)
    assert result.exit_code == 1
    assert "daemon not running" in result.stderr
    assert "halton-meter status" in result.stderr
    assert "halton-meter start" in result.stderr
    assert cloud.seen == []


def test_a_declined_workspace_leaves_nothing_behind(cloud: FakeCloud, home: MeterHome) -> None:
    assert connect(home, cloud, typed="n\n").exit_code == 1
    assert home.load() is None
    assert not home.cloud_key_path.exists()
    assert not load_config(home).cloud.enabled


def test_texts_of_the_cloud_cannot_steer_the_terminal(cloud: FakeCloud, home: MeterHome) -> None:
    evil = "Acme\x1b[2J\u202e Co\n● Approved by: you"
    cloud.script("POST", "/v1/pairing/start", Answer(200, STARTED | {"pairing_url": "http://x/\x1b]0;t\x07"}))
    cloud.script("POST", "/v1/pairing/poll", Answer(200, APPROVED | {"workspace_name": evil, "approved_by": evil}))
    result = connect(home, cloud)
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output
    assert "\n● Approved by: you" not in result.output


@pytest.mark.parametrize(
    ("given", "expected"),
    [(("option", "config", "env"), "option"), (("config", "env"), "config"), (("env",), "env")],
)
def test_the_address_comes_from_the_first_that_names_one(
    home: MeterHome, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], expected: str
) -> None:
    clouds = {name: FakeCloud() for name in ("option", "config", "env")}
    try:
        for fake in clouds.values():
            fake.script("POST", "/v1/pairing/start", Answer(422))
        if "config" in given:
            home.write(home.config_path, f'[cloud]\nbase_url = "{clouds["config"].url}"\n'.encode())
        monkeypatch.setenv("HALTON_METER_CLOUD_URL", clouds["env"].url)
        option = ("--base-url", clouds["option"].url) if "option" in given else ()
        assert run(home, "connect", "--without-daemon", *option).exit_code == 1
        assert [name for name, fake in clouds.items() if fake.seen] == [expected]
    finally:
        for fake in clouds.values():
            fake.stop()


def test_comments_and_other_settings_survive_connect_and_disconnect(cloud: FakeCloud, home: MeterHome) -> None:
    before = '# mine\n[store]\nretention_days = 30  # a month\n\n[cloud.upload]\npreset = "minimal"\n'
    home.write(home.config_path, before.encode())
    connect(home, cloud)
    run(home, "disconnect")
    text = home.config_path.read_text()
    assert "# mine" in text
    assert "retention_days = 30  # a month" in text
    settings = load_config(home)
    assert (settings.cloud.upload.preset, settings.cloud.enabled) == ("minimal", False)


def test_a_config_that_cannot_be_understood_pairs_nothing(cloud: FakeCloud, home: MeterHome) -> None:
    home.write(home.config_path, b"[cloud\n")
    result = connect(home, cloud, "--yes")
    assert result.exit_code == 1
    assert "config.toml" in result.stderr
    assert home.load() is None


def test_disconnect_undoes_connect_and_keeps_the_calls(cloud: FakeCloud, home: MeterHome) -> None:
    connect(home, cloud)
    with opened(home) as store:
        store.add([call(1)])
    assert answer(home, "disconnect") == {"disconnected": True, "revoked": True, "enabled": False}
    assert not home.credentials_path.exists()
    assert not home.cloud_key_path.exists()
    assert home.machine_path.exists()
    assert not load_config(home).cloud.enabled
    with opened(home) as store:
        assert store.cloud_state().api_key_ciphertext is None
        assert store.pending_count() == 1


def test_disconnect_switches_sending_off_before_it_asks_the_cloud(cloud: FakeCloud, home: MeterHome) -> None:
    connect(home, cloud)
    enabled: list[bool] = []

    def revoke(_: Any) -> Answer:
        enabled.append(load_config(home).cloud.enabled)
        return Answer(204)

    cloud.script("POST", "/v1/pairing/revoke", revoke)
    run(home, "disconnect")
    assert enabled == [False]


@pytest.mark.parametrize("damage", [None, b"{"], ids=["lost", "damaged"])
def test_disconnect_revokes_with_the_stores_copy_when_the_file_is_of_no_use(
    cloud: FakeCloud, home: MeterHome, damage: bytes | None
) -> None:
    connect(home, cloud)
    home.credentials_path.unlink()
    if damage is not None:
        home.credentials_path.write_bytes(damage)
    assert run(home, "disconnect").exit_code == 0
    assert cloud.requests("/v1/pairing/revoke")[-1].headers["authorization"] == "Bearer hm_sync_secret"
    assert not home.credentials_path.exists()


def test_disconnect_wipes_even_when_the_config_cannot_be_changed(cloud: FakeCloud, home: MeterHome) -> None:
    connect(home, cloud)
    home.config_path.write_text("[cloud\n")
    result = run(home, "disconnect")
    assert result.exit_code == 1
    assert "config.toml" in result.stderr
    assert home.load() is None
    assert len(cloud.requests("/v1/pairing/revoke")) == 1


def test_a_dead_cloud_cannot_hold_disconnect_for_long(home: MeterHome) -> None:
    fake = FakeCloud()
    try:
        fake.script("POST", "/v1/pairing/start", Answer(200, STARTED))
        fake.script("POST", "/v1/pairing/poll", Answer(200, APPROVED))
        fake.script("GET", "/v1/daemon/whoami", Answer(200, WHOAMI))
        connect(home, fake)
    finally:
        fake.stop()
    result = run(home, "disconnect", "--timeout", "1.5")
    assert result.exit_code == 1
    assert "trying again in" in result.stdout
    assert home.load() is None


def test_pairing_again_by_force_ends_the_former_token(cloud: FakeCloud, home: MeterHome) -> None:
    connect(home, cloud)
    cloud.script("POST", "/v1/pairing/poll", Answer(200, APPROVED | {"api_key": "hm_sync_second"}))
    assert connect(home, cloud, "--force").exit_code == 0
    [revoked] = cloud.requests("/v1/pairing/revoke")
    assert revoked.headers["authorization"] == "Bearer hm_sync_secret"
    stored = home.load()
    assert stored is not None
    assert stored.api_key == "hm_sync_second"


def test_a_forced_pairing_that_fails_keeps_the_former_one(cloud: FakeCloud, home: MeterHome) -> None:
    connect(home, cloud)
    cloud.script("POST", "/v1/pairing/poll", Answer(200, {"status": "denied"}))
    assert connect(home, cloud, "--force").exit_code == 1
    assert cloud.requests("/v1/pairing/revoke") == []
    assert load_config(home).cloud.enabled


def test_connecting_again_lifts_a_pause(cloud: FakeCloud, home: MeterHome) -> None:
    connect(home, cloud)
    with opened(home) as store:
        store.set_cloud_state(paused_reason="paused_unauthorised")
    assert "Already connected" in connect(home, cloud).stdout
    assert answer(home, "status")["state"] == "ACTIVE"


def test_a_pairing_that_was_cut_short_asks_before_it_is_made_whole(cloud: FakeCloud, home: MeterHome) -> None:
    home.store(credentials(cloud.url))
    assert connect(home, cloud, typed="n\n").exit_code == 1
    assert not load_config(home).cloud.enabled
    assert connect(home, cloud, typed="y\n").exit_code == 0
    assert load_config(home).cloud.enabled
