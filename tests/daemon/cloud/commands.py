"""Running `halton-meter cloud …` in a home of its own."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from daemon.cli.main import main
from daemon.credentials import MeterHome


def run(home: MeterHome, *arguments: str, typed: str = "") -> Result:
    command = ["--home", str(home.root), "cloud", *arguments]
    return CliRunner().invoke(main, command, input=typed, catch_exceptions=False)


def answer(home: MeterHome, *arguments: str) -> Any:
    return json.loads(run(home, *arguments, "--json").stdout)


def lines(result: Result) -> list[str]:
    return result.stdout.splitlines()
