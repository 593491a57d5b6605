"""Whatever happens to the daemon, calls go through; while it is well, they are on record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.daemon.service.laptop import Laptop, eventually
from tests.daemon.upstreams import Upstream
from tests.daemon.upstreams_samples import SAMPLES

CALLER = """
import json, os, sys, urllib.request
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
for line in sys.stdin:
    request = urllib.request.Request(url, line.encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            print(answer.status, len(answer.read()), flush=True)
    except OSError as error:
        print("failed", error, flush=True)
"""
SAMPLE = next(sample for sample in SAMPLES.values() if sample.path == "/v1/messages" and sample.provider == "anthropic")


class Caller:
    """A program that calls a provider once per line it is told."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [*command, sys.executable, "-c", CALLER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def calls(self) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(SAMPLE.request) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().split()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            assert self._process.wait(20) == 0
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


def under_run(laptop: Laptop) -> Caller:
    return Caller(laptop.command("run", "--gateway", "--project", "acme-api", "--"), laptop.environment)


def with_exports(laptop: Laptop) -> Caller:
    return Caller([], laptop.environment | laptop.json("env", "--gateway"))


def test_a_call_of_a_program_under_run_is_recorded_with_its_project_and_price(
    capturing: Laptop, upstream: Upstream
) -> None:
    capturing.says("start")
    with under_run(capturing) as caller:
        assert caller.calls() == "200"
        [call] = capturing.calls(1)
        assert (call.project, call.attribution_method, call.source) == ("acme-api", "env", "gateway")
        assert call.tokens.output > 0
        assert call.cost_millicents is not None
        assert call.source_machine
        assert upstream.received().body == json.dumps(SAMPLE.request).encode() + b"\n"
        status, summary = capturing.asks("/v1/summary")
        assert (status, summary["summary"]["requests"], summary["summary"]["cost_millicents"]) == (
            200,
            1,
            call.cost_millicents,
        )
        assert capturing.json("status")["daemon"]["recording"]["recorded"] == 1


def test_a_program_under_run_goes_on_when_daemon_and_keeper_are_killed(capturing: Laptop, upstream: Upstream) -> None:
    capturing.says("start")
    with under_run(capturing) as caller:
        assert caller.calls() == "200"
        running = capturing.running()
        assert running.pid is not None
        os.kill(running.keeper_pid, signal.SIGKILL)
        os.kill(running.pid, signal.SIGKILL)
        assert [caller.calls() for _ in range(3)] == ["200"] * 3
        assert len(upstream.requests) == 4
        assert "not running" in capturing.says("status", code=1)
        capturing.says("start")


def test_a_program_with_the_exports_goes_on_while_the_daemon_is_killed_and_comes_back(
    capturing: Laptop, upstream: Upstream
) -> None:
    capturing.says("start")
    config = capturing.home.config_path.read_bytes()
    with with_exports(capturing) as caller:
        assert caller.calls() == "200"
        assert capturing.calls(1)
        first = capturing.running()
        assert first.pid is not None
        capturing.home.config_path.write_text("[nonsense]\n")  # so that it cannot start again
        os.kill(first.pid, signal.SIGKILL)
        # For some milliseconds nobody may listen: SDKs try again, and so does this.
        eventually(lambda: caller.calls() == "200")
        assert eventually(lambda: capturing.running().restarts) >= 1
        assert [caller.calls() for _ in range(3)] == ["200"] * 3
        assert capturing.running().state == "restarting"
        assert "halton-meter logs" in capturing.says("status", code=1)
        capturing.home.config_path.write_bytes(config)
        eventually(lambda: capturing.running().state == "running")
        assert caller.calls() == "200"
        assert len(capturing.calls(2)) == 2
        assert "Restarts: " in capturing.says("status")


def test_after_stop_programs_with_the_exports_get_through_unrecorded(capturing: Laptop, upstream: Upstream) -> None:
    capturing.says("start")
    with with_exports(capturing) as caller:
        shown = capturing.says("stop")
        assert "passes calls on, unrecorded" in shown
        assert caller.calls() == "200"
        assert "Run `halton-meter start`" in capturing.says("status", code=1)
        port = capturing.running().capture_port
        capturing.home.write(
            capturing.home.config_path,
            capturing.home.config_path.read_bytes().replace(b"port = 0", f"port = {port}".encode(), 1),
        )
        capturing.says("start")
        assert caller.calls() == "200"
        assert len(capturing.calls(1)) == 1
        capturing.says("stop", "--all")
        assert caller.calls() == "failed"


def test_a_daemon_that_hangs_is_replaced(capturing: Laptop, upstream: Upstream) -> None:
    started = subprocess.run(
        [str(capturing.python), "-c", _START_IMPATIENTLY, str(capturing.home.root)],
        env=capturing.environment,
        check=False,
        timeout=60,
    )
    assert started.returncode == 0
    hanging = capturing.running().pid
    assert hanging is not None
    os.kill(hanging, signal.SIGSTOP)
    eventually(lambda: capturing.running().pid not in {hanging, None} and capturing.running().state == "running")
    with with_exports(capturing) as caller:
        assert caller.calls() == "200"


_START_IMPATIENTLY = """
import sys
from pathlib import Path
from typing import Self
from daemon.credentials import MeterHome
from daemon.service.launch import start
start(MeterHome(Path(sys.argv[1])), hang_seconds=2.5)
"""


def test_run_without_a_daemon_starts_the_program_as_it_is_and_says_so(laptop: Laptop, tmp_path: Path) -> None:
    looks = "import os; print(os.environ.get('HTTPS_PROXY'), os.environ.get('SSL_CERT_FILE', '').startswith('/tmp/p'))"
    done = subprocess.run(
        laptop.command("run", "--", sys.executable, "-c", looks),
        env=laptop.environment | {"SSL_CERT_FILE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "None False"
    assert done.stderr.count("\n") == 1
    assert "not running" in done.stderr


def test_run_hands_on_exit_codes_and_signals(laptop: Laptop) -> None:
    laptop.says("run", "--", sys.executable, "-c", "raise SystemExit(7)", code=7)
    dies = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    laptop.says("run", "--", sys.executable, "-c", dies, code=137)
    assert "no program" in laptop.says("run", "--", "no-such-program-here", code=1)
    waits = "import signal as s, sys; s.signal(s.SIGTERM, lambda *_: sys.exit(9)); print(1, flush=True); s.pause()"
    with subprocess.Popen(
        laptop.command("run", "--", sys.executable, "-c", waits),
        env=laptop.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 9
