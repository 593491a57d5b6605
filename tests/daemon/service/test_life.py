"""Starting, stopping and what is said of it, with real processes and without the extra `capture`."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon.service.running import daemon_runs, find_running, is_held
from tests.daemon.service.laptop import Laptop, eventually


def test_start_is_quick_starts_once_and_stop_ends_everything(laptop: Laptop) -> None:
    began = time.monotonic()
    shown = laptop.says("start")
    assert time.monotonic() - began < 10  # 3 s on a machine that does nothing else
    assert "Daemon: started" in shown
    assert "pip install 'halton-meter-cloud[capture]'" in shown
    first = laptop.running()
    assert "already running" in laptop.says("start")
    assert laptop.running() == first
    assert daemon_runs(laptop.home)
    assert laptop.asks("/health")[1]["status"] == "ok"
    assert "no calls are captured" in laptop.says("status")
    assert "Daemon: stopped" in laptop.says("stop")
    assert find_running(laptop.home) is None
    assert not laptop.home.running_path.exists()
    assert "halton-meter start" in laptop.says("status", code=1)
    assert "is not running" in laptop.says("stop")
    for path in laptop.home.root.rglob("*"):
        if path.is_file() and path != laptop.home.config_path:
            assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path


def test_of_starts_at_the_same_time_one_starts_a_daemon_and_all_succeed(laptop: Laptop) -> None:
    with ThreadPoolExecutor() as pool:
        shown = list(pool.map(lambda _: laptop.says("start"), range(3)))
    assert sum("Daemon: started" in one for one in shown) == 1
    pids = {one.partition("pid ")[2].partition(")")[0] for one in shown}
    assert pids == {str(laptop.running().pid)}


def test_a_killed_daemon_leaves_nothing_that_keeps_the_next_from_starting(laptop: Laptop) -> None:
    laptop.says("start")
    killed = laptop.running()
    assert killed.pid is not None
    os.kill(killed.keeper_pid, signal.SIGKILL)
    eventually(lambda: not laptop.json("status")["daemon"]["guarded"])
    assert "Keeper: was killed" in laptop.says("status")
    assert "already running" in laptop.says("start")
    os.kill(killed.pid, signal.SIGKILL)
    eventually(lambda: not is_held(laptop.home))
    assert laptop.home.running_path.exists()
    assert not laptop.json("status", code=1)["running"]
    assert "Daemon: started" in laptop.says("start")
    assert laptop.running().pid != killed.pid


def test_a_broken_config_is_named_and_a_restart_leaves_the_running_daemon_alone(laptop: Laptop) -> None:
    laptop.says("start")
    before = laptop.running()
    laptop.home.config_path.write_text('[api]\nport = "many"\n')
    assert "$.api.port" in laptop.says("restart", code=1)
    assert laptop.running() == before
    laptop.home.config_path.write_text("[api]\nport = 0\n")
    assert "Daemon: started" in laptop.says("restart")
    assert laptop.running().pid != before.pid


def test_a_taken_api_port_is_named_with_its_holder_and_the_rest_works(laptop: Laptop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        laptop.home.config_path.write_text(f"[api]\nport = {port}\n")
        shown = laptop.says("start")
        assert "Loopback API: gives no answer" in shown
        assert f"Port {port} of 127.0.0.1 is taken by" in laptop.log()
        assert f"(pid {os.getpid()})" in laptop.log()
    assert daemon_runs(laptop.home)


def test_spans_of_a_program_are_kept_once_and_priced(laptop: Laptop) -> None:
    laptop.says("start")
    body = json.dumps(_SPANS).encode()
    for _ in range(2):
        assert laptop.asks("/v1/traces", body, **{"Content-Type": "application/json"}) == (200, {})
    [call] = laptop.calls(1)
    assert (call.model, call.tokens.output, call.source) == ("gpt-4o", 50, "otel")
    assert call.cost_millicents is not None
    assert call.recorded_at_us > call.requested_at_us
    assert laptop.asks("/v1/traces", b"{", **{"Content-Type": "application/json"})[0] == 400
    assert laptop.asks("/v1/traces", body, **{"Content-Type": "text/plain"})[0] == 415


def test_logs_show_the_last_lines_and_follow(laptop: Laptop) -> None:
    laptop.says("start")
    assert "running: capture on no port" in laptop.says("logs", "-n", "1")
    with subprocess.Popen(
        laptop.command("logs", "-n", "1", "--follow"), stdout=subprocess.PIPE, text=True, env=laptop.environment
    ) as following:
        assert following.stdout is not None
        assert "running:" in following.stdout.readline()
        laptop.says("stop")
        assert "ended" in following.stdout.readline()
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground_a_signal_ends_it_in_order(laptop: Laptop, number: signal.Signals) -> None:
    with subprocess.Popen(
        laptop.command("start", "--foreground"), stderr=subprocess.DEVNULL, env=laptop.environment
    ) as process:
        eventually(lambda: daemon_runs(laptop.home))
        process.send_signal(number)
        assert process.wait(20) == 0
    assert laptop.log().rstrip().endswith("ended")
    assert not is_held(laptop.home)


_SPANS = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "agent"}}]},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "name": "chat gpt-4o",
                            "startTimeUnixNano": "1782900000000000000",
                            "endTimeUnixNano": "1782900001000000000",
                            "attributes": [
                                {"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}},
                                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                                {"key": "gen_ai.response.model", "value": {"stringValue": "gpt-4o"}},
                                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "100"}},
                                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "50"}},
                            ],
                        }
                    ]
                }
            ],
        }
    ]
}
