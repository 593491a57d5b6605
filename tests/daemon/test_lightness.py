"""The laptop's side stays light: little to import, little to install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    *("duckdb", "polars", "pyarrow", "pandas", "numpy", "dagster", "dbt", "fastapi", "starlette", "sqlalchemy"),
    *("genai_prices", "api", "pipelines", "orjson", "alembic", "pydantic"),
}
WANTED_LATE = {"httpx", "msgspec", "rich", "cryptography", "psutil", "tomlkit", "opentelemetry", "google", "mitmproxy"}
"""What the laptop installs, and commands import when they run."""


def modules_after(statement: str) -> set[str]:
    program = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_neither_http_nor_codecs() -> None:
    loaded = modules_after("import daemon.cli.main")
    assert not loaded & ({"httpcore", "zoneinfo", "asyncio", "ssl", "sqlite3"} | WANTED_LATE | HEAVY)


def test_the_whole_room_imports_nothing_of_the_server() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "daemon").rglob("*.py"))
        if path.name != "__init__.py" and "daemon/capture/proxy" not in path.as_posix()
    ]
    # None in sys.modules makes an import fail, as on a machine where it is not installed. (httpx itself tries a few.)
    absent = f"sys.modules.update(dict.fromkeys({sorted(HEAVY)}))"
    assert set(names) <= modules_after("\n".join([absent, *(f"import {name}" for name in names)]))


def test_the_base_install_is_nine_small_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = ["certifi", "click", "cryptography", "httpx", "msgspec", "opentelemetry-proto", "psutil", "rich", "tomlkit"]
    assert sorted(line.split(">")[0] for line in project["dependencies"]) == named


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="CPU time of a child is a POSIX notion")
def test_help_takes_at_most_300_ms_of_processor_time() -> None:
    best = min(_processor_seconds("-m", "daemon.cli.main", "--help") for _ in range(3))
    assert best <= 0.3


def _processor_seconds(*arguments: str) -> float:
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, cwd=ROOT) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime
