"""`halton-cloud` as operators and scripts run it: real processes, one JSON object on stdout, reasons on stderr."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from api.cli.main import cli
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from tests.api.conftest import GREETING
from tests.conftest import on_sqlite

COMMAND = [sys.executable, "-m", "api.cli.main"]
COMMANDS = {
    (): "workspace create",
    ("serve",): "halton-cloud serve",
    ("up",): "halton-cloud up",
    ("refresh",): "refresh --full",
    ("workspace", "create"): "--owner vk@acme.co",
    ("workspace", "list"): "workspace list",
    ("workspace", "export"): "workspace export",
    ("workspace", "delete"): "--yes",
    ("workspace", "undelete"): "workspace undelete",
    ("workspace", "purge"): "--due",
    ("workspace", "budget"): "--monthly-usd 1500",
    ("workspace", "plan"): "--plan team",
    ("workspace", "retention"): "--days 400",
    ("pairing", "list"): "pairing list",
    ("member", "list"): "member list",
    ("member", "add"): "member add new@acme.co",
    ("member", "remove"): "member remove old@acme.co",
    ("member", "role"): "member role new@acme.co owner",
    ("pairing", "approve"): "pairing approve",
    ("pairing", "deny"): "pairing deny",
    ("device", "list"): "device list",
    ("device", "revoke"): "device revoke",
    ("project", "list"): "project list",
    ("project", "archive"): "project archive",
    ("project", "restore"): "project restore",
    ("project", "set"): "--hourly-rate 120.50 EUR",
    ("project", "reattribute"): "project reattribute scratch acme-api",
    ("project", "reattributions"): "project reattributions",
    ("project", "withdraw"): "project withdraw",
    ("cost-centre", "list"): "cost-centre list",
    ("cost-centre", "create"): "cost-centre create",
    ("cost-centre", "rename"): "cost-centre rename",
    ("cost-centre", "archive"): "cost-centre archive",
    ("cost-centre", "restore"): "cost-centre restore",
    ("rate", "set"): "--input 0.8",
    ("rate", "list"): "rate list",
    ("rate", "withdraw"): "rate withdraw",
    ("api-key", "create"): "--name notebook",
    ("api-key", "list"): "api-key list",
    ("api-key", "rotate"): "api-key rotate",
    ("api-key", "revoke"): "api-key revoke",
    ("bills", "connect"): "--kind anthropic_analytics",
    ("bills", "list"): "bills list",
    ("bills", "read"): "--from 2026-06-01",
    ("bills", "disconnect"): "bills disconnect",
    ("bills", "rotate-keys"): "bills rotate-keys",
    ("outbox", "list"): "--state uncertain",
    ("outbox", "resend"): "outbox resend",
    ("compact",): "halton-cloud compact",
    ("verify",): "halton-cloud verify",
    ("backup",): "backup /mnt/backups/halton",
    ("restore",): "restore /mnt/backups/halton --drill",
}


def run(*arguments: str, home: Home | None = None) -> subprocess.CompletedProcess[str]:
    where = ["--home", str(home.root)] if home else []
    return subprocess.run([*COMMAND, *arguments, *where], capture_output=True, text=True, timeout=60, check=False)


def answer(*arguments: str, home: Home | None = None) -> dict[str, Any]:
    done = run(*arguments, home=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def reason(*arguments: str) -> str:
    """Run a command that must fail, and return the one line it says."""
    done = run(*arguments)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.fixture
def served(database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a served home, by the command line the test asks for."""
    arguments = getattr(request, "param", [])
    process = subprocess.Popen([*COMMAND, "serve", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield json.loads(line)["listening"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_an_operator_sets_up_a_workspace_and_a_machine_pairs(served: str) -> None:
    workspace = answer("workspace", "create", "Acme Co", "--owner", "vk@acme.co", "--time-zone", "Europe/Berlin")
    assert workspace["slug"] == "acme-co"
    in_acme = ("--workspace", "acme-co")

    started = httpx.post(f"{served}/v1/pairing/start", json=GREETING).json()
    machine_id = answer("pairing", "approve", started["pairing_code"].lower(), *in_acme)["machine_id"]
    ask = {"pairing_code": started["pairing_code"], "poll_token": started["poll_token"]}
    approved = httpx.post(f"{served}/v1/pairing/poll", json=ask).json()
    bearer = {"Authorization": f"Bearer {approved['api_key']}"}
    assert httpx.get(f"{served}/v1/daemon/whoami", headers=bearer).json()["workspace_id"] == workspace["workspace_id"]

    listed = answer("device", "list", *in_acme)
    assert (listed["banner"], [d["machine_id"] for d in listed["devices"]]) == ("green", [machine_id])
    assert (listed["devices"][0]["hostname"], listed["devices"][0]["state"]) == ("vk.local", "ACTIVE")

    assert re.fullmatch(r"hm_api_[0-9A-Za-z]{36}", answer("api-key", "create", *in_acme, "--name", "n")["api_key"])
    assert answer("device", "revoke", machine_id, *in_acme) == {"machine_id": machine_id, "state": "PAUSED"}
    refused = httpx.get(f"{served}/v1/daemon/whoami", headers=bearer)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "token_revoked")


@on_sqlite
def test_settings_projects_and_refusals(database_url: str) -> None:
    workspace = answer("workspace", "create", "Acme", "--owner", "vk@acme.co", "--plan", "solo")
    in_acme = ("--workspace", "acme")
    budget = answer("workspace", "budget", *in_acme, "--monthly-usd", "123.45")
    whole = {"workspace_id": workspace["workspace_id"], "scope": "workspace", "slug": ""}
    assert budget == {**whole, "monthly_usd": "123.45000"}
    plan = answer("workspace", "plan", *in_acme, "--plan", "team")
    assert (plan["workspace_id"], plan["plan"], plan["projects_released"]) == (workspace["workspace_id"], "team", 0)
    engine = open_database(database_url)
    with engine.begin() as connection:
        row = {"w": workspace["workspace_id"], "id": "00000000-0000-4000-8000-000000000001"}
        connection.execute(
            text(
                "INSERT INTO projects (id, workspace_id, slug, first_seen_at_us, over_ceiling, visibility_version)"
                " VALUES (:id, :w, 'api', 0, false, 1)"
            ),
            row,
        )
    engine.dispose()
    assert answer("project", "archive", "api", *in_acme)["archived_at"]
    assert answer("project", "list", *in_acme)["projects"][0]["withheld_reason"] == "project_archived"
    assert answer("project", "restore", "api", *in_acme) == {"slug": "api", "archived_at": None}

    assert reason("device", "list", "--workspace", "absent") == "halton-cloud: No such workspace; there are: acme."
    assert reason("project", "archive", "absent", *in_acme) == "halton-cloud: No such project."
    assert reason("device", "revoke", "absent", *in_acme) == "halton-cloud: No such device."
    assert reason("pairing", "approve", "AAAA-AAAA", *in_acme) == "halton-cloud: Code not found; it may have expired."
    assert "e-mail address" in reason("workspace", "create", "X", "--owner", "nobody")


def test_the_home_option_wins_over_the_environment(home: Home, tmp_path: Path) -> None:
    elsewhere = Home(tmp_path / "elsewhere" / "deep")
    answer("workspace", "create", "Acme", "--owner", "vk@acme.co", home=elsewhere)
    assert (elsewhere.root / "app.sqlite").is_file()
    assert not (home.root / "app.sqlite").exists()


def test_a_database_that_is_not_there_is_one_plain_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALTON_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    assert reason("device", "list", "--workspace", "x").startswith("halton-cloud: OperationalError: ")


def test_a_log_level_that_is_none_is_one_plain_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALTON_LOG_LEVEL", "loud")
    for command in (["serve"], ["workspace", "create", "Acme", "--owner", "vk@acme.co"]):
        done = run(*command, home=home)
        said = "Error: HALTON_LOG_LEVEL is 'loud'; it must be one of debug, info, warning, error, critical.\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    assert list(home.root.iterdir()) == []
    for level in ("", "warning", "ERROR"):
        monkeypatch.setenv("HALTON_LOG_LEVEL", level)
        assert run("project", "list", "--workspace", "nobody", home=home).returncode == 1


@on_sqlite
def test_an_address_in_use_is_a_plain_line(served: str) -> None:
    port = served.rsplit(":", 1)[1]
    assert "in use" in reason("serve", "--port", port)


@pytest.mark.parametrize("served", [["--workers", "2"]], indirect=True)
@on_sqlite
def test_several_workers_share_one_port(served: str) -> None:
    assert {httpx.get(f"{served}/health").status_code for _ in range(20)} == {200}


@on_sqlite
def test_the_server_listens_on_ipv6_too(database_url: str) -> None:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--host", "::1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["listening"]
        assert url.startswith("http://[::1]:")
        assert httpx.get(f"{url}/health").status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, [*arguments, "--help"])
    assert done.exit_code == 0
    assert "Example" in done.stdout
    assert COMMANDS[arguments] in done.stdout


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from api.cli.main import cli; cli(['--help'], standalone_mode=False);"
        "print(sorted({'sqlalchemy', 'fastapi', 'duckdb', 'pyarrow', 'dagster', 'dbt'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_operators_commands_start_without_the_server() -> None:
    groups = ("api_key", "audit", "bills", "cost_centre", "device", "member", "outbox", "pairing", "workspace")
    script = (
        f"import sys; from api.cli import {', '.join(groups)};"
        "print({'fastapi', 'duckdb', 'dagster', 'dbt'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_unknown_command_or_option_is_a_usage_error() -> None:
    for arguments in (("nothing",), ("workspace", "create")):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
