"""The wheel with the extra `capture`: start, call, see what it cost, stop."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.daemon.installs.environments import Installed, installed
from tests.daemon.upstreams import PATIENCE, Upstream
from tests.daemon.upstreams_samples import SAMPLES

SAMPLE = SAMPLES["anthropic stream"]
# 2,095 plain, 18,210 read, 300 and 1,000 written, 503 out, at 1, 0.10, 1.25, 2 and 5 USD per million.
MILLICENTS = round((2095 + 1821 + 375 + 2000 + 2515) / 10)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory, "capture")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def laptop(environment: Path, upstream: Upstream, tmp_path: Path) -> Iterator[Installed]:
    """One that is started; a settings file is all that its person has made."""
    laptop = Installed(environment, tmp_path)
    home = tmp_path / ".halton-meter"
    home.mkdir(mode=0o700)
    config = f'[capture]\nport = 0\n[api]\nport = 0\n[capture.upstreams]\nanthropic = "{upstream.url}"\n'
    (home / "config.toml").write_text(config)
    laptop.says("start")
    yield laptop
    laptop.says("stop", "--all")


def test_a_call_is_captured_and_reported_and_the_daemon_can_be_stopped(laptop: Installed, upstream: Upstream) -> None:
    address = urlsplit(laptop.json("env", "--gateway")["ANTHROPIC_BASE_URL"])
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 0, timeout=PATIENCE)
    try:
        body = json.dumps(SAMPLE.request).encode()
        connection.request("POST", address.path + SAMPLE.path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, SAMPLE.body)
    finally:
        connection.close()
    assert upstream.received().body == body
    # The row is written within milliseconds of the answer's end; stopping the daemon waits for it.
    laptop.says("stop")
    report = laptop.json("report", "--by", "model")
    assert (report["summary"]["requests"], report["summary"]["cost_millicents"]) == (1, MILLICENTS)
    assert "claude-haiku-4-5" in laptop.says("report", "--by", "model")
    laptop.says("status", code=1)


def test_doctor_finds_nothing_wrong_and_curl_would_trust_the_authority(laptop: Installed) -> None:
    variables = laptop.json("env")
    assert Path(variables["SSL_CERT_FILE"]).read_bytes().endswith(Path(variables["NODE_EXTRA_CA_CERTS"]).read_bytes())
    checks = laptop.json("doctor")["checks"]
    assert [check for check in checks if check["level"] == "bad"] == []
    assert "capture" in {check["name"] for check in checks}


def test_run_starts_a_program_with_the_proxy_in_front(laptop: Installed) -> None:
    shows = "import os; print(os.environ['HTTPS_PROXY'], os.environ['SSL_CERT_FILE'])"
    shown = laptop.says("run", "--", str(laptop.python), "-c", shows).split()
    assert shown[0].startswith("http://127.0.0.1:")
    assert Path(shown[1]).parent == laptop.person / ".halton-meter" / Path(shown[1]).parent.name


def test_the_server_is_not_installed_with_it(laptop: Installed) -> None:
    found = "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, ['duckdb', 'dagster', 'sqlalchemy'])))"
    assert subprocess.run([laptop.python, "-c", found], check=False).returncode == 0
