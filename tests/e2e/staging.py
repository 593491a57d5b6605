"""A server on a port of this machine, browsers that are signed in to it, and the workspace `studio` with all it has.

Belongs here: making them. Does not belong here: looking at pages (`browsing`, `page_figures`).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, sync_playwright

from api.alerts.delivering import Caller
from api.alerts.keeper import AlertKeeper, Sources
from api.alerts.raising import Telling
from api.app import create_app
from api.audit import OPERATOR
from api.db.models import Role
from api.db.session import transaction
from api.members.acting import Acting
from api.reports.asked import ReportAsked
from api.reports.issuing import report_file, request_report
from api.reports.making import make_reports
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from tests.api.conftest import Browser, People
from tests.e2e.browsing import ARGUMENTS, DESKTOP, chromium
from tests.pipelines.analysis.studio import KEY, STUDIO
from tests.pipelines.lake_builder import NOON

SERVER = "https://meter.studio.example"
OCTOBER = {"period": "custom", "first_day": date(2026, 10, 1), "last_day": date(2026, 10, 31)}
REPORTS = {
    "project": ReportAsked(kind="project", project="webshop", **OCTOBER),
    "executive": ReportAsked(kind="executive", **OCTOBER),
    "statement": ReportAsked(kind="statement", client="Globex", charge="markup", markup_basis_points=1_500, **OCTOBER),
}
INVOICE = (
    b"Date,Model,Amount,Type\n2026-11-01,gpt-5,12.50,usage\n2026-11-02,gpt-5,-0.75,Promo\n2026-11-03,gpt-5,3,usage\n"
)

PAGES = {
    "overview": "overview",
    "projects": "projects",
    "project": "projects/webshop",
    "requests": "requests",
    "months": "reconciliation",
    "month": "reconciliation/2026-10",
    "day": "reconciliation/days/2026-10-14",
    "coverage": "reconciliation/coverage",
    "bills": "reconciliation/bills",
    "clusters": "clusters",
    "recommendations": "optimization",
    "catalogue": "optimization/catalog",
    "savings": "optimization/savings",
    "executive": "executive",
    "cost-centres": "cost-centers",
    "budgets": "budgets",
    "anomalies": "anomalies",
    "alerts": "alerts",
    "rates": "rates",
    "what-if": "rates/what-if?at_model=anthropic/claude-haiku-4-5",
    "reports": "reports",
    "audit": "audit",
    "verify": "/verify",
    "pricing": "/docs/concepts/pricing",
    "reference": "/docs/api",
}
"""Pages of figures of the workspace, by what they are called here; a path of its own begins with a slash."""
_BILLS = ("periods", "connections")


class Served:
    """An application on a port of this machine, and browsers for those who look at it."""

    def __init__(self, app: FastAPI, browser: Chromium, folder: Path) -> None:
        self.app, self.browser, self.folder = app, browser, folder
        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.02)
        self.base_url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def context(self, whose: Browser, **options: Any) -> BrowserContext:
        """Return a browser of somebody's own: they are signed in, and far from the workspace's zone."""
        made = self.browser.new_context(
            base_url=self.base_url, viewport=DESKTOP, locale="en-GB", timezone_id="Pacific/Auckland", **options
        )
        made.set_default_timeout(15_000)
        cookies: Mapping[str, str] = {one.name: one.value or "" for one in whose.client.cookies.jar}
        made.add_cookies([{"name": name, "value": value, "url": self.base_url} for name, value in cookies.items()])
        return made

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)


@dataclass(frozen=True)
class Furnished:
    """What is done to the workspace before anybody looks at it, by those who belong to it."""

    olga: Browser
    ben: Browser
    reports: dict[str, Path]
    upload: str

    @classmethod
    def of(cls, app: FastAPI, people: People) -> Furnished:
        state, engine, clock = app.state, people.engine, people.clock
        olga = people.member(STUDIO, "olga@studio.example", Role.OWNER)
        sources, telling = Sources(engine, state.snapshots, state.analyses), Telling(engine, state.mail_seal, "")
        caller = Caller(engine, state.webhook_vault, state.webhook_networks, clock)
        assert AlertKeeper(sources, telling, caller, clock).look()
        asked: dict[str, str] = {}
        for kind, report in REPORTS.items():
            with transaction(engine) as session:
                by, at = Acting(OPERATOR), clock.now()
                asked[kind] = request_report(session, STUDIO, report, by=by, server_url=SERVER, at=at).id
        assert make_reports(state.home, engine, clock) == len(REPORTS)
        reports = {kind: report_file(state.home, STUDIO, report_id) for kind, report_id in asked.items()}
        path = "/studio/reconciliation/bills/uploads"
        sent = olga.post_form(path, files={"file": ("openai-november.csv", INVOICE, "text/csv")})
        return cls(olga, people.member(STUDIO, "ben@studio.example"), reports, sent.headers["location"])


class Studio(Served):
    """The workspace `studio` in a browser: analysed, billed, with alerts, issued reports and a file that waits.

    Attributes:
        olga: its Owner.
        ben: a Member.
        reports: PDFs of October by kind.
        upload: path of the page of an invoice whose columns are not yet told.
    """

    def __init__(self, app: FastAPI, browser: Chromium, folder: Path, furnished: Furnished) -> None:
        super().__init__(app, browser, folder)
        self.olga, self.ben = furnished.olga, furnished.ben
        self.reports, self.upload = furnished.reports, furnished.upload

    def json(self, path: str) -> Any:
        """Return what the JSON API answers to the workspace's key."""
        answer = self.olga.client.get(f"/v1/studio/{path}", headers={"Authorization": f"Bearer {KEY}", "Cookie": ""})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self) -> dict[str, str]:
        """Return every page of figures by name: a path that begins with a slash is none of the workspace's."""
        bills = self.olga.get("/studio/reconciliation/bills").text
        one = {kind: re.findall(rf'"/studio/(reconciliation/bills/{kind}/[0-9a-f-]+)"', bills)[0] for kind in _BILLS}
        cluster, request = self.json("clusters")["clusters"][0], self.json("requests")["requests"][0]
        return {
            **PAGES,
            "bill": one["periods"],
            "connection": one["connections"],
            "upload": self.upload,
            "cluster": cluster["path"],
            "trace": request["path"],
        }

    def sha256(self, kind: str) -> str:
        """Return the digest of a report."""
        return hashlib.sha256(self.reports[kind].read_bytes()).hexdigest()


@contextmanager
def opened_studio(analysed_home: Path, folder: Path) -> Generator[Studio]:
    """Serve a copy of the analysed home at noon of its last day."""
    path = chromium()
    home = Home(folder / "home")
    shutil.copytree(analysed_home, home.root)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        engine, clock = open_database(home.database_url), FixedClock(NOON)
        app = create_app(home, engine=engine, clock=clock, sends_mail=False)
        furnished = Furnished.of(app, People(app, engine, clock))  # before the browser, which keeps an event loop here
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            with closing(browser):
                studio = Studio(app, browser, folder, furnished)
                yield studio
                studio.stop()
        engine.dispose()
