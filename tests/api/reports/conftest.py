"""An installation with figures, and one report of each kind, made once for all tests that only look."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text, update

from api.audit import OPERATOR
from api.db.migrate import NEWEST_REVISION
from api.db.models import IssuedReport, Project, Workspace
from api.db.session import reading, transaction
from api.members.acting import Acting
from api.reports.asked import ReportAsked
from api.reports.issuing import find_report, report_file, request_report
from api.reports.making import make_reports
from api.reports.signing import ReportSigner
from api.workspaces.logos import set_logo
from tests.api.dashboards.facts import workspace_id
from tests.api.dashboards.world import World, build_world
from tests.api.reports.tools import require_tools

SERVER = "https://meter.acme.example"
HOSTILE = "<img src=http://127.0.0.1:9/x onerror=alert(1)>\u202efdp.exe"
MARCH = {"period": "custom", "first_day": date(2026, 3, 1), "last_day": date(2026, 3, 31)}
ASKED = (
    ReportAsked(kind="project", project="web", **MARCH),
    ReportAsked(kind="executive", **MARCH),
    ReportAsked(
        kind="statement",
        client="Globex",
        charge="markup",
        markup_basis_points=1_500,
        currency="EUR",
        exchange_rate="0.9213",
        exchange_rate_source="European Central Bank",
        exchange_rate_date=date(2026, 3, 31),
        **MARCH,
    ),
    ReportAsked(kind="project", project="=cmd()", **MARCH),
)
KINDS = ("project", "executive", "statement", "hostile")


@dataclass
class Issued:
    """An installation and its reports by kind; `hostile` is that of a project whose every name is an attack."""

    world: World
    ids: dict[str, str]

    @property
    def workspace_id(self) -> str:
        return workspace_id("acme")

    @property
    def signer(self) -> ReportSigner:
        return ReportSigner.of(self.world.home, self.world.clock)

    def row(self, kind: str) -> IssuedReport:
        with reading(self.world.engine) as session:
            return find_report(session, self.workspace_id, self.ids[kind])

    def pdf(self, kind: str) -> Path:
        return report_file(self.world.home, self.workspace_id, self.ids[kind])

    def document(self, kind: str) -> dict[str, Any]:
        return json.loads(self.row(kind).document or "")


def ask(world: World, asked: ReportAsked) -> str:
    with transaction(world.engine) as session:
        by, at = Acting(OPERATOR), world.clock.now()
        return request_report(session, workspace_id("acme"), asked, by=by, server_url=SERVER, at=at).id


def logo_png() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (300, 90), (47, 93, 70)).save(picture, "PNG")
    return picture.getvalue()


@pytest.fixture(scope="session", autouse=True)
def _tools() -> None:
    require_tools()


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issued]:
    world = build_world(tmp_path_factory.mktemp("reports"), rows_each=900)
    mine = workspace_id("acme")
    with transaction(world.engine) as session:
        set_logo(session, mine, logo_png(), actor=OPERATOR, at=world.clock.now())
        session.execute(update(Workspace).where(Workspace.id == mine).values(name="Acme Studio & Söhne"))
        rate = {"hourly_rate_millicents": 12_000_000, "hourly_rate_currency": "USD"}
        session.execute(update(Project).where(Project.workspace_id == mine, Project.slug == "web").values(**rate))
        hostile = {"display_name": HOSTILE, "client_name": "\u202e" + "W" * 250}
        session.execute(update(Project).where(Project.workspace_id == mine, Project.slug == "=cmd()").values(**hostile))
    with world.engine.begin() as connection:  # commands look for it
        connection.execute(text("create table alembic_version (version_num varchar(32) not null)"))
        connection.execute(text("insert into alembic_version values (:newest)"), {"newest": NEWEST_REVISION})
    ids: dict[str, str] = dict(zip(KINDS, [ask(world, one) for one in ASKED], strict=True))
    assert make_reports(world.home, world.engine, world.clock) == len(ASKED)
    yield Issued(world, ids)
    world.close()
