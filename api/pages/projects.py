"""Pages of projects: the list, one project with its settings, re-attributions.

Belongs here: `/{workspace}/projects…`, on the services and views the JSON routes use. Does not belong here: rules
(`api.projects`), sums (`api.dashboards`).

A slug may have slashes, so that nothing can stand behind it in a path: what a form of a project's page asks for is its
field `action`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

# `{slug:path}` takes every name.
from api import whole_paths as whole_paths  # noqa: PLC0414 - said twice: kept on purpose
from api.access.callers import Caller, ReadWorkspace, caller_with
from api.access.permissions import Permission
from api.cost_centres.centres import list_cost_centres
from api.currencies import CURRENCIES, amount_of, amount_text
from api.dashboards.measures import NO_MONEY, total
from api.dashboards.projects import project_list, project_view
from api.dashboards.requests import request_page
from api.dashboards.serving import viewing
from api.dashboards.shown import cost_per_request
from api.db.dependencies import Look, Work
from api.db.models import Project
from api.devices import list_devices
from api.errors import Refused, invalid
from api.pages.dashboard import dashboard_page
from api.pages.forms import Form, PostedForm
from api.pages.project_billing import Billed, billed_projects
from api.pages.project_charts import summaries
from api.pages.project_figures import BYS, PROJECTS, project_tables
from api.pages.rail import EVERYTHING, PageFilters, Rail, page_rail
from api.pages.requests import WantedRequests, requests_table
from api.pages.shell import see_other
from api.plans import PLAN_LIMITS
from api.projects.reattribution import Move, list_reattributions, reattribute, withdraw_reattribution
from api.projects.settings import HourlyRate, ProjectChange, change_project, hourly_rate
from api.projects.visibility import archive_project, list_projects, restore_project, shown_projects

router = APIRouter(include_in_schema=False)

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_PROJECTS))]
ProjectRail = Annotated[Rail, Depends(page_rail("by"))]
RANGES: Final = (
    ("last_7d", "Last 7 days"),
    ("last_30d", "Last 30 days"),
    ("this_month", "This month"),
    ("last_month", "Last month"),
)
DONE: Final = {
    "saved": "The settings were saved.",
    "archived": "The project is archived: requests received from now on are withheld.",
    "restored": "The project is back, with the requests received meanwhile.",
    "moved": "The requests will count for the other project with the next refresh of the figures.",
    "withdrawn": "The re-attribution was withdrawn; the figures follow with their next refresh.",
}
_FIELDS: Final = ("display_name", "client_name", "hourly_rate", "currency", "markup_percent", "cost_centre")
_PERCENT: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,2})?")
_MOVE: Final = ("to_project", "first_day", "last_day", "device_id", "reason")


@dataclass(frozen=True, slots=True)
class _Failed:
    """A form that was refused: which one, why, and what was typed."""

    action: str
    refused: Refused
    typed: Mapping[str, str]


@router.get("/{workspace}/projects")
def projects_page(request: Request, caller: ReadWorkspace, rail: PageFilters, look: Look) -> Response:
    """Show all projects with their spend and what they are billed as."""
    with viewing(rail.call(request, caller)) as view:
        answer = project_list(view)

        @cache
        def billed() -> Billed:
            return billed_projects(look, caller.workspace_id)

        return dashboard_page(
            request,
            "projects/list.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=answer,
            later=lambda: {"billed": billed(), "shown": shown_projects(look, caller.workspace_id)},
            tables=lambda shown: {
                "projects": PROJECTS.shown([(one, billed()) for one in answer.projects], shown, without=billed().unused)
            },
            ceiling=PLAN_LIMITS[caller.plan].projects,
        )


@router.get("/{workspace}/projects/{slug:path}")
def project_page(
    request: Request, caller: ReadWorkspace, slug: str, rail: ProjectRail, look: Look, done: str = ""
) -> Response:
    """Show one project: its figures, settings, and which requests were moved to or from it."""
    return _project(request, caller, look, slug, rail, done=DONE.get(done, ""))


@router.post("/{workspace}/projects/{slug:path}")
def change(request: Request, caller: Editor, slug: str, form: PostedForm, work: Work) -> Response:
    """Do what a form of a project's page asks for; a refusal is shown on the form again."""
    action = form.text("action")
    if action not in _ACTIONS:
        raise invalid("The form does not say what to do.")
    fields, act = _ACTIONS[action]
    form.only("action", *fields)
    try:
        done = act(work, caller, slug, form, request.app.state.clock.now())
    except Refused as refused:
        work.rollback()
        typed = {name: form.text(name) for name in fields}
        return _project(request, caller, work, slug, EVERYTHING, failed=_Failed(action, refused, typed))
    return see_other(f"{_path(caller, slug)}?done={done}")


@router.post("/{workspace}/reattributions/{reattribution_id}/withdraw")
def withdraw(request: Request, caller: Editor, reattribution_id: str, form: PostedForm, work: Work) -> Response:
    """Withdraw a re-attribution and go back to the project the form stood on."""
    form.only("project")
    at = request.app.state.clock.now()
    withdraw_reattribution(work, caller.workspace_id, reattribution_id, actor=caller.actor, at=at)
    return see_other(f"{_path(caller, form.text('project'))}?done=withdrawn")


def _save(session: Session, caller: Caller, slug: str, form: Form, at: datetime) -> str:
    amount = form.text("hourly_rate")
    change = ProjectChange(
        display_name=form.text("display_name") or None,
        client_name=form.text("client_name") or None,
        hourly_rate=HourlyRate(amount_of(amount, what="hourly rate"), form.text("currency")) if amount else None,
        markup_basis_points=_basis_points(form.text("markup_percent")),
        cost_centre=form.text("cost_centre") or None,
    )
    change_project(session, caller.workspace_id, slug, change, actor=caller.actor, at=at)
    return "saved"


def _archive(session: Session, caller: Caller, slug: str, form: Form, at: datetime) -> str:
    if not form.ticked("confirmed"):
        raise invalid("Tick the box to archive the project.", code="not_confirmed")
    archive_project(session, caller.workspace_id, slug, actor=caller.actor, at=at)
    return "archived"


def _restore(session: Session, caller: Caller, slug: str, form: Form, at: datetime) -> str:  # noqa: ARG001 - as the others
    restore_project(session, caller.workspace_id, slug, actor=caller.actor, at=at)
    return "restored"


def _move(session: Session, caller: Caller, slug: str, form: Form, at: datetime) -> str:
    move = Move(
        from_project=slug,
        to_project=form.text("to_project"),
        first_day=_day(form.text("first_day")),
        last_day=_day(form.text("last_day")),
        device_id=form.text("device_id") or None,
        reason=form.text("reason"),
    )
    reattribute(session, caller.workspace_id, move, actor=caller.actor, at=at)
    return "moved"


_Act = Callable[[Session, Caller, str, Form, datetime], str]
_ACTIONS: Final[Mapping[str, tuple[tuple[str, ...], _Act]]] = {
    "save": (_FIELDS, _save),
    "archive": (("confirmed",), _archive),
    "restore": ((), _restore),
    "reattribute": (_MOVE, _move),
}


def _project(
    request: Request,
    caller: Caller,
    session: Session,
    slug: str,
    rail: Rail,
    *,
    done: str = "",
    failed: _Failed | None = None,
) -> Response:
    wanted, by = WantedRequests(request), rail.extra.get("by", "day")
    with viewing(rail.call(request, caller).on_project(slug)) as view:
        answer = project_view(view, slug, recent=0)
        recent = request_page(view, wanted.page)
        return dashboard_page(
            request,
            "projects/project.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=answer,
            tables=lambda shown: project_tables(answer, recent, by, shown, requests_table(view, recent.requests)),
            later=lambda: _settings(session, caller, slug, failed),
            project=slug,
            status=failed.refused.status if failed else 200,
            done=done,
            failed_action=failed.action if failed else "",
            refused=failed.refused if failed else None,
            slug=slug,
            wanted=wanted,
            next_cursor=recent.next_cursor,
            by=by if by in dict(BYS) else "day",
            bys=BYS,
            per_request=cost_per_request(total(view.money().values(), NO_MONEY)),
            summaries=summaries(answer),
            path=_path(caller, slug),
            moving=failed.typed if failed and failed.action == "reattribute" else dict.fromkeys(_MOVE, ""),
        )


def _settings(session: Session, caller: Caller, slug: str, failed: _Failed | None) -> dict[str, Any]:
    """Return what the forms of a project's page show."""
    known = {project.slug: project for project in list_projects(session, caller.workspace_id)}
    centres = list_cost_centres(session, caller.workspace_id)
    project = known.get(slug)
    by_name = sorted(known.values(), key=lambda one: (one.display_name or one.slug).casefold())
    machines = list_devices(session, caller.workspace_id)
    return {
        "stored": project,
        "values": _values(project, failed, {centre.id: centre.slug for centre in centres}),
        "centre_choices": _centre_choices(project, centres),
        "currencies": [(code, code) for code in sorted(CURRENCIES)],
        "targets": [
            (one.slug, one.display_name or one.slug)
            for one in by_name
            if one.slug != slug and one.archived_at_us is None and not one.over_ceiling
        ],
        "devices": [("", "All machines"), *((one.id, one.display_name or one.hostname) for one in machines)],
        "names": {one.slug: one.display_name or one.slug for one in known.values()},
        "history": list_reattributions(session, caller.workspace_id, slug),
        "rate_text": Billed(list(known.values()), centres).rate(slug) or "",
    }


def _values(project: Project | None, failed: _Failed | None, centres: Mapping[str, str]) -> Mapping[str, str]:
    """Return what the settings' fields show: what was typed when it was refused, else what is stored."""
    if failed and failed.action == "save":
        return failed.typed
    if project is None:
        return dict.fromkeys(_FIELDS, "")
    rate = hourly_rate(project)
    return {
        "display_name": project.display_name or "",
        "client_name": project.client_name or "",
        "hourly_rate": amount_text(rate.millicents) if rate else "",
        "currency": rate.currency if rate else "USD",
        "markup_percent": _percent_text(project.markup_basis_points),
        "cost_centre": centres.get(project.cost_centre_id or "", ""),
    }


def _centre_choices(project: Project | None, centres: Any) -> list[tuple[str, str]]:
    own = project.cost_centre_id if project else None
    open_ones = [(one.slug, one.name) for one in centres if one.archived_at_us is None or one.id == own]
    return [("", "None"), *open_ones]


def _basis_points(percent: str) -> int | None:
    if not percent:
        return None
    if not _PERCENT.fullmatch(percent):
        raise invalid("The mark-up must be a percentage from 0 to 1000 with at most 2 decimals.")
    return int(Decimal(percent) * 100)


def _percent_text(basis_points: int | None) -> str:
    if basis_points is None:
        return ""
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02}" if part else str(whole)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid("Give days as YYYY-MM-DD.") from None


def _path(caller: Caller, slug: str) -> str:
    return f"/{caller.slug}/projects/{quote(slug, safe='')}"
