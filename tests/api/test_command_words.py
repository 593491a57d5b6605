"""What `report` and `export` say in a terminal: which option is missing, how to begin, how far they are."""

from __future__ import annotations

import shutil
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from api.access.same_site import PUBLIC_URL_VARIABLE
from api.audit import OPERATOR
from api.cli import report, waiting
from api.cli.database import opened
from api.cli.export import export_group
from api.cli.report import report_group
from api.db.models import Plan
from api.db.session import transaction
from api.errors import Refused, invalid
from api.server import _listen
from api.workspaces import create_workspace
from pipelines.exports.focus_file import FocusFile
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from tests.conftest import NOON


@pytest.fixture
def acme(tmp_path: Path, upgraded_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with one workspace."""
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    home = Home(tmp_path / "home")
    home.root.mkdir()
    shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
    with opened(home) as engine, transaction(engine) as session:
        create_workspace(
            session, name="Acme", owner_email="v@acme.co", plan=Plan.TEAM, time_zone="UTC", actor=OPERATOR, at=NOON
        )
    return home


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


def test_where_a_report_goes_is_looked_at_before_one_is_issued(
    acme: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def request(*_: Any, server_url: str, **__: Any) -> None:
        asked.append(server_url)
        raise invalid("as far as this goes")

    def refused(*given: str) -> str:
        return str(CliRunner().invoke(report_group, ["make", "executive", *where, *given]).exception)

    monkeypatch.delenv(PUBLIC_URL_VARIABLE, raising=False)
    monkeypatch.setattr(report, "request_report", request)
    where = ["--workspace", "acme", "--home", str(acme.root)]
    assert "there is no folder" in refused("--out", str(tmp_path / "nodir" / "x.pdf"))
    assert "--server-url is an address" in refused("--server-url", "meter.example")
    assert asked == []
    # Readers of the PDF follow its links: to the server that is named, else the configured one, else the usual one.
    refused("--out", str(tmp_path / "x.pdf"))
    monkeypatch.setenv(PUBLIC_URL_VARIABLE, "https://meter.acme.example/")
    refused()
    refused("--server-url", "https://other.example")
    assert asked == ["http://localhost:8080", "https://meter.acme.example", "https://other.example"]


def test_a_report_that_could_not_be_copied_is_said_to_be_issued(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"Report 7 was issued, but not copied .*it lies at .*report\.pdf"):
        report._copy(tmp_path / "report.pdf", tmp_path / "away" / "x.pdf", 7)


def test_configuring_another_export_says_what_it_replaces(acme: Home, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text('{"access_key_id": "a", "secret_access_key": "b"}')

    def told(*given: str) -> str:
        where = ["--workspace", "acme", "--home", str(acme.root)]
        done = CliRunner().invoke(export_group, ["configure", *given, *where])
        assert done.exit_code == 0, done.output
        return done.stderr

    assert told("--to", "s3://finops", "--keys-file", str(tmp_path / "keys")) == ""
    said = told("--to", "s3://nobucket")
    assert "Replaces the export to s3://finops;" in said
    assert "keys that were sealed before are forgotten" in said
    assert told("--to", "s3://nobucket") == ""


def test_a_month_without_rows_is_said_to_have_none(acme: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    written = FocusFile("acme.csv", 0, Decimal(0), "b", "a")
    monkeypatch.setattr("pipelines.exports.focus_file.write_focus", lambda *_: written)
    given = ["focus", "--month", "2025-01", "--out", "acme.csv", "--workspace", "acme", "--home", str(acme.root)]
    told = CliRunner().invoke(export_group, given)
    assert (told.exit_code, told.stderr) == (
        0, "No rows: acme has no spend and no credits in 2025-01; the file has the heading alone.\n",
    )  # fmt: skip


def test_a_port_in_use_is_named_and_how_to_choose_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"Port {port} of 127.0.0.1 is in use .*--port N"):
            _listen("127.0.0.1", port)


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
