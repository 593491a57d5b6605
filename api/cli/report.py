"""`halton-cloud report`: signed PDFs.

Belongs here: the commands. Does not belong here: the rules (`api.reports`).
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
import msgspec
from sqlalchemy import Engine

from api.access.same_site import PUBLIC_URL_VARIABLE
from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, verbatim_examples, workspace_option
from api.cli.database import opened
from api.cli.waiting import waiting
from api.db.models import IssuedReport
from api.db.session import reading, transaction
from api.errors import conflict, invalid
from api.members.acting import Acting
from api.reports.asked import ReportAsked
from api.reports.issuing import UNFINISHED, ReportState, find_report, list_reports, report_file, request_report
from api.reports.making import BusyError, make_report, reports_turn
from api.reports.messages import ReportShown
from api.reports.signing import ReportSigner
from api.reports.verifying import FILE_BYTES_MAX, take_apart, verdict_on
from api.workspaces import find_workspace
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home

_DAY: Final = click.DateTime(["%Y-%m-%d"])
_LOOK_EVERY_SECONDS: Final = 0.5


@click.group("report")
@verbatim_examples
def report_group() -> None:
    r"""Make signed PDFs, list and prove them: of a project, for a client, for the board.

    \b
    Examples:
      halton-cloud report make executive --workspace acme-co --out november.pdf
      halton-cloud report make project --project web --period this_month --workspace acme-co --out web.pdf
      halton-cloud report verify november.pdf
    """


@report_group.command("make", short_help="Make a report now.")
@click.argument("kind", type=click.Choice(["project", "executive", "statement"]))
@click.option("--project", metavar="SLUG", help="The project; for a project's report.")
@click.option("--client", metavar="NAME", help="The client, as named on its projects; for a statement.")
@click.option(
    "--period",
    type=click.Choice(["this_month", "last_month"]),
    default="last_month",
    show_default=True,
    help="Calendar month, in the workspace's time zone.",
)
@click.option("--from", "first", type=_DAY, metavar="DATE", help="First day, with --to instead of --period.")
@click.option("--to", "last", type=_DAY, metavar="DATE", help="Last day, included.")
@click.option("--markup", type=int, metavar="POINTS", help="One mark-up for all of a statement; 1500 is 15 %.")
@click.option("--hours", multiple=True, metavar="SLUG=HOURS", help="Charge a statement by the hour; once per project.")
@click.option("--currency", default="USD", metavar="CODE", show_default=True, help="Of a statement's amounts.")
@click.option("--exchange-rate", metavar="RATE", help="Units of the currency for 1 USD.")
@click.option("--rate-source", metavar="WHO", help="Who published the rate.")
@click.option("--rate-date", type=_DAY, metavar="DATE", help="The day it was published for.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Copy the PDF here.")
@click.option(
    "--server-url",
    metavar="URL",
    envvar=PUBLIC_URL_VARIABLE,
    default="http://localhost:8080",
    show_default=True,
    help=f"Where its readers reach this server, for the links in it (or ${PUBLIC_URL_VARIABLE}).",
)
@workspace_option
@home_option
def make(home_folder: str | None, workspace_slug: str, out: Path | None, server_url: str, **given: Any) -> None:
    r"""Make a report now, from the newest figures.

    A project's report and a client's statement name their rates as the projects' settings have them (`halton-cloud
    project set`, or the project's page). What is issued is never changed: make another one.

    Prints {"report": {"report_id", "number", "sha256", "pages", ...}, "file"}; exits with 1 when it could not be made.

    \b
    Examples:
      halton-cloud report make executive --workspace acme-co --out november.pdf
      halton-cloud report make project --project web --from 2026-06-01 --to 2026-06-15 --workspace acme-co --out web.pdf
      halton-cloud report make statement --client Globex --hours web=12.5 --workspace acme-co
      halton-cloud report make statement --client Globex --currency EUR --exchange-rate 0.9213 \
        --rate-source ECB --rate-date 2026-06-30 --workspace acme-co
    """
    _check_given(given, workspace_slug)
    # First of all: a report is issued for good, and numbered.
    server = _checked_server(server_url)
    _check_out(out)
    home, clock = Home.locate(home_folder), SystemClock()
    with opened(home) as engine:
        with transaction(engine) as session:
            workspace_id = find_workspace(session, workspace_slug).id
            by = Acting(OPERATOR)
            asked = _asked(given)
            report_id = request_report(session, workspace_id, asked, by=by, server_url=server, at=clock.now()).id
        report = _made(home, engine, workspace_id, report_id)
    if report.state != ReportState.READY.value:
        raise conflict("report_failed", report.failure or "The report could not be made.")
    path = report_file(home, workspace_id, report_id)
    if out is not None:
        _copy(path, out, report.number)
    shown = msgspec.to_builtins(ReportShown.of(report, workspace_slug))
    print_answer({"report": shown, "file": str(out or path)})


@report_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List a workspace's reports, the newest first.

    Prints {"reports": [{"number", "kind", "title", "state", "sha256", ...}]}.

    \b
    Example:
      halton-cloud report list --workspace acme-co
    """
    with opened(Home.locate(home_folder)) as engine, reading(engine) as session:
        found = list_reports(session, find_workspace(session, workspace_slug).id)
        shown = [msgspec.to_builtins(ReportShown.of(report, workspace_slug)) for report in found]
    print_answer({"reports": shown})


@report_group.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@home_option
def verify(home_folder: str | None, file: Path) -> None:
    r"""Prove a PDF: its digest, its signature, and its figures.

    Exits with 1 when something does not hold. Prints {"ok", "sha256", "issued", "signature_holds",
    "signed_by_this_server", "figures_hold", "faults"}; issued is null for a file that was not issued here.

    \b
    Example:
      halton-cloud report verify statement-12-2026-06-01-2026-06-30.pdf
    """
    home = Home.locate(home_folder)
    if file.stat().st_size > FILE_BYTES_MAX:
        raise invalid("The file is larger than any report.", code="file_too_large")
    content = file.read_bytes()
    with opened(home) as engine:
        proved = take_apart(content, ReportSigner.of(home, SystemClock()))
        with reading(engine) as session:
            verdict = verdict_on(session, content, proved)
    print_answer(msgspec.to_builtins(verdict))
    if not verdict.ok:
        sys.exit(1)


@report_group.command("certificate", short_help="Show the certificate that reports are signed with.")
@home_option
def certificate(home_folder: str | None) -> None:
    r"""Show the certificate that reports are signed with; its key is made on first use.

    Prints {"sha256", "subject", "not_after", "pem"}.

    \b
    Example:
      halton-cloud report certificate
    """
    home = Home.locate(home_folder)
    with opened(home):
        signer = ReportSigner.of(home, SystemClock())
    answer = {
        "sha256": signer.sha256,
        "subject": signer.certificate.subject.rfc4514_string(),
        "not_after": signer.certificate.not_valid_after_utc.isoformat(),
        "pem": signer.certificate_pem().decode(),
    }
    print_answer(answer)


def _check_given(given: dict[str, Any], workspace_slug: str) -> None:
    """Refuse what lacks an option, in the words of options.

    Raises:
        Refused: 422.
    """
    if given["kind"] == "project" and given["project"] is None:
        known = f"`halton-cloud project list --workspace {workspace_slug}` lists them"
        raise invalid(f"Name the project: --project SLUG ({known}).")
    if given["kind"] == "statement" and given["client"] is None:
        raise invalid("Name the client: --client NAME, as its projects have it.")
    if (given["first"] is None) != (given["last"] is None):
        raise invalid("A period of your own needs both --from and --to.")
    if any("=" not in pair for pair in given["hours"]):
        raise invalid("Hours are given by project: --hours SLUG=HOURS, such as --hours web=12.5.")


def _checked_server(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise invalid("--server-url is an address such as https://meter.example.org.")
    return url.rstrip("/")


def _check_out(out: Path | None) -> None:
    """Refuse a place that no file can be written to.

    Raises:
        Refused: 422.
    """
    if out is None:
        return
    if not out.parent.is_dir():
        raise invalid(f"--out: there is no folder {out.parent.absolute()}; no report was made.")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise invalid(f"--out: {out.absolute()} cannot be written; no report was made.")


def _copy(path: Path, out: Path, number: int) -> None:
    try:
        shutil.copyfile(path, out)
    except OSError as fault:
        issued = f"Report {number} was issued, but not copied to {out} ({fault.strerror})"
        raise conflict(
            "report_not_copied", f"{issued}; it lies at {path} and on the workspace's page of reports."
        ) from fault


def _asked(given: dict[str, Any]) -> ReportAsked:
    hours = dict(pair.partition("=")[::2] for pair in given["hours"])
    custom = given["first"] is not None or given["last"] is not None
    charge = "hours" if hours else "markup" if given["markup"] is not None else "project_settings"
    return ReportAsked(
        kind=given["kind"],
        period="custom" if custom else given["period"],
        first_day=_day(given["first"]),
        last_day=_day(given["last"]),
        project=given["project"],
        client=given["client"],
        charge=charge,
        markup_basis_points=given["markup"],
        hours=hours,
        currency=given["currency"],
        exchange_rate=given["exchange_rate"],
        exchange_rate_source=given["rate_source"],
        exchange_rate_date=_day(given["rate_date"]),
    )


def _day(given: datetime | None) -> Any:
    return None if given is None else given.date()


def _made(home: Home, engine: Engine, workspace_id: str, report_id: str) -> IssuedReport:
    """Make the report, or wait for the server that does; a terminal shows how far it is."""

    def stored() -> IssuedReport:
        with reading(engine) as session:
            return find_report(session, workspace_id, report_id)

    with waiting("Making the report") as told, ThreadPoolExecutor(1) as beside:
        made = beside.submit(_make_in_turn, home, engine, report_id, lambda: stored().state in UNFINISHED)
        while not made.done():
            wait([made], timeout=_LOOK_EVERY_SECONDS)
            report = stored()
            told(report.done_steps, report.total_steps)
        made.result()
    return stored()


def _make_in_turn(home: Home, engine: Engine, report_id: str, is_wanted: Callable[[], bool]) -> None:
    """Make the report once no other process makes any, unless that one made it."""
    while is_wanted():
        try:
            with reports_turn(home):
                make_report(home, engine, SystemClock(), report_id)
        except BusyError:
            time.sleep(_LOOK_EVERY_SECONDS)
