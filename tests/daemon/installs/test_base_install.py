"""The wheel without extras: light, and all of it works that needs no proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.importers.samples import claude_line, jsonl
from tests.daemon.installs.environments import Installed, installed

HEAVY = ["duckdb", "polars", "pyarrow", "pandas", "numpy", "dagster", "dbt", "fastapi", "sqlalchemy", "mitmproxy"]
NOVEMBER = ("--from", "2026-11-01", "--to", "2026-11-30")
# One process for all of them: each is imported with nothing but the base installed.
ALL_HELPS = """
import contextlib, io, json
import click
from daemon.cli.main import main
def below(command, path):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        main([*path, "--help"], prog_name="halton-meter", standalone_mode=False)
    yield " ".join(path), shown.getvalue()
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from below(command.get_command(context, name), [*path, name])
print(json.dumps(dict(below(main, []))))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory, None)


@pytest.fixture
def laptop(base: Path, tmp_path: Path) -> Installed:
    return Installed(base, tmp_path)


def test_nothing_heavy_is_installed(laptop: Installed) -> None:
    found = f"import importlib.util as u, json; print(json.dumps([n for n in {HEAVY} if u.find_spec(n)]))"
    assert laptop.evaluates(found) == []
    files = sum(path.stat().st_size for path in laptop.environment.rglob("*") if path.is_file())
    assert files < 60_000_000


def test_the_command_and_every_command_below_it_show_their_help(laptop: Installed) -> None:
    assert laptop.says("--help").startswith("Usage: halton-meter")
    helps = laptop.evaluates(ALL_HELPS)
    assert {"start", "run", "env", "report", "watch", "import", "doctor", "cloud connect", "cloud privacy set"} <= {
        *helps
    }
    for path, shown in helps.items():
        assert shown.startswith(f"Usage: halton-meter {path}".strip()), path
        assert len(shown.splitlines()) > 3, path


def test_the_version_is_that_of_the_wheel(laptop: Installed) -> None:
    version = laptop.evaluates(
        "import importlib.metadata as m, json; print(json.dumps(m.version('halton-meter-cloud')))"
    )
    assert version in laptop.says("--version")


def test_a_report_is_empty_and_says_what_to_do_and_then_shows_what_was_imported(laptop: Installed) -> None:
    assert "halton-meter" in laptop.says("report")
    assert laptop.json("report")["summary"]["requests"] == 0
    (laptop.person / ".haltonrc").write_text("acme-api\n")
    log = laptop.person / "log.jsonl"
    log.write_bytes(jsonl(*(claude_line(number, 60 * number, cwd=str(laptop.person)) for number in (1, 2))))
    assert laptop.json("import", "claude-code", str(log))
    report = laptop.json("report", *NOVEMBER)
    assert report["summary"]["requests"] == 2
    # 4 fresh, 15,030 read, 8,655 written for an hour, 260 out, twice; at 3, 0.30, 6 and 15 USD per million.
    cost = round(2 * (12 + 4509 + 51930 + 3900) / 10)
    assert (report["summary"]["subscription_imputed_millicents"], report["summary"]["cost_millicents"]) == (cost, 0)
    assert "acme-api" in laptop.says("report", *NOVEMBER, "--by", "project")


def test_the_daemon_runs_without_a_proxy_and_says_how_to_get_one(laptop: Installed) -> None:
    home = laptop.person / ".halton-meter"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text("[capture]\nport = 0\n[api]\nport = 0\n")
    laptop.says("start")
    try:
        shown = laptop.says("status")
        assert "pip install 'halton-meter-cloud[capture]'" in shown
        assert "halton-meter-cloud[capture]" in laptop.json("status")["daemon"]["why_not_captured"]
        assert laptop.json("env") == {}
    finally:
        laptop.says("stop", "--all")
    laptop.says("status", code=1)
