"""Pages of reports: all of a workspace, asking for one, downloading one.

Belongs here: `/{workspace}/reports…`, on the services the JSON routes use. Does not belong here: rules (`api.reports`),
the public page that proves one (`verify`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.access.same_site import public_url
from api.currencies import CURRENCIES
from api.db.dependencies import Look, Work
from api.errors import Refused, invalid
from api.members.acting import Acting
from api.pages.forms import Form, PostedForm
from api.pages.shell import page, see_other
from api.projects.settings import hourly_rate
from api.projects.visibility import list_projects
from api.reports.asked import KIND_WORDS, ReportAsked, ReportKind
from api.reports.issuing import UNFINISHED, clients, list_reports, open_report, request_report
from api.reports.messages import ReportShown
from api.reports.routes import report_answer

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]
Maker = Annotated[Caller, Depends(caller_with(Permission.GENERATE_REPORTS))]
DONE: Final = {"requested": "The report is being made; it stands in the list when it is ready."}
FIELDS: Final = (
    "kind", "period", "from", "to", "project", "client", "charge", "markup_percent", "currency", "exchange_rate",
    "exchange_rate_source", "exchange_rate_date",
)  # fmt: skip
_LINKED: Final = ("kind", "period", "from", "to", "project", "client")
"""What links to the form may fill in."""
_HOURS: Final = ("hours_project", "hours")
_PERCENT: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,2})?")


@router.get("/{workspace}/reports")
def reports_page(request: Request, caller: Reader, look: Look, done: str = "") -> Response:
    """Show all reports, how far those are that are being made, and the form for another, filled in as links ask."""
    chosen = {name: request.query_params.get(name, "") for name in _LINKED}
    return _shown(request, caller, look, chosen, done=DONE.get(done, ""))


@router.post("/{workspace}/reports")
def make(request: Request, caller: Maker, form: PostedForm, work: Work) -> Response:
    """Ask for a report; a refusal is shown on the form again."""
    form.only(*FIELDS, *_HOURS)
    at, server = request.app.state.clock.now(), public_url(request)
    try:
        request_report(work, caller.workspace_id, _asked(form), by=Acting.of(caller), server_url=server, at=at)
    except Refused as refused:
        work.rollback()
        typed = {name: form.text(name) for name in FIELDS}
        hours = dict(zip(form.texts("hours_project"), form.texts("hours"), strict=False))
        return _shown(request, caller, work, typed, refused=refused, hours=hours)
    return see_other(f"/{caller.slug}/reports?done=requested")


@router.get("/{workspace}/reports/{report_id}/file")
def download(request: Request, caller: Reader, report_id: str, work: Work) -> Response:
    """Send a finished report."""
    at, home = request.app.state.clock.now(), request.app.state.home
    report, path = open_report(work, home, caller.workspace_id, report_id, by=Acting.of(caller), at=at)
    return report_answer(report, path)


def _shown(
    request: Request,
    caller: Caller,
    session: Session,
    typed: Mapping[str, str],
    *,
    done: str = "",
    refused: Refused | None = None,
    hours: Mapping[str, str] | None = None,
) -> Response:
    projects = sorted(
        list_projects(session, caller.workspace_id), key=lambda one: (one.display_name or one.slug).casefold()
    )
    reports = [ReportShown.of(report, caller.slug) for report in list_reports(session, caller.workspace_id)]
    client = typed.get("client", "")
    kind = typed.get("kind", "")
    shown = {name: typed.get(name, "") for name in FIELDS}
    shown["kind"] = kind if kind in set(ReportKind) else ReportKind.PROJECT.value
    return page(
        request,
        "reports/list.html",
        caller=caller,
        status=refused.status if refused else 200,
        done=done,
        refused=refused,
        reports=reports,
        unfinished=any(report.state in UNFINISHED for report in reports),
        kind_words={kind.value: words for kind, words in KIND_WORDS.items()},
        typed=shown,
        projects=[(one.slug, one.display_name or one.slug) for one in projects],
        clients=[(name, name) for name in clients(session, caller.workspace_id)],
        rated=[
            (one.slug, one.display_name or one.slug, rate)
            for one in projects
            if one.client_name == client and (rate := hourly_rate(one)) is not None
        ],
        hours=hours or {},
        currencies=[(code, code) for code in sorted(CURRENCIES)],
    )


def _asked(form: Form) -> ReportAsked:
    period, has_days = form.text("period"), bool(form.text("from") or form.text("to"))
    if has_days and period not in ("", "custom"):
        raise invalid("Choose “Custom: the days below” for these days, or leave the days empty.", code="invalid_report")
    statement = form.text("kind") == ReportKind.STATEMENT
    charge = form.text("charge") or "project_settings"
    percent = form.text("markup_percent") if statement and charge == "markup" else ""
    given = zip(form.texts("hours_project"), form.texts("hours"), strict=False)
    hours = {project: text.strip() for project, text in given if text.strip()} if charge == "hours" else {}
    return ReportAsked(
        kind=_one_of(form.text("kind"), "project", "executive", "statement"),
        period=_one_of(period or ("custom" if has_days else "last_month"), "this_month", "last_month", "custom"),
        first_day=_day(form.text("from")),
        last_day=_day(form.text("to")),
        project=form.text("project") or None,
        client=form.text("client") or None,
        charge=_one_of(charge, "project_settings", "markup", "hours"),
        markup_basis_points=_basis_points(percent),
        hours=hours,
        currency=form.text("currency") or "USD",
        exchange_rate=form.text("exchange_rate") or None,
        exchange_rate_source=form.text("exchange_rate_source") or None,
        exchange_rate_date=_day(form.text("exchange_rate_date")),
    )


def _one_of(text: str, *known: str) -> Any:
    if text not in known:
        raise invalid("The form does not say which report to make.", code="invalid_report")
    return text


def _basis_points(percent: str) -> int | None:
    if not percent:
        return None
    if not _PERCENT.fullmatch(percent):
        raise invalid("The mark-up must be a percentage from 0 to 1000 with at most 2 decimals.", code="invalid_report")
    return int(Decimal(percent) * 100)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid("Give days as YYYY-MM-DD.", code="invalid_report") from None
