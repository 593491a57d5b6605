"""`halton-meter import`, as a person or a program uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli.imports import SOURCES, import_calls
from daemon.cli.state import CliState
from daemon.clock import SystemClock
from daemon.importers.registry import IMPORTERS
from daemon.store.store import Store
from tests.daemon.importers.samples import OPENAI_USAGE, claude_line, claude_person, claude_usage, jsonl

ROOT = Path(__file__).parents[3]


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a person's folder with one transcript in it, and nothing of this machine's own."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "XDG_CONFIG_HOME", "HALTON_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    projects = tmp_path / ".claude" / "projects" / "-home-vk-acme-api"
    projects.mkdir(parents=True)
    lines = [claude_person(), claude_line(1, cwd=str(tmp_path)), claude_line(2, 60, cwd=str(tmp_path))]
    (projects / "7b1d2f8e.jsonl").write_bytes(jsonl(*lines))
    return tmp_path


def run(person: Path, *arguments: str) -> Result:
    state = CliState(named_home=person / "meter")
    return CliRunner().invoke(import_calls, arguments, obj=state, catch_exceptions=False)


def test_the_logs_of_a_tool_are_found_priced_and_shown(person: Path) -> None:
    first = run(person, "claude-code")
    assert first.exit_code == 0
    assert "New calls" in first.stdout
    assert "within a subscription, not owed (2 calls)" in first.stdout
    assert "2026-11-02T09:00:00Z" in first.stdout
    with Store(person / "meter" / "db.sqlite", SystemClock()) as store:
        one, two = store.newest(10)
    # 4 x 3 + 15,030 x 0.30 + 8,655 x 6 (kept an hour) + 260 x 15 USD per million tokens
    assert one.cost_millicents == two.cost_millicents == 6_035
    again = run(person, "claude-code")
    assert again.exit_code == 0
    assert "New calls  0" in again.stdout


def test_json_is_one_object_with_money_as_text(person: Path) -> None:
    answer = json.loads(run(person, "claude-code", "--json").stdout)
    assert (answer["new"], answer["known"], answer["bad"], answer["files_read"]) == (2, 0, 0, 1)
    assert answer["cost_usd_by_kind"] == {"subscription_imputed": "0.12070"}
    assert (answer["first"], answer["last"]) == ("2026-11-02T09:00:00Z", "2026-11-02T09:01:00Z")
    assert answer["files"][0]["lines"] == 3


def test_a_dry_run_makes_no_store(person: Path) -> None:
    shown = run(person, "claude-code", "--dry-run")
    assert "2 (nothing written)" in shown.stdout
    assert not (person / "meter").exists()


def test_the_person_says_how_it_is_paid_for(person: Path) -> None:
    answer = json.loads(run(person, "claude-code", "--billing", "metered", "--json").stdout)
    assert answer["calls_by_kind"] == {"metered": 2}


def test_bad_lines_are_shown_and_a_file_of_them_alone_fails(person: Path) -> None:
    mixed, bad = person / "mixed.jsonl", person / "bad\x1b[31m.jsonl"
    mixed.write_bytes(jsonl(claude_line(7)) + b"?\n")
    bad.write_bytes(b"?\n")
    good = run(person, "claude-code", str(mixed))
    assert (good.exit_code, "line 2: not a JSON object" in good.output) == (0, True)
    failed = run(person, "claude-code", str(mixed), str(bad))
    assert failed.exit_code == 1
    assert "\x1b" not in failed.output


def test_a_missing_file_fails_in_a_plain_line(person: Path) -> None:
    shown = run(person, "codex", str(person / "nowhere"))
    assert shown.exit_code == 1
    assert "No such file or directory" in shown.output


def test_no_logs_fail_and_say_where_they_were_looked_for(person: Path) -> None:
    shown = run(person, "codex")
    assert shown.exit_code == 1
    assert str(person / ".codex" / "sessions") in shown.output


def test_exports_need_a_name(person: Path) -> None:
    assert run(person, "openai-usage-csv").exit_code == 2
    table = person / "usage.csv"
    table.write_text(OPENAI_USAGE)
    answer = json.loads(run(person, "openai-usage-csv", str(table), "--json").stdout)
    assert answer["calls_by_kind"] == {"imported": 43}


def test_a_log_of_another_tool_is_wondered_at(person: Path) -> None:
    transcript = next((person / ".claude").rglob("*.jsonl"))
    shown = run(person, "codex", str(transcript))
    assert (shown.exit_code, "is it of codex?" in shown.stdout) == (0, True)


def test_folders_are_searched(person: Path) -> None:
    assert json.loads(run(person, "claude-code", str(person / ".claude"), "--json").stdout)["new"] == 2


def test_the_command_knows_the_importers() -> None:
    assert list(SOURCES) == list(IMPORTERS)


def test_following_and_dry_run_exclude_each_other(person: Path) -> None:
    assert run(person, "claude-code", "--follow", "--dry-run").exit_code == 2


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_following_takes_what_is_added_and_ends_in_order(person: Path) -> None:
    transcript = next((person / ".claude").rglob("*.jsonl"))
    program = (
        "from daemon.cli.imports import import_calls; from daemon.cli.state import CliState; from pathlib import Path"
    )
    program += f"; import_calls(obj=CliState(named_home=Path({str(person / 'meter')!r})))"
    command = [sys.executable, "-c", program, "claude-code", "--follow", "--every", "0.05", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["new"] == 2
        with transcript.open("ab") as log:
            log.write(jsonl(claude_line(3, 90, usage=claude_usage(output=9))))
        assert json.loads(process.stdout.readline())["new"] == 1
        process.send_signal(signal.SIGINT)
        began = time.perf_counter()
        end = json.loads(process.stdout.readline())
        assert process.wait() == 0
    assert (end["event"], end["new"]) == ("end", 3)
    assert time.perf_counter() - began < 10
