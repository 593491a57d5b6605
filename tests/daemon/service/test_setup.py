"""`init` and `doctor`, and what the log may hold."""

from __future__ import annotations

import logging
import plistlib
import stat
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config import Config, load_config
from daemon.credentials import MeterHome
from daemon.service.first_config import FIRST_CONFIG
from daemon.service.journal import open_journal, without_secrets
from daemon.service.log_lines import following, last_lines
from daemon.service.units import launchd_agent, systemd_unit
from tests.daemon.service.laptop import Laptop


@pytest.fixture
def journal(home: MeterHome) -> Iterator[MeterHome]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    open_journal(home, rotates=True)
    yield home
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = before


def test_init_prepares_a_home_and_leaves_it_as_it_is_the_second_time(laptop: Laptop, tmp_path: Path) -> None:
    laptop.variables["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    laptop.home.config_path.unlink()
    shown = laptop.says("init", "--systemd")
    assert "systemctl --user enable --now halton-meter" in shown
    unit = tmp_path / "xdg/systemd/user/halton-meter.service"
    assert unit.read_text() == laptop.says("init", "--systemd", "--print")
    assert (
        f"ExecStart={sys.executable} -P -m daemon.cli.main --home {laptop.home.root} start --foreground"
        in unit.read_text()
    )
    before = {path: path.read_bytes() for path in laptop.home.root.iterdir() if path.is_file()}
    laptop.says("init")
    assert {path: path.read_bytes() for path in laptop.home.root.iterdir() if path.is_file()} == before
    assert laptop.home.root.stat().st_mode & 0o777 == 0o700
    laptop.says("init", "--systemd", "--remove")
    assert not unit.exists()
    assert "was not there" in laptop.says("init", "--systemd", "--remove")


def test_the_first_config_is_all_defaults_and_every_line_may_be_switched_on(home: MeterHome) -> None:
    home.config_path.write_text(FIRST_CONFIG)
    assert load_config(home) == Config()
    lines = [line.removeprefix("# ") if " = " in line else line for line in FIRST_CONFIG.split("\n")]
    home.config_path.write_text("\n".join(lines))
    switched_on = load_config(home)
    assert switched_on.capture.port == Config().capture.port
    assert switched_on.store == Config().store
    assert tomllib.loads(home.config_path.read_text())["cors"]["allow_origins"] == ["http://localhost:3000"]


def test_units_quote_what_their_readers_would_read_otherwise(tmp_path: Path) -> None:
    command = ["/opt/my env/python", "-m", "x", "--home", '/home/a%b$c"d\\e']
    unit = systemd_unit(tmp_path, command).content.decode()
    assert 'ExecStart="/opt/my env/python" -m x --home "/home/a%%b$$c\\"d\\\\e"\n' in unit
    assert unit.index("[Unit]") < unit.index("[Service]") < unit.index("[Install]")
    for line in ("Type=exec", "Restart=always", "KillMode=mixed", "WantedBy=default.target"):
        assert f"\n{line}\n" in unit
    agent = launchd_agent(tmp_path, command, tmp_path / "log")
    read = plistlib.loads(agent.content)
    assert read["ProgramArguments"] == command
    assert read["KeepAlive"] is read["RunAtLoad"] is True
    assert agent.path == tmp_path / "Library/LaunchAgents/com.haltonmeter.daemon.plist"


def test_doctor_names_what_is_wrong_and_what_to_do(laptop: Laptop) -> None:
    found = laptop.json("doctor", code=1)
    levels = {check["name"]: check["level"] for check in found["checks"]}
    assert levels["daemon"] == "bad"
    assert levels["capture"] == levels["cloud"] == levels["shell"] == "note"
    laptop.says("start")
    laptop.home.log_path.chmod(0o644)
    shown = laptop.says("doctor", "--offline", code=1)
    assert f"→ chmod go= '{laptop.home.log_path}'" in shown
    laptop.home.log_path.chmod(0o600)
    laptop.says("doctor")
    laptop.stop()
    laptop.home.database_path.write_bytes(b"no database" * 1000)
    laptop.home.config_path.write_text("[nonsense]\n")
    checks = {check["name"]: check for check in laptop.json("doctor", code=1)["checks"]}
    assert checks["store"]["level"] == checks["config"]["level"] == "bad"
    assert all(check["remedy"] for check in checks.values() if check["level"] == "bad")
    laptop.home.config_path.unlink()


def test_the_log_is_private_and_holds_neither_secrets_nor_what_steers_a_terminal(journal: MeterHome) -> None:
    logging.getLogger("x").info("token hm_sync_%s and \x1b[31mred\x1b[0m\u202e", "a1b2c3d4e5")
    logging.getLogger("httpx").info("HTTP Request: POST https://api")
    text = journal.log_path.read_text()
    assert stat.S_IMODE(journal.log_path.stat().st_mode) == 0o600
    assert "a1b2c3d4e5" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "HTTP Request" not in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.def-ghi_123456",
        "x-api-key: SECRETvalue1",
        '{"api_key": "SECRETvalue1"}',
        "sk-ant-api03-SECRETvalue1",
        "https://x/?key=SECRETvalue1&y=1",
        "AIzaSyA-SECRETvalue1",
    ],
)
def test_whatever_looks_like_a_key_is_struck_out(text: str) -> None:
    assert "SECRET" not in without_secrets(text)
    assert "abc.def" not in without_secrets(text)
    assert without_secrets("the daemon ended (SIGKILL)") == "the daemon ended (SIGKILL)"


def test_last_lines_are_found_in_files_of_any_size_and_followed_through_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert last_lines(path, 3) == []
    path.write_text("".join(f"line {number} {'x' * 100}\n" for number in range(5_000)))
    assert [line.split()[1] for line in last_lines(path, 1_500)] == [str(number) for number in range(3_500, 5_000)]
    assert last_lines(path, 0) == []
    assert len(last_lines(path, 10_000)) == 5_000
    fresh = following(tmp_path / "new")
    threading.Timer(0.05, lambda: (tmp_path / "new").write_text("a\nb\n")).start()
    assert [next(fresh), next(fresh)] == ["a", "b"]
    (tmp_path / "new").rename(tmp_path / "new.1")
    (tmp_path / "new").write_text("c\n")
    assert next(fresh) == "c"
