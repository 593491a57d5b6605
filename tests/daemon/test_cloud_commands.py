"""`halton-meter cloud …`, as people and programs run it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from daemon.cli.main import main
from daemon.credentials import Credentials, MeterHome


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MeterHome:
    monkeypatch.delenv("HALTON_METER_CLOUD_URL", raising=False)
    monkeypatch.setenv("HALTON_METER_HOME", str(tmp_path / "meter"))
    return MeterHome(tmp_path / "meter")


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, list(arguments), input=typed, catch_exceptions=False)


def connect(cloud: Any, *more: str, typed: str = "y\n") -> Result:
    options = ("--base-url", cloud.url, "--poll-interval-seconds", "0.05", "--without-daemon")
    return run("cloud", "connect", *options, *more, typed=typed)


def test_connect_shows_the_code_the_workspace_and_who_approved(cloud: Any, home: MeterHome) -> None:
    result = connect(cloud)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "● Pairing code: WXJ4-9KMP" in lines
    assert "● Approve at: http://127.0.0.1/connect?code=WXJ4-9KMP" in lines
    assert "● Workspace: Acme Co" in lines
    assert "● Approved by: vk@acme.example" in lines
    assert "hm_sync_secret" not in result.output


def test_connect_stores_credentials_that_only_the_owner_can_read(cloud: Any, home: MeterHome) -> None:
    connect(cloud)
    stored = json.loads(home.credentials_path.read_text())
    assert stored == {
        "endpoint": cloud.url,
        "api_key": "hm_sync_secret",
        "workspace_id": "6f9d7c1e-0000-4000-8000-000000000001",
        "workspace_name": "Acme Co",
        "machine_id": "6f9d7c1e-0000-4000-8000-000000000002",
    }
    assert stat.S_IMODE(home.credentials_path.stat().st_mode) == 0o600


@pytest.mark.parametrize("typed", ["n\n", ""], ids=["refused", "nobody-there"])
def test_a_workspace_its_owner_does_not_want_gets_nothing(cloud: Any, home: MeterHome, typed: str) -> None:
    result = connect(cloud, typed=typed)
    assert result.exit_code == 1
    assert "Pairing ended: declined" in result.stderr
    assert result.stdout.index("● Approved by: vk@acme.example") < result.stdout.index(
        "Send this machine's usage there?"
    )
    assert home.load() is None
    asked = [one.path for one in cloud.seen]
    assert asked == ["/v1/pairing/start", "/v1/pairing/poll", "/v1/pairing/revoke"]


def test_a_script_may_agree_beforehand(cloud: Any, home: MeterHome) -> None:
    result = connect(cloud, "--yes", typed="")
    assert result.exit_code == 0
    assert "?" not in result.stdout.replace("/connect?", "")
    assert home.load() is not None


def test_the_key_is_used_only_once_it_is_on_disk(cloud: Any, home: MeterHome, kit: Any) -> None:
    stored: list[bool] = []

    def whoami(_: Any) -> Any:
        stored.append(home.credentials_path.exists())
        return kit.answer(200, kit.whoami)

    cloud.script("GET", "/v1/daemon/whoami", whoami)
    connect(cloud)
    assert stored == [True]


def test_connect_sends_fingerprint_and_workspace(cloud: Any, home: MeterHome) -> None:
    connect(cloud, "--workspace", "acme-co", "--no-browser")
    body = cloud.requests("/v1/pairing/start")[0].body
    assert body["workspace"] == "acme-co"
    assert body["fingerprint"] == home.fingerprint()
    assert body["hostname"]


def test_connect_json_keeps_stdout_to_one_object(cloud: Any, home: MeterHome) -> None:
    result = connect(cloud, "--json")
    assert json.loads(result.stdout) == {
        "endpoint": cloud.url,
        "workspace_id": "6f9d7c1e-0000-4000-8000-000000000001",
        "workspace_name": "Acme Co",
        "machine_id": "6f9d7c1e-0000-4000-8000-000000000002",
        "approved_by": "vk@acme.example",
        "already_connected": False,
    }
    assert "WXJ4-9KMP" in result.stderr


def test_a_connected_machine_does_not_pair_again_unless_forced(cloud: Any, home: MeterHome) -> None:
    connect(cloud)
    assert "Already connected" in connect(cloud).stdout
    assert len(cloud.requests("/v1/pairing/start")) == 1
    connect(cloud, "--force")
    assert len(cloud.requests("/v1/pairing/start")) == 2


def test_a_dead_token_pairs_again(cloud: Any, home: MeterHome, kit: Any) -> None:
    home.store(Credentials(endpoint=cloud.url, api_key="hm_sync_old"))
    cloud.script("GET", "/v1/daemon/whoami", kit.answer(401), kit.answer(200, kit.whoami))
    assert connect(cloud).exit_code == 0
    stored = home.load()
    assert stored is not None
    assert stored.api_key == "hm_sync_secret"


def test_a_token_is_never_sent_to_another_cloud(cloud: Any, home: MeterHome) -> None:
    home.store(Credentials(endpoint="https://elsewhere.invalid", api_key="hm_sync_elsewhere"))
    result = connect(cloud)
    assert result.exit_code == 1
    assert "paired with https://elsewhere.invalid" in result.stderr
    assert cloud.seen == []


@pytest.mark.parametrize("status", ["denied", "expired", "consumed"])
def test_a_pairing_that_ends_stores_nothing(cloud: Any, home: MeterHome, kit: Any, status: str) -> None:
    cloud.script("POST", "/v1/pairing/poll", kit.answer(200, {"status": status}))
    result = connect(cloud)
    assert result.exit_code == 1
    assert status in result.stderr
    assert home.load() is None


def test_whoami_shows_what_the_token_stands_for(cloud: Any, home: MeterHome) -> None:
    connect(cloud)
    assert run("cloud", "whoami").stdout.splitlines() == [
        "● Workspace: Acme Co",
        "● Machine id: 6f9d7c1e-0000-4000-8000-000000000002",
        "● Hostname: vk.local",
    ]
    assert json.loads(run("cloud", "whoami", "--json").stdout)["state"] == "ACTIVE"


def test_whoami_with_a_dead_token_exits_2_and_says_why(cloud: Any, home: MeterHome, kit: Any) -> None:
    connect(cloud)
    gone = {"error": {"code": "workspace_deleted", "message": "The workspace was deleted"}}
    cloud.script("GET", "/v1/daemon/whoami", kit.answer(401, gone))
    result = run("cloud", "whoami")
    assert result.exit_code == 2
    assert "The workspace was deleted" in result.stderr


@pytest.mark.parametrize("command", ["whoami", "disconnect"])
def test_an_unpaired_machine_is_told_to_connect(home: MeterHome, command: str) -> None:
    result = run("cloud", command)
    assert result.exit_code == 1
    assert "cloud connect" in result.stderr


def test_a_damaged_credentials_file_is_a_plain_sentence(home: MeterHome) -> None:
    home.root.mkdir()
    home.credentials_path.write_text("{")
    result = run("cloud", "whoami")
    assert result.exit_code == 1
    assert "cloud-credentials.json cannot be read" in result.stderr


def test_disconnect_says_what_is_documented_and_revokes_before_it_wipes(cloud: Any, home: MeterHome) -> None:
    connect(cloud)
    result = run("cloud", "disconnect")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"● Revoking token at {cloud.url.removeprefix('http://')}…",
        "● Token revoked.",
        "● Local: cloud.enabled = false; credentials wiped.",
    ]
    assert (cloud.seen[-1].method, cloud.seen[-1].path) == ("POST", "/v1/pairing/revoke")
    assert home.load() is None


def test_disconnect_uses_the_older_name_where_the_cloud_knows_no_other(cloud: Any, home: MeterHome, kit: Any) -> None:
    connect(cloud)
    cloud.script("POST", "/v1/pairing/revoke", kit.answer(404))
    assert run("cloud", "disconnect").exit_code == 0
    assert (cloud.seen[-1].method, cloud.seen[-1].path) == ("DELETE", "/v1/daemon/disconnect")


def test_disconnect_wipes_even_when_the_cloud_refuses(cloud: Any, home: MeterHome, kit: Any) -> None:
    connect(cloud)
    cloud.script("POST", "/v1/pairing/revoke", kit.answer(409))
    result = run("cloud", "disconnect", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"disconnected": True, "revoked": False, "enabled": False}
    assert home.load() is None
