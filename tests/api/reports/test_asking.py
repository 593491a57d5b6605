"""Asking for reports: on pages and in JSON, who may, what is refused, and what the audit log says."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from api.background import REPORTS, Background
from api.db.models import AuditRecord, IssuedReport, Project, Role
from api.db.session import reading, transaction
from api.reports.making import make_reports, reports_turn
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from tests.api.conftest import Browser, People
from tests.api.reports.conftest import Issued
from tests.conftest import on_sqlite

PATH = "/v1/acme-co/reports"
STATEMENT = {"kind": "statement", "client": "Globex"}
RATE = {"exchange_rate": "0.9", "exchange_rate_source": "ECB", "exchange_rate_date": "2026-06-30"}


@pytest.fixture
def member(people: People, workspace_id: str, engine: Engine) -> Browser:
    with transaction(engine) as session:
        for slug, rate in (("web", 12_000_000), ("app", None)):
            session.add(
                Project(
                    id=slug.ljust(36, "0"),
                    workspace_id=workspace_id,
                    slug=slug,
                    client_name="Globex",
                    first_seen_at_us=1,
                    hourly_rate_millicents=rate,
                    hourly_rate_currency="EUR" if rate else None,
                )
            )
    return people.member(workspace_id, "m@acme.co", Role.MEMBER)


def events(engine: Engine) -> list[str]:
    with reading(engine) as session:
        found = session.scalars(select(AuditRecord.event).order_by(AuditRecord.position)).all()
    return [event for event in found if event.startswith("report.")]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"kind": "project"}, "invalid_report"),
        ({"kind": "project", "project": "nope"}, "project_not_found"),
        ({"kind": "executive", "project": "web"}, "invalid_report"),
        ({"kind": "executive", "currency": "EUR"}, "invalid_report"),
        ({"kind": "executive", "period": "custom"}, "invalid_report"),
        ({"kind": "executive", "from": "2026-06-01", "to": "2026-06-02"}, "invalid_report"),
        ({"kind": "executive", "period": "custom", "from": "2026-06-03", "to": "2026-06-02"}, "invalid_report"),
        ({"kind": "executive", "period": "custom", "from": "2020-06-03", "to": "2026-06-02"}, "invalid_report"),
        ({"kind": "executive", "period": "custom", "from": "2027-06-01", "to": "2027-06-02"}, "invalid_report"),
        ({"kind": "statement", "client": "Initech"}, "client_not_found"),
        ({**STATEMENT, "currency": "EUR"}, "invalid_report"),
        ({**STATEMENT, **RATE}, "invalid_report"),
        ({**STATEMENT, **RATE, "currency": "EUR", "exchange_rate": "0"}, "invalid_report"),
        ({**STATEMENT, **RATE, "currency": "XXX"}, "unknown_currency"),
        ({**STATEMENT, "charge": "markup"}, "invalid_report"),
        ({**STATEMENT, "charge": "hours", "hours": {"web": "1e9"}}, "invalid_report"),
        ({**STATEMENT, "charge": "hours", "hours": {"web": "2"}}, "currency_differs"),
        ({**STATEMENT, "charge": "hours", "hours": {"app": "2"}, "currency": "EUR"}, "no_hourly_rate"),
        ({**STATEMENT, "charge": "hours", "hours": {"else": "2"}}, "project_not_found"),
        ({"kind": "executive", "colour": "red"}, "invalid_request"),
    ],
)
@on_sqlite
def test_what_does_not_fit_together_is_refused(member: Browser, asked: dict[str, Any], code: str) -> None:
    answer = member.json("POST", PATH, asked)
    assert (answer.json()["error"]["code"], answer.status_code < 500) == (code, True), answer.text


def test_a_report_waits_is_made_and_its_row_tells_how_far_it_is(
    member: Browser, engine: Engine, home: Home, clock: FixedClock
) -> None:
    asked = member.json("POST", PATH, {**STATEMENT, "charge": "hours", "hours": {"web": "2.5"}, "currency": "EUR"})
    shown = asked.json()
    assert (asked.status_code, shown["state"], shown["number"], shown["path"]) == (202, "queued", 1, None)
    assert (shown["first_day"], shown["last_day"]) == ("2026-06-01", "2026-06-30")
    background = Background(home, engine, clock, REPORTS)
    assert background.is_due()
    with reports_turn(home):
        assert not background.is_due()
    early = member.json("GET", f"{PATH}/{shown['report_id']}/file")
    assert early.json()["error"]["code"] == "report_not_ready"
    assert make_reports(home, engine, clock) == 0  # nothing is published yet
    failed = member.json("GET", f"{PATH}/{shown['report_id']}").json()
    assert failed["state"] == "failed"
    assert "No figures have been made yet" in failed["failure"]
    assert "No figures have been made yet" in member.get("/acme-co/reports").text
    assert events(engine) == ["report.requested", "report.failed"]
    assert not background.is_due()


@on_sqlite
def test_only_so_many_wait_and_a_running_month_ends_today(member: Browser, clock: FixedClock) -> None:
    clock.advance(timedelta(days=9))
    shown = member.json("POST", PATH, {"kind": "executive", "period": "this_month"}).json()
    assert (shown["first_day"], shown["last_day"]) == ("2026-07-01", "2026-07-10")
    answers = [member.json("POST", PATH, {"kind": "executive"}).status_code for _ in range(20)]
    assert answers == [202] * 19 + [409]


@on_sqlite
def test_the_page_takes_a_form_and_shows_a_refused_one_again(member: Browser, engine: Engine) -> None:
    taken = member.post_form("/acme-co/reports", {"kind": "project", "project": "web", "period": "last_month"})
    assert (taken.status_code, taken.headers["location"]) == (303, "/acme-co/reports?done=requested")
    page = member.get("/acme-co/reports?done=requested").text
    assert "Project report: web" in page
    assert 'data-unfinished="yes"' in page
    typed = {"kind": "statement", "client": "Globex", "charge": "hours", "hours_project": "web", "hours": "7.25"}
    refused = member.post_form("/acme-co/reports", typed)
    assert refused.status_code == 409
    assert "another currency" in refused.text
    assert 'value="7.25"' in refused.text
    assert member.post_form("/acme-co/reports", {**typed, "currency": "EUR"}).status_code == 303
    with reading(engine) as session:
        stored = session.scalars(select(IssuedReport.parameters).where(IssuedReport.number == 2)).one()
    assert '"hours":{"web":"7.25"}' in stored
    assert member.post_form("/acme-co/reports", {"kind": "project", "role": "owner"}).status_code == 422


@on_sqlite
def test_each_kind_has_a_form_of_its_own_that_links_fill_in(member: Browser) -> None:
    asked = "period=custom&from=2026-05-01&to=2026-05-31"
    statement = member.get(f"/acme-co/reports?kind=statement&client=Globex&{asked}").text
    assert '<option value="Globex" selected>' in statement
    assert '<option value="custom" selected>' in statement
    assert 'value="2026-05-01"' in statement
    assert 'name="project"' not in statement
    assert (
        'href="/acme-co/reports?kind=project&amp;period=custom&amp;from=2026-05-01&amp;to=2026-05-31#make"' in statement
    )
    project = member.get("/acme-co/reports").text
    assert 'name="project"' in project
    assert not [name for name in ("client", "charge", "exchange_rate", "hours") if f'name="{name}"' in project]
    refused = member.post_form("/acme-co/reports", {"kind": "project", "project": "", "period": "last_month"})
    assert refused.status_code == 422
    assert refused.text.index("Choose the project this report is about.") > refused.text.index("Make a report")
    mixed = {"kind": "executive", "period": "last_month", "from": "2026-05-01", "to": "2026-05-02"}
    assert "or leave the days empty" in member.post_form("/acme-co/reports", mixed).text


def test_a_finished_report_is_sent_with_its_digest(issued: Issued) -> None:
    shown = issued.world.get("acme/reports").json()["reports"]
    statement = next(one for one in shown if one["kind"] == "statement")
    answer = issued.world.client.get(
        statement["path"], headers={"Authorization": f"Bearer {issued.world.keys['acme']}"}
    )
    assert hashlib.sha256(answer.content).hexdigest() == statement["sha256"]
    digest = base64.b64encode(bytes.fromhex(statement["sha256"])).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["content-disposition"].endswith('"statement-3-2026-03-01-2026-03-31.pdf"')
    assert {"report.issued", "report.downloaded"} <= set(events(issued.world.engine))


def test_anybody_can_check_a_file_or_its_digest_on_the_public_page(issued: Issued) -> None:
    client, content = issued.world.client, issued.pdf("executive").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    known = client.get(f"/v1/verify/{sha256}").json()["issued"]
    assert (known["number"], known["workspace"]) == (2, "Acme Studio & Söhne")
    for digest in ("0" * 64, "x", sha256[:-1]):
        assert client.get(f"/v1/verify/{digest}").json() == {"issued": None}
    client.base_url = "https://testserver"
    nobody = Browser(client)
    assert "Check a report" in nobody.get("/verify").text
    good = nobody.post_form("/verify", files={"file": ("r.pdf", content, "application/pdf")})
    assert "This is the report as it was issued" in good.text
    bad = nobody.post_form("/verify", files={"file": ("r.pdf", content + b"x", "application/pdf")})
    assert "This is not a report as it was issued" in bad.text
    assert "Acme Studio" not in bad.text
    assert "A report with this digest was issued" in nobody.post_form("/verify", {"sha256": f" {sha256.upper()} "}).text
    assert "No report with this digest" in nobody.post_form("/verify", {"sha256": "<script>"}).text
    assert client.get("/verify/certificate.pem").text.startswith("-----BEGIN CERTIFICATE-----")
    assert "How requests are priced" in nobody.get("/docs/concepts/pricing").text
