"""Under `halton-meter run` a call belongs to the program that makes it, not to `run`."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.attribution.repositories import repository
from tests.daemon.service.laptop import Laptop
from tests.daemon.service.test_fail_open import SAMPLE
from tests.daemon.upstreams import Upstream

CALLS = """
import http.client, os, sys
from urllib.parse import urlsplit
asked, port, body = sys.argv[1], int(sys.argv[2]), sys.argv[3]
by = urlsplit(os.environ["ANTHROPIC_BASE_URL" if asked == "gateway" else "HTTPS_PROXY"])
connection = http.client.HTTPConnection(by.hostname, by.port, timeout=20)
path = by.path + "/v1/messages"
if asked == "tunnel":
    connection.set_tunnel("localhost", port)
elif asked == "plain proxy":
    path = f"http://localhost:{port}/v1/messages"
for _ in range(2):
    # What the program itself says of its connection is nobody's business.
    headers = {"Content-Type": "application/json", "X-Halton-Client": "1 2"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    answer.read()
    assert not answer.will_close
sys.stdin.read()  # a process that is gone cannot be found any more
connection.close()
"""
WAYS = ["gateway", "plain proxy", "tunnel"]


@pytest.fixture
def metered(capturing: Laptop, upstream: Upstream) -> Laptop:
    """A running daemon to which `localhost` is a provider too."""
    config = capturing.home.config_path
    hosts = b'[capture.hosts]\nlocalhost = "anthropic"\n'
    capturing.home.write(config, config.read_bytes() + hosts)
    capturing.says("start")
    return capturing


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with two repositories, from neither of which `run` is started."""
    for name in ("repo", "other"):
        (repository(tmp_path / "work" / name) / "call.py").write_text(CALLS)
    return tmp_path / "work"


def under_run(laptop: Laptop, place: Path, script: str, way: str, upstream: Upstream, *options: str) -> set[str]:
    """Run a shell's script in which CALL is the program; return projects and rules of both of its calls."""
    given = (way, str(upstream.port), json.dumps(SAMPLE.request))
    call = shlex.join([sys.executable, "call.py", *given])
    options += ("--gateway",) if way == "gateway" else ()
    command = shlex.join(["sh", "-c", script.replace("CALL", call)])
    known = len(upstream.requests)
    run = laptop.command("run", *options, "--", "sh", "-c", f"cd {shlex.quote(str(place))} && {command}")
    with subprocess.Popen(run, env=laptop.environment, stdin=subprocess.PIPE) as process:
        calls = laptop.calls(known + 2)
        process.communicate()
    assert process.returncode == 0
    for asked in upstream.requests[known:]:
        assert b"halton" not in asked.raw.lower()
    return {f"{call.project} by {call.attribution_method}" for call in calls[: len(calls) - known]}


@pytest.mark.parametrize("way", WAYS)
def test_calls_belong_to_the_folder_and_the_variables_of_the_program_that_makes_them(
    metered: Laptop, place: Path, upstream: Upstream, way: str
) -> None:
    def calls(script: str, *options: str) -> set[str]:
        return under_run(metered, place, script, way, upstream, *options)

    assert calls("cd repo && CALL") == {"repo by git"}
    assert calls("cd other; (CALL); true") == {"other by git"}
    assert calls("cd repo && HALTON_PROJECT=of-the-script CALL; true") == {"of-the-script by env"}
    assert calls("cd repo && CALL; true", "--project", "acme-api") == {"acme-api by env"}
    assert calls("cd repo && HALTON_PROJECT=mine CALL", "--project", "acme-api") == {"mine by env"}


def test_the_variable_is_the_programs_even_without_a_daemon(laptop: Laptop) -> None:
    looks = "import os; print(os.environ['HALTON_PROJECT'])"
    said = laptop.says("run", "--project", "acme-api", "--", sys.executable, "-c", looks)
    assert said == "acme-api\n"
