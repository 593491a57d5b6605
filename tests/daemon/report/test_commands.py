"""`report` and `watch` as people and programs run them."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from daemon.calls.call import Call
from daemon.clock import SECOND, SystemClock, to_micros
from daemon.store.store import Store
from tests.daemon.report.made_calls import NOON_US, made_call

Meter = Callable[..., Result]
SUMMARY = "requests input_tokens output_tokens cost_millicents cost_usd date_from date_to incomplete_count"
SUMMARY += " cost_excluded_count span_days prev_total_cost_millicents"
PROJECT = "project requests input_tokens output_tokens cost_millicents cost_usd avg_latency_ms p95_latency_ms"
PROJECT += " daily_cost_buckets prev_cost_millicents"


def recent(number: int = 1, **facts: object) -> Call:
    """Return a call of a minute ago, by the machine's own clock."""
    return made_call(number, age_us=NOON_US - to_micros(SystemClock().now()) + 60 * SECOND, **facts)


def test_json_has_the_shape_that_released_daemons_print(store: Store, meter: Meter):
    store.add([recent(1), recent(2, project="web", cost_millicents=None)])
    shown = json.loads(meter("report", "--json").output)
    assert set(SUMMARY.split()) <= shown["summary"].keys()
    assert [row["project"] for row in shown["by_project"]] == ["acme-api", "web"]
    assert set(PROJECT.split()) <= shown["by_project"][0].keys()
    assert set(PROJECT.split()) - {"project", "daily_cost_buckets"} <= shown["by_model"][0].keys()
    assert shown["by_model"][0]["model"] == "claude-sonnet-4-5"
    assert shown["summary"] | {"requests": 2, "cost_millicents": 7, "cost_usd": "0.00007"} == shown["summary"]
    assert shown["summary"] | {"span_days": 30, "cost_excluded_count": 1} == shown["summary"]
    assert shown["summary"]["prev_total_cost_millicents"] is None
    assert shown["by_project"][0]["p95_latency_ms"] == 100.0
    assert json.loads(meter("report", "--json", "--vs-previous").output)["summary"]["prev_total_cost_millicents"] == 0


def test_csv_has_a_row_a_group(store: Store, meter: Meter):
    store.add([recent(1), recent(2, model="gpt-5.2", provider="openai")])
    rows = list(csv.DictReader(io.StringIO(meter("report", "--by", "model", "--csv").output)))
    assert [(row["provider"], row["model"], row["cost_usd"]) for row in rows] == [
        ("anthropic", "claude-sonnet-4-5", "0.00007"),
        ("openai", "gpt-5.2", "0.00007"),
    ]


def test_in_a_pipe_the_report_is_plain(store: Store, meter: Meter):
    store.add([recent(project="\x1b[31mred")])
    done = meter("report")
    assert done.exit_code == 0
    assert "\x1b" not in done.output
    assert "�[31mred" in done.output


def test_one_project_alone(store: Store, meter: Meter):
    store.add([recent(1), recent(2, project="web")])
    assert json.loads(meter("report", "--project", "WEB", "--json").output)["summary"]["requests"] == 1
    assert "Projects on record: acme-api, web." in meter("report", "--project", "wab").output


def test_a_machine_without_calls_is_told_what_to_do_and_nothing_is_made(meter: Meter, meter_home: Path):
    assert "halton-meter run -- claude" in meter("report").output
    assert json.loads(meter("report", "--json").output)["summary"]["requests"] == 0
    assert "No call is on record yet" in meter("watch", "--once").output
    assert not meter_home.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", "7\x1b[2J"], "Expected hours, days or weeks"),
        (["--since", "7d", "--from", "2026-01-01"], "Give either --since, or --from and --to."),
        (["--to", "2026-01-01"], "--to needs --from."),
        (["--zone", "Mars"], "No time zone 'Mars' here"),
        (["--csv", "--json"], "Give either --csv or --json."),
        (["--by", "mood"], "mood"),
    ],
)
def test_a_wrong_option_is_answered_in_words_with_exit_code_2(options: list[str], said: str, meter: Meter):
    done = meter("report", *options)
    assert done.exit_code == 2
    assert said in done.output
    assert "\x1b" not in done.output


@pytest.mark.parametrize("command", [["report"], ["report", "--json"], ["watch", "--once"]])
def test_a_damaged_store_is_one_line_and_exit_code_1(command: list[str], meter: Meter, meter_home: Path):
    meter_home.mkdir()
    (meter_home / "db.sqlite").write_bytes(b"no store at all, " * 1000)
    done = meter(*command)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "db.sqlite is damaged" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_store_of_a_later_release_is_left_alone(store: Store, meter: Meter, meter_home: Path):
    store.close()
    with sqlite3.connect(meter_home / "db.sqlite") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    done = meter("report")
    assert done.exit_code == 1
    assert "later release" in done.stderr


def test_watch_shows_the_present_once(store: Store, meter: Meter):
    store.add([recent(project="web", cost_millicents=250_000)])
    done = meter("watch", "--once")
    assert done.exit_code == 0
    assert "web" in done.output
    assert "$2.50 in the last hour" in done.output


def started(home: Path, *arguments: str, **streams: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "daemon.cli.main", "--home", str(home), *arguments]
    return subprocess.Popen(command, **streams)  # type: ignore[call-overload]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a POSIX notion")
def test_watch_in_a_pipe_gives_a_line_a_look_and_ends_with_ctrl_c(store: Store, meter_home: Path):
    with started(meter_home, "watch", "--interval", "0.2", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"; 0 calls, 0 failed" in process.stdout.readline()
        store.add([recent(cost_millicents=100_000)])
        while b"$1.00 in the last hour" not in (line := process.stdout.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert b"\x1b" not in rest


@pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals are POSIX notions")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_watch_gives_the_terminal_its_screen_back(ending: signal.Signals, store: Store, meter_home: Path):
    store.add([recent(project="web")])
    here, there = os.openpty()
    os.set_blocking(here, True)
    with started(meter_home, "watch", stdin=there, stdout=there, stderr=there) as process:
        os.close(there)
        shown = b""
        while b"web" not in shown:
            shown += os.read(here, 65_536)
        process.send_signal(ending)
        while b"failed\r\n" not in shown:
            shown += os.read(here, 65_536)
        assert process.wait() == 0
    os.close(here)
    assert shown.index(b"\x1b[?1049h") < shown.index(b"web") < shown.index(b"\x1b[?1049l")
    assert b"\x1b[?25h" in shown, "the cursor is shown again"


def test_times_are_by_when_a_call_was_made(store: Store, meter: Meter):
    now = SystemClock().now()
    old = recent(1)
    store.add([made_call(2, age_us=NOON_US - to_micros(now - timedelta(days=40))), old])
    assert json.loads(meter("report", "--json").output)["summary"]["requests"] == 1
    assert json.loads(meter("report", "--json", "--since", "60d").output)["summary"]["requests"] == 2
