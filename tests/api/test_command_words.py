"""What `report` and `export` say in a terminal: which option is missing, how to begin, how far they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from api.cli import waiting
from api.cli.database import opened
from api.cli.export import export_group
from api.cli.report import report_group
from pipelines.lake.paths import DATABASE_VARIABLE, Home


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["project"], "--project SLUG"),
        (["statement"], "--client NAME"),
        (["executive", "--from", "2026-06-01"], "both --from and --to"),
        (["statement", "--client", "Acme", "--hours", "12.5"], "--hours SLUG=HOURS"),
    ],
)
def test_a_report_that_lacks_an_option_names_it(given: list[str], said: str, tmp_path: Path) -> None:
    where = ["--workspace", "acme", "--home", str(tmp_path)]
    refused = CliRunner().invoke(report_group, ["make", *given, *where])
    assert refused.exit_code == 1
    assert said in str(refused.exception)


def test_where_nothing_is_exported_the_command_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    with opened(Home(tmp_path / "home"), create=True):
        pass
    told = CliRunner().invoke(export_group, ["run", "--home", str(tmp_path / "home")])
    assert told.exit_code == 0
    assert told.stdout == '{"exports": []}\n'
    assert "export configure begins it" in told.stderr


@pytest.mark.parametrize("is_terminal", [False, True])
def test_how_far_a_command_is_shows_in_a_terminal_and_stays_out_of_a_log(
    *, is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def console(**settings: Any) -> Console:
        return Console(**settings, force_terminal=is_terminal)

    monkeypatch.setattr(waiting, "Console", console)
    with waiting.waiting("Making the report") as told:
        told(0, 0)
        told(1, 4)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert ("Making the report … 25 %" in shown.err) == is_terminal
    assert (shown.err == "") != is_terminal
